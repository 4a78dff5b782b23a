import ArgumentParser
import MartletCore
import MartletTransfer
import Testing

@testable import Martlet

@Suite struct HostArgumentTests {
  private let inventory: Inventory = {
    var web = InventoryHost(name: "web1")
    web.connection.address = "192.0.2.1"
    web.connection.user = "admin"
    web.connection.port = 2222
    return Inventory(hosts: [web, InventoryHost(name: "db@blue")], groups: ["web": ["web1"]])
  }()

  @Test(arguments: [
    ("web1", "admin@192.0.2.1:2222"), ("deploy@web1", "deploy@192.0.2.1:2222"),
    ("web1:22", "admin@192.0.2.1:22"), ("deploy@web1:22", "deploy@192.0.2.1:22"), ("db@blue", "db@blue"),
    ("other", "other"), ("me@other:22", "me@other:22"), ("me@corp@other", "me@corp@other"),
    ("::1", "::1"), ("[::1]", "::1"), ("[::1]:22", "::1:22"),
    ("me@[2001:db8:0:0:0:0:0:1]:7", "me@2001:db8:0:0:0:0:0:1:7"),
    ("@local", "@local"),
  ])
  func `A host of the inventory, or as ssh takes it`(word: String, means: String) throws {
    let settings = try HostArgument.host(word, in: inventory).connection
    let user = settings.user.map { $0 + "@" } ?? ""
    #expect(user + settings.address + (settings.port.map { ":\($0)" } ?? "") == means)
    #expect((settings.transport == .local) == (word == "@local"))
  }

  @Test(arguments: [
    "", "@", "@web", "me@", "web:port", "web:0", "web:65536", ":22", "-oProxyCommand=x", "a b", "[web",
  ])
  func `What can't be a host is refused`(word: String) {
    #expect(throws: InventoryError.self) { try HostArgument.host(word, in: inventory) }
    #expect(throws: InventoryError.self) { try HostArgument.host(word, in: nil) }
  }

  @Test func `Patterns and groups want an inventory`() throws {
    #expect(try HostArgument.hosts("web", in: inventory).hosts.map(\.name) == ["web1"])
    #expect(try HostArgument.hosts("web", in: inventory).isPattern)
    #expect(try HostArgument.hosts("web,db*", in: inventory).hosts.map(\.name) == ["web1", "db@blue"])
    #expect(try !HostArgument.hosts("web", in: nil).isPattern)
    #expect(throws: InventoryError.self) { try HostArgument.hosts("web*", in: nil) }
  }

  @Test(arguments: [
    ("web1:x", "web1", "x"), ("web1:", "web1", ""), ("me@web1:/a:b", "me@web1", "/a:b"),
    ("[::1]:x", "::1", "x"),
    ("me@[::1]:x", "me@[::1]", "x"), ("[me@::1]:x", "me@::1", "x"), ("[web1:22]:x", "web1:22", "x"),
    ("[[::1]:22]:x", "[::1]:22", "x"), ("web[1:3]:x", "web[1:3]", "x"), ("@local:x", "@local", "x"),
  ])
  func `The host ends at the first colon outside of brackets`(text: String, host: String, path: String) throws
  {
    let argument = try RemoteArgument(text)
    #expect(argument.host == host && argument.path.description == path)
  }

  @Test(arguments: ["web1", ":x", "", "/a", "[web1:x", "web1:~other/x"])
  func `Without a host it is no remote path`(text: String) {
    #expect(throws: InventoryError.self) { try RemoteArgument(text) }
  }

  @Test func `Options win over the inventory`() throws {
    let arguments = try TransferArguments.parse([
      "--user", "me", "--key", "~/k", "--transport", "openssh", "--become-user", "app", "-p", "--resume",
    ])
    var host = InventoryHost(name: "web1")
    arguments.connection.apply(to: &host)
    #expect(host.connection.user == "me" && host.connection.transport == .openssh)
    #expect(host.connection.keys.first?.hasSuffix("/k") == true && host.connection.keys != ["~/k"])
    let options = arguments.transferOptions
    #expect(options.preserves && options.resumes)
    arguments.become.apply(to: &host)
    #expect(host.connection.become == true && host.connection.becomeUser == "app")
    for wrong in [["--transport", "pigeon"], ["--become-user", "a b"], ["--forks", "0"], ["--user", ""]] {
      #expect(throws: (any Error).self) { try TransferArguments.parse(wrong) }
    }
  }
}
