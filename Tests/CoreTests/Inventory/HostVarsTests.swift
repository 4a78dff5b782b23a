import Foundation
import MartletCore
import Testing

@Suite struct HostVarsTests {
  struct Vars: HostVars {
    struct Site: Codable, Sendable {
      var port = 80
      var names = ["a"]
    }
    var domain = ""
    var workers = 3
    var rate = 0.5
    var debug = false
    var site = Site()
    var note: String?
    var secretKey: Secret?
    var root: RemotePath = "/srv"
  }

  private func host(_ vars: [String: InventoryValue]) -> InventoryHost {
    InventoryHost(name: "web1", vars: vars.mapValues { InventoryVariable($0, origin: "hosts.yaml:12") })
  }

  @Test func valuesAreLaidOverTheDefaults() throws {
    let vars = try Vars.decode(
      for: host([
        "domain": .string("ex.org"), "site": .map(["port": .int(443)]), "secretKey": .string("hunter22"),
        "other": .int(1), "rate": .int(2),
      ]))
    #expect(vars.domain == "ex.org" && vars.workers == 3 && vars.site.port == 443 && vars.site.names == ["a"])
    #expect(
      vars.secretKey?.reveal() == "hunter22" && vars.note == nil && vars.root == "/srv" && vars.rate == 2)
  }

  @Test func aSecretMayBeADefault() throws {
    struct WithDefault: HostVars {
      struct Part: Codable, Sendable { var inner = Secret("inner-default") }
      var p: Secret = Secret("the-default")
      var from: Secret = .environment("MARTLET_TEST_NONE")
      var list = [Secret("first-one"), Secret("second-one")]
      var part = Part()
    }
    let plain = try WithDefault.decode(for: host([:]))
    #expect(plain.p.reveal() == "the-default" && plain.part.inner.reveal() == "inner-default")
    #expect(plain.list.map { $0.reveal() } == ["first-one", "second-one"])
    #expect(plain.from.problem?.contains("MARTLET_TEST_NONE") == true)
    let given = try WithDefault.decode(for: host(["p": .string("given"), "list": .list([])]))
    #expect(given.p.reveal() == "given" && given.list.isEmpty)
    #expect(try WithDefault.knownNames() == ["p", "from", "list", "part"])
  }

  @Test func aValueThatMayBeASecretIsNotShown() throws {
    struct Tokens: HostVars {
      var tokens: [Secret] = []
      var pin: Secret?
    }
    for vars: [String: InventoryValue] in [["tokens": .string("s3cr3t")], ["pin": .int(48151623)]] {
      do {
        _ = try Tokens.decode(for: host(vars))
        Issue.record("it fits")
      } catch {
        #expect(
          "\(error)".contains("found a ") && !"\(error)".contains("s3cr3t") && !"\(error)".contains("4815"))
      }
    }
  }

  struct Nested: HostVars {
    struct Site: HostVars {
      struct Path: HostVars {
        var prefix = "/"
        var cached = true
      }
      var port = 80
      var name = ""
      var paths: [Path] = []
    }
    struct Plain: Codable { var port = 80 }
    var sites: [Site] = [Site()]
    var byName: [String: Site] = [:]
    var main: Site?
    var plain: [Plain] = []
    var password = Secret("hunter22")
    var token: Secret = .environment("MARTLET_NOT_SET")
  }

  @Test func elementsAreLaidOverTheDefaultsOfTheirType() throws {
    let site = InventoryValue.map(["name": .string("a"), "paths": .list([.map(["prefix": .string("/x")])])])
    let vars = try Nested.decode(
      for: host(["sites": .list([site, .map([:])]), "byName": .map(["b": site]), "main": site]))
    #expect(vars.sites.map(\.port) == [80, 80] && vars.sites.map(\.name) == ["a", ""])
    #expect(vars.sites.first?.paths.first?.prefix == "/x" && vars.sites.first?.paths.first?.cached == true)
    #expect(vars.byName["b"]?.port == 80 && vars.main?.port == 80)
    let error = #expect(throws: InventoryError.self) {
      try Nested.decode(for: host(["plain": .list([.map([:])])]))
    }
    #expect(error?.description.contains("plain[0].port: it has no value") == true)
    #expect(error?.description.contains("a HostVars, whose defaults count") == true)
  }

  @Test func secretsMayBeDefaults() throws {
    let vars = try Nested.decode(for: host([:]))
    #expect(vars.password.reveal() == "hunter22" && vars.token.problem != nil)
    #expect(try Nested.decode(for: host(["password": .string("other")])).password.reveal() == "other")
    #expect(try Nested.knownNames().contains("password"))
    #expect(throws: (any Error).self) { try JSONEncoder().encode(Secret("hunter22")) }
  }

  @Test func optionalNamesAreKnownToo() throws {
    #expect(
      try Vars.knownNames() == [
        "domain", "workers", "rate", "debug", "site", "note", "secretKey", "root",
      ])
  }

  @Test(
    arguments: [
      (["workers": .string("3")], "workers: expected a whole number, found the text \"3\""),
      (
        ["domain": .int(5)],
        "domain: expected a text (in quotes, if it looks like a number), found a number"
      ),
      (["debug": .string("yes")], "debug: expected true or false"),
      (["site": .map(["names": .list([.int(1)])])], "site.names[0]: expected a text"),
      (["workers": .double(1.5)], "workers: the value doesn't fit its type, found the number 1.5"),
      (["site": .string("x")], "site: expected"),
    ] as [([String: InventoryValue], String)])
  func aWrongTypeNamesThePlace(vars: [String: InventoryValue], text: String) {
    #expect {
      try Vars.decode(for: host(vars))
    } throws: { error in
      let message = "\(error)"
      return message.hasPrefix("hosts.yaml:12: host web1, variable ") && message.contains(text)
    }
  }
}
