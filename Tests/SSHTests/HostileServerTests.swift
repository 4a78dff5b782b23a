import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// What a host sends is untrusted, also after its key was accepted: no crash, no hang.
  @Suite struct HostileServerTests {
    private static let server = Result { try HostileServer() }

    private func target(_ user: String) throws -> SSHTarget {
      let server = try Self.server.get()
      var target = SSHTarget(host: "127.0.0.1", port: server.port, user: user)
      target.knownHosts.files = [server.knownHosts]
      target.identities = []
      target.agentSocket = nil
      target.password = SSHSecret("x")
      target.connectTimeout = .seconds(20)
      return target
    }

    @Test(arguments: 0..<24)
    func nonsenseWhileLoggingIn(seed: Int) async throws {
      let target = try target("login-\(seed)")
      do throws(SSHError) {
        // Among the nonsense may be the word that it was right.
        try await SSHConnection.connect(to: target).close()
      } catch {
        if case .timedOut = error.kind { Issue.record("\(error)") }
      }
    }

    @Test(arguments: [5000, 100_000_000, 0xFFFF_FFFF])
    func questionBeyondItsPacket(length: Int) async throws {
      let error = try await refusal(of: try target("name-\(length)"))
      #expect(error.message.contains("longer than the message that it came in"), "\(error)")
    }

    @Test(arguments: [(4, "TERM"), (0, "unknown"), (5, "unknown"), (90, "unknown"), (1_000_000, "unknown")])
    func signalBeyondItsPacket(length: Int, name: String) async throws {
      let connection = try await SSHConnection.connect(to: try target("signal-\(length)"))
      let status = try await connection.run("true", limits: CommandLimits(timeout: .seconds(20)))
      #expect(status == .signal(name))
      await connection.close()
    }

    @Test(arguments: 0..<24)
    func nonsenseInACommand(seed: Int) async throws {
      let connection = try await SSHConnection.connect(to: try target("session-\(seed)"))
      let start = ContinuousClock.now
      do throws(SSHError) {
        // What a server may say: that it has ended.
        _ = try await connection.run("true", limits: CommandLimits(timeout: .seconds(20)))
      } catch {
        #expect(error.kind != .timedOut(.running), "\(error)")
      }
      #expect(ContinuousClock.now - start < .seconds(20))
      await connection.close()
    }
  }
}
