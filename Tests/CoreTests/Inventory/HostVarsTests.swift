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
