import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// Servers that misbehave: each is an error within its deadline.
  @Suite struct FaultTests {
    func error(_ target: SSHTarget) async throws -> SSHError {
      let start = ContinuousClock.now
      let error = try await failure { () async throws(SSHError) in try await SSHConnection.connect(to: target)
      }
      #expect(ContinuousClock.now - start < target.connectTimeout + .seconds(5))
      return error
    }

    @Test func refused() async throws {
      var target = SSHTarget(host: "127.0.0.1", port: try freePort(), user: "u")
      target.connectTimeout = .seconds(5)
      let error = try await error(target)
      #expect(error.kind == .refused)
      #expect(error.message.contains("is sshd running"))
    }

    @Test func nameThatDoesNotExist() async throws {
      var target = SSHTarget(host: "no-such-host.invalid", user: "u")
      target.connectTimeout = .seconds(15)
      let error = try await error(target)
      #expect(error.kind == .unresolvable || error.kind == .timedOut(.resolving))
    }

    @Test func badPort() async throws {
      #expect(try await error(SSHTarget(host: "127.0.0.1", port: 0, user: "u")).kind == .unresolvable)
      #expect(try await error(SSHTarget(host: "127.0.0.1", port: 65536, user: "u")).kind == .unresolvable)
      #expect(try await error(SSHTarget(host: "", user: "u")).kind == .unresolvable)
    }

    @Test func addressThatSwallowsPackets() async throws {
      let listener = try FullListener()
      var target = SSHTarget(host: "127.0.0.1", port: listener.port, user: "u")
      target.connectTimeout = .milliseconds(600)
      let error = try await error(target)
      #expect([.timedOut(.connecting), .unreachable].contains(error.kind))
    }

    /// Two connections are dropped before their banner; the third is let in by a relay.
    @Test func droppedBeforeTheBannerIsTriedAgain() async throws {
      let server = try LoopbackServer()
      let relay = try FaultServer { socket, number in
        if number > 2 { Passage(to: server.port).pass(socket) }
      }
      try shell("sed 's/:\(server.port)/:\(relay.port)/' known_hosts > relayed", in: server.folder)
      var target = server.target
      target.port = relay.port
      target.knownHosts.files = [server.path("relayed")]
      let connection = try await SSHConnection.connect(to: target)
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      await connection.close()
    }

    @Test func maxStartups() async throws {
      let server = try LoopbackServer(options: ["MaxStartups 2:100:4"])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<12 {
          group.addTask {
            let connection = try await server.connect { $0.connectTimeout = .seconds(50) }
            await connection.close()
          }
        }
        try await group.waitForAll()
      }
    }

    @Test func cancellationWhileConnecting() async throws {
      let server = try FaultServer { _, _ in sleep(10) }
      let target = server.target(timeout: .seconds(30))
      let connecting = Task { try await SSHConnection.connect(to: target) }
      try await Task.sleep(for: .milliseconds(200))
      let start = ContinuousClock.now
      connecting.cancel()
      let result = await connecting.result
      #expect(throws: SSHError.self) { _ = try result.get() }
      #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test func localhostByName() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect {
        $0.host = "localhost"
        $0.knownHosts = KnownHostsPolicy(files: [server.path("byname")], mode: .acceptNew)
      }
      await connection.close()
      #expect(try shell("cat byname", in: server.folder).hasPrefix("[localhost]:\(server.port) ssh-ed25519 "))
    }
  }
}
