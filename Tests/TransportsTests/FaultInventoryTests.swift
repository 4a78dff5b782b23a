import Foundation
import Glibc
import MartletCore
import MartletEngine
import MartletTesting
import MartletTransports
import TestSupport
import Testing

/// One inventory of servers that work and of servers that misbehave, each in its own way.
@Suite(.serialized, .timeLimit(.minutes(1))) struct FaultInventoryTests {
  static let banner = "SSH-2.0-Fault\r\n"

  /// What each does, and what its error must say.
  static let faults: [(name: String, says: String, behave: @Sendable (Int32, Int) -> Void)] = [
    ("silent", "while waiting for the server's SSH banner", { _, _ in sleep(8) }),
    ("closing", "dropped the connection before its SSH banner", { _, _ in }),
    (
      "halfway", "while exchanging keys",
      { socket, _ in
        send(banner, to: socket)
        sleep(8)
      }
    ),
    (
      "chatty", "sends without end while waiting",
      { socket, _ in
        while send([UInt8](repeating: 0x61, count: 100) + [10], to: socket) {}
      }
    ),
    (
      "flooding", "sends without end while exchanging keys",
      { socket, _ in
        send(banner, to: socket)
        while send(plainPacket([2, 0, 0, 0, 0]), to: socket) {}
      }
    ),
    (
      "huge", "a packet of 4294967295 bytes",
      { socket, _ in
        send(banner, to: socket)
        send([UInt8](repeating: 255, count: 4000), to: socket)
        waitForEnd(of: socket)
      }
    ),
    (
      "empty", "a packet of 0 bytes",
      { socket, _ in
        send(banner, to: socket)
        send([UInt8](repeating: 0, count: 4000), to: socket)
        waitForEnd(of: socket)
      }
    ),
    (
      "old", "version 1.5 of the SSH protocol",
      { socket, _ in
        send("SSH-1.5-old\r\n", to: socket)
        waitForEnd(of: socket)
      }
    ),
    (
      "web", "HTTP/1.1 400",
      { socket, _ in
        send("HTTP/1.1 400 Bad Request\r\n\r\n", to: socket)
        usleep(100_000)
      }
    ),
    (
      "polite", "the server said: go away",
      { socket, _ in
        send(banner, to: socket)
        send(plainPacket([1, 0, 0, 0, 2, 0, 0, 0, 7] + Array("go away".utf8) + [0, 0, 0, 0]), to: socket)
        waitForEnd(of: socket)
      }
    ),
  ]

  struct Waits: HostTask {
    var label: String { "look" }
    var observes: Nothing { Nothing() }
    func decide(given: Bool) -> Decision { given ? .unchanged : .failed("the host was not looked at") }
  }

  /// The smallest fact: that the host answers.
  struct Nothing: ProbedFact {
    typealias Value = Bool
    static let kind = "nothing"
    var dependsOn: [Resource] { [] }

    static func probe(_ facts: [Nothing], _ options: LookOptions) -> ShellCommand {
      ShellCommand(lines: ["sleep 1; echo here"])
    }

    static func parse(_ output: ProbeOutput, for facts: [Nothing]) -> [Nothing: Bool] {
      Dictionary(uniqueKeysWithValues: facts.map { ($0, output.lines.contains("here")) })
    }
  }

  @Test func `The rest of the inventory finishes`() async throws {
    let faulty = try Self.faults.map { try FaultServer($0.behave) }
    let servers = try (0..<5).map { _ in try LoopbackServer() }
    var hosts: [InventoryHost] = []
    for (fault, server) in zip(Self.faults, faulty) {
      var host = InventoryHost(name: fault.name)
      host.connection.address = "127.0.0.1"
      host.connection.port = server.port
      hosts.append(host)
    }
    for (index, server) in servers.enumerated() {
      var host = InventoryHost(name: "web\(index)")
      host.connection.address = server.address
      host.connection.port = server.port
      host.connection.keys = [server.path("id")]
      host.connection.knownHosts = [server.path("known_hosts")]
      hosts.insert(host, at: index * 3)
    }
    for index in hosts.indices { hosts[index].connection.user = currentUser }

    let events = RecordedEvents()
    let transport = SSHTransport(connectTimeout: .seconds(4), configuration: "none")
    let engine = Engine(transport: transport, options: RunOptions(), sink: events)
    let plays = Plays(items: [Play("Look", on: "all") { Waits() }])
    let start = ContinuousClock.now
    #expect(await engine.run(plays, named: "Look", inventory: Inventory(hosts: hosts)) == 4)
    #expect(ContinuousClock.now - start < .seconds(15))

    var messages: [String: String] = [:]
    for case .hostFailed(let host, let failure) in events.all {
      #expect(failure.kind == .unreachable, "\(host): \(failure.message)")
      messages[host] = failure.message
    }
    #expect(Set(messages.keys) == Set(Self.faults.map(\.name)))
    for fault in Self.faults {
      let message = messages[fault.name] ?? ""
      #expect(message.contains(fault.says), "\(fault.name): \(message)")
    }
    for index in servers.indices { #expect(events.recaps["web\(index)"]?.ok == 1) }
    withExtendedLifetime(faulty) {}
  }
}
