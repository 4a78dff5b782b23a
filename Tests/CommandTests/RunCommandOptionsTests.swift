import ArgumentParser
import MartletCore
import MartletEngine
import Testing

@testable import Martlet

@Suite struct RunCommandOptionsTests {
  private func inventory() -> Inventory {
    Inventory(hosts: [InventoryHost(name: "a"), InventoryHost(name: "b")])
  }

  @Test func `Options reach the engine`() throws {
    let options = try RunCommandOptions.parse([
      "--check", "--diff", "--tags", "a,b", "--tags=c", "--skip-tags", "d", "--forks", "7", "-l", "web", "-v",
    ]).runOptions
    #expect(options.check && options.diff && options.verbose && options.forks == 7)
    #expect(options.tags == ["a", "b", "c"] && options.skipTags == ["d"])
    #expect(options.limit?.description == "web")
  }

  @Test func `Without options nothing of the inventory is touched`() throws {
    let options = try RunCommandOptions.parse([])
    var inventory = Inventory(hosts: [InventoryHost(name: "a")])
    inventory.updateHosts {
      $0.connection.user = "u"
      $0.connection.keys = ["k"]
      $0.connection.become = true
    }
    options.apply(to: &inventory)
    let connection = try #require(inventory.host("a")).connection
    #expect(connection.user == "u" && connection.keys == ["k"] && connection.become == true)
    #expect(!connection.acceptsNewHostKey && connection.becomePassword == nil)
    #expect(!options.runOptions.check && options.runOptions.forks == 100 && options.runOptions.limit == nil)
  }

  @Test func `What the command line says wins over the inventory`() throws {
    let options = try RunCommandOptions.parse([
      "--user", "deploy", "--key", "/keys/id", "--no-become", "--accept-new-host-keys", "-o", "Port=3",
    ])
    var inventory = inventory()
    inventory.updateHosts {
      $0.connection.become = true
      $0.connection.sshOptions = ["Port=4"]
    }
    options.apply(to: &inventory, password: Secret("hunter21"), becomePassword: Secret("hunter22"))
    for host in inventory.hosts {
      #expect(host.connection.user == "deploy" && host.connection.keys == ["/keys/id"])
      #expect(host.connection.become == false && host.connection.acceptsNewHostKey)
      #expect(host.connection.becomePassword == Secret("hunter22"))
      #expect(host.connection.password == Secret("hunter21"))
      // ssh takes the first value that it reads.
      #expect(host.connection.sshOptions == ["Port=3", "Port=4"])
    }
  }

  @Test(arguments: [
    [],
    [
      "-i", "a.yaml", "--inventory=b,", "-l", "web:!a", "--check", "--diff", "--tags", "x,y", "--skip-tags",
      "z",
    ],
    [
      "--forks", "3", "--user=-odd", "--key", "~/k", "--become", "-K", "-v", "--json",
      "--accept-new-host-keys",
    ],
    ["--no-become", "--transport", "openssh", "-k", "-F", "none", "-o", "ProxyJump=b", "-o", "Port=2"],
    ["--become-user", "postgres", "--become-method", "su"],
  ])
  func `Options survive being handed on as words`(arguments: [String]) throws {
    let options = try RunCommandOptions.parse(arguments)
    let again = try RunCommandOptions.parse(options.commandLine)
    #expect(again.commandLine == options.commandLine)
    #expect(
      again.connection.inventories == options.connection.inventories && again.limit == options.limit)
    let (user, otherUser) = (again.become, options.become)
    #expect(user.become == otherUser.become && user.asksPassword == otherUser.asksPassword)
    #expect(user.becomeUser == otherUser.becomeUser && user.becomeMethod == otherUser.becomeMethod)
    #expect(again.runOptions.tags == options.runOptions.tags && again.json == options.json)
    #expect(again.verbose == options.verbose && again.forks == options.forks && again.check == options.check)
    let (one, other) = (again.connection, options.connection)
    #expect(one.user == other.user && one.key == other.key && one.transport == other.transport)
    #expect(one.acceptsNewHostKeys == other.acceptsNewHostKeys && one.asksPassword == other.asksPassword)
    #expect(one.sshConfig == other.sshConfig && one.sshOptions == other.sshOptions)
  }

  @Test func `The transport of the command line wins, but for the machine itself`() throws {
    func transports(_ name: String) throws -> [TransportChoice?] {
      let options = try RunCommandOptions.parse(["--transport", name])
      var inventory = Inventory(hosts: [InventoryHost(name: "a"), InventoryHost(name: "@local")])
      inventory.updateHosts { $0.connection.transport = .local }
      options.apply(to: &inventory)
      return inventory.hosts.map(\.connection.transport)
    }
    #expect(try transports("openssh") == [.openssh, .local])
    #expect(try transports("auto") == [nil, .local])
    #expect(throws: (any Error).self) { try RunCommandOptions.parse(["--transport", "telnet"]) }
  }

  @Test func `A user to become is meant to be become`() throws {
    let options = try RunCommandOptions.parse(["--become-user", "postgres", "--become-method", "doas"])
    var inventory = inventory()
    inventory.updateHosts { $0.connection.become = false }
    options.apply(to: &inventory)
    for host in inventory.hosts {
      #expect(host.connection.become == true && host.connection.becomeUser == "postgres")
      #expect(host.connection.becomeMethod == .doas)
    }
  }

  @Test(arguments: [
    (["--become-user", "a b"], "is not the name of a user"),
    (["--become-user", "app", "--no-become"], "contradict each other"),
    (["--become-method", "runas"], "none of sudo, su and doas"),
    (["-o", "ProxyJump"], "as ProxyJump=bastion"),
    (["-F", ""], "--ssh-config is empty"),
  ])
  func `What can't be is refused`(arguments: [String], says: String) {
    do {
      _ = try RunCommandOptions.parse(arguments)
      Issue.record("taken")
    } catch {
      #expect(RunCommandOptions.message(for: error).contains(says))
    }
  }
}
