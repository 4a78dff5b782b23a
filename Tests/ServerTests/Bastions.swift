import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import Synchronization
import TestSupport
import Testing

/// A private network: a bastion, three servers that only it reaches, a second bastion that only it reaches, and a
/// server that only that one reaches.
struct Bastions {
  static let outer = Server(number: 21)
  static let inner = Server(number: 22)
  static let web = (23...25).map { Server(number: $0) }
  static let deep = Server(number: 26)

  private static let isUp = Mutex(false)

  /// Where the files of this test are.
  let bench: Workbench

  /// Makes the network; it is fresh the first time in a test run, and then as the other tests left it.
  init() async throws {
    bench = try Workbench()
    let wasUp = Self.isUp.withLock { isUp in
      defer { isUp = true }
      return isUp
    }
    if !wasUp {
      // Of the servers behind it only sshd is wanted, and that is up at once.
      try await Server.lab.up(21...22)
      try await Server.lab.up(23...26, systemd: false)
      for number in 21...26 { try await Server.lab.reset(number) }
      for server in [Self.inner] + Self.web {
        try await Server.lab.isolate(server.number, reachableFrom: [Self.outer.number])
      }
      try await Server.lab.isolate(Self.deep.number, reachableFrom: [Self.inner.number])
    }
    for server in [Self.outer, Self.inner] where !Server.lab.isRunning(server.number) {
      try await Server.lab.start(server.number)
    }
    for server in Self.web + [Self.deep] { _ = try await server.shell("rm -f /root/* /etc/martlet-bastion") }
  }

  /// A configuration of ssh's in which `bastion`, `inner`, `web1` to `web3` and `deep` have addresses, and nothing
  /// says how they are reached.
  ///
  /// - Parameters:
  ///   - first: Lines that come before all else.
  ///   - knownHosts: The file of known hosts.
  func configuration(_ first: [String], knownHosts: String = Server.lab.knownHosts) throws -> String {
    var lines = first
    let names = ["bastion": Self.outer, "inner": Self.inner, "deep": Self.deep]
      .merging(zip(["web1", "web2", "web3"], Self.web)) { one, _ in one }
    for (name, server) in names.sorted(by: { $0.key < $1.key }) {
      lines += ["Host \(name)", "  HostName \(try Self.address(server))"]
    }
    lines += [
      "Host *", "  IdentityFile \(Server.lab.privateKey)", "  IdentityAgent none", "  IdentitiesOnly yes",
      "  UserKnownHostsFile \(knownHosts)", "  GlobalKnownHostsFile /dev/null", "  StrictHostKeyChecking yes",
    ]
    try bench.write("config", lines.joined(separator: "\n") + "\n")
    return bench.folder + "/config"
  }

  static func address(_ server: Server) throws -> String { try Server.lab.host(server.number).address }

  /// Hosts that the inventory only names.
  static func hosts(_ names: String...) -> [InventoryHost] {
    names.map { name in
      var host = InventoryHost(name: name)
      host.connection.user = "root"
      return host
    }
  }

  /// Runs a playbook on hosts.
  static func run(
    _ hosts: [InventoryHost], _ transport: any Transport,
    @StepsBuilder tasks: @escaping @Sendable () throws -> Steps = { converging() }
  ) async -> (code: Int32, events: RecordedEvents) {
    let events = RecordedEvents()
    let engine = Engine(transport: transport, options: RunOptions(), sink: events)
    let plays = Plays(items: [Play("Test", on: "all", become: .root, tasks: tasks)])
    return (await engine.run(plays, named: "Test", inventory: Inventory(hosts: hosts)), events)
  }

  /// Tasks for root that write down where the login came from.
  @StepsBuilder static func converging() -> Steps {
    File("/etc/martlet-bastion", content: "behind\n", mode: 0o600)
    Command("echo ${SSH_CONNECTION%% *} >/root/from", creates: "/root/from")
  }

  /// How many times the outer bastion, or the inner one, has let someone in.
  ///
  /// - Parameter expected: As many are waited for, for ten seconds: while a server boots, its journal moves from
  ///   memory to the disk, and doesn't show what has just come.
  static func logins(_ server: Server = outer, expected: Int = 0) async throws -> Int {
    let end = ContinuousClock.now + .seconds(10)
    while true {
      let log = try await server.journal("sshd", "sshd-session")
      let count = log.components(separatedBy: "Accepted publickey for ").count - 1
      if count >= expected || ContinuousClock.now > end { return count }
      try await Task.sleep(for: .milliseconds(200))
    }
  }
}

extension RecordedEvents {
  /// What stopped a host; empty where nothing did.
  func message(of host: String) -> String {
    let messages = all.compactMap { event in
      if case .hostFailed(host, let failure) = event { failure.message } else { nil }
    }
    return messages.joined(separator: "\n")
  }
}
