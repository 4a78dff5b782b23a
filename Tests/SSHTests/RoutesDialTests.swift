import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// Which addresses are tried, from where, and how often.
  @Suite struct RoutesDialTests {
    func loopback(_ port: Int) throws -> SocketAddress {
      try #require(Resolver.numeric("127.0.0.1", port: port)?.first)
    }

    /// Addresses that swallow packets cost a quarter of a second each, not a share of the deadline.
    @Test func silentAddressesCostLittle() async throws {
      let (server, full) = (try LoopbackServer(), try FullListener())
      let dead = try loopback(full.port)
      let addresses = [dead, dead, try loopback(server.port)]
      try shell("sed 's/.127.0.0.1./[many]/' known_hosts > many", in: server.folder)
      let start = ContinuousClock.now
      let connection = try await server.connect {
        $0.host = "many"
        $0.lookUp = { .success(addresses) }
        $0.knownHosts.files = [server.path("many")]
        $0.connectTimeout = .seconds(30)
      }
      #expect(ContinuousClock.now - start < .seconds(2))
      await connection.close()
    }

    @Test func familiesTakeTurns() throws {
      func address(_ text: String) throws -> SocketAddress {
        try #require(Resolver.numeric(text, port: 22)?.first)
      }
      let addresses = try ["2001:db8::1", "2001:db8::2", "2001:db8::3", "192.0.2.1"].map(address)
      #expect(
        Resolver.interleaved(addresses).map(\.text)
          == ["2001:db8::1", "192.0.2.1", "2001:db8::2", "2001:db8::3"])
    }

    @Test func addressFamily() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect { $0.addressFamily = .inet }
      await connection.close()
      let error = try await sshError { try await server.connect { $0.addressFamily = .inet6 } }
      #expect(error.kind == .unresolvable)
      #expect(error.message.contains("no IPv6 address"), "\(error)")
    }

    @Test func literalsOfIPv6() async throws {
      #expect(Resolver.numeric("fe80::1%lo", port: 22)?.map(\.text) == ["fe80::1%lo"])
      #expect(Resolver.numeric("fe80::1%nosuchinterface", port: 22) == nil)
      let server = try LoopbackServer(address: "::1")
      let connection = try await server.connect { $0.host = "[::1]" }
      #expect(connection.target.host == "::1")
      await connection.close()
    }

    @Test func bindAddress() async throws {
      let server = try LoopbackServer()
      for change: @Sendable (inout SSHTarget) -> Void in [
        { $0.bindAddress = "127.0.0.9" }, { $0.bindInterface = "lo" },
      ] {
        let connection = try await server.connect(change)
        let output = Collected()
        _ = try await connection.run("echo ${SSH_CONNECTION%% *}", limits: minute) { output.add($0) }
        #expect(["127.0.0.9\n", "127.0.0.1\n"].contains(output.text))
        await connection.close()
      }
      #expect(server.log.contains("Connection from 127.0.0.9"))
      let error = try await sshError { try await server.connect { $0.bindAddress = "192.0.2.77" } }
      #expect(error.kind == .unreachable)
      #expect(error.message.contains("192.0.2.77 (BindAddress"), "\(error)")
      let interface = try await sshError { try await server.connect { $0.bindInterface = "eth99" } }
      #expect(interface.message.contains("eth99"), "\(interface)")
    }

    @Test func connectionAttempts() async throws {
      let port = try freePort()
      let start = ContinuousClock.now
      let error = try await sshError {
        var target = SSHTarget(host: "127.0.0.1", port: port, user: "u")
        target.connectionAttempts = 3
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .refused)
      #expect(ContinuousClock.now - start > .seconds(2))
      #expect(ContinuousClock.now - start < .seconds(4))
    }

    /// A hundred names whose DNS is dead hold up no host that is given by its address.
    @Test func deadDNSHoldsUpNoAddress() async throws {
      let server = try LoopbackServer()
      let slow = (0..<100).map { number in
        Task {
          var target = SSHTarget(host: "slow\(number)", user: "u")
          target.lookUp = {
            sleep(2)
            return .failure(Resolver.Failure(reason: "late"))
          }
          target.connectTimeout = .seconds(10)
          return try await SSHConnection.connect(to: target)
        }
      }
      let start = ContinuousClock.now
      for _ in 0..<3 { await (try await server.connect()).close() }
      #expect(ContinuousClock.now - start < .seconds(1))
      for task in slow {
        let result = await task.result
        let error = try #require(throws: SSHError.self) { _ = try result.get() }
        #expect(error.kind == .unresolvable)
      }
    }

    @Test func environment() async throws {
      let server = try LoopbackServer(options: ["AcceptEnv MARTLET_*"])
      let connection = try await server.connect {
        $0.environment = [("REFUSED", "x"), ("MARTLET_A", "one 'two'"), ("MARTLET_B", "")]
      }
      for _ in 0..<2 {
        let output = Collected()
        let command = "echo \"$MARTLET_A|${MARTLET_B-unset}|${REFUSED-unset}\""
        #expect(try await connection.run(command, limits: minute) { output.add($0) } == .code(0))
        #expect(output.text == "one 'two'||unset\n")
      }
      await connection.close()
    }
  }
}
