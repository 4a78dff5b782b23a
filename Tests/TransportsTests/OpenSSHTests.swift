import Foundation
import MartletCore
import MartletEngine
import MartletTransports
import TestSupport
import Testing

extension TransportTests {
  @Suite struct OpenSSHTests {
    private let server: LoopbackServer

    init() throws { server = try LoopbackServer() }

    /// A host of which the inventory says nothing but the name.
    private func host(_ name: String, _ change: (inout ConnectionSettings) -> Void = { _ in })
      -> InventoryHost
    {
      var host = InventoryHost(name: name)
      change(&host.connection)
      return host
    }

    /// A configuration in which the name `web` stands for the server.
    private func configuration(_ lines: [String] = []) throws -> String {
      let path = server.path("config")
      let all = [
        "Host web", "HostName \(server.address)", "Port \(server.port)", "User \(currentUser)",
        "IdentityFile \(server.path("id"))", "IdentityAgent none",
        "UserKnownHostsFile \(server.path("known_hosts"))",
      ]
      try (all + lines).joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }

    @Test func `What the inventory leaves open is read from the configuration`() async throws {
      let transport = OpenSSHTransport(configuration: try configuration())
      let session = try await transport.connect(to: host("web"))
      #expect(try await session.run("exit 3") == .code(3))
      await session.close()
    }

    @Test func `What would get in the way is left out of the configuration`() async throws {
      let busy = try Listener()
      let transport = OpenSSHTransport(
        configuration: try configuration([
          "LocalForward \(busy.port) localhost:80", "ExitOnForwardFailure yes", "RemoteCommand echo remote",
          "RequestTTY force", "ControlMaster auto", "ControlPath \(server.path("own"))", "LogLevel QUIET",
        ]))
      let session = try await transport.connect(to: host("web"))
      let talk = Talk()
      #expect(try await session.run("tty -s || echo none", talk) == .code(0))
      #expect(talk.text == "none\n")
      #expect(!FileManager.default.fileExists(atPath: server.path("own")))
      await session.close()
    }

    @Test func `An unknown key is refused, or taken and written down`() async throws {
      let known = server.path("other hosts")
      let transport = OpenSSHTransport(configuration: try configuration())
      let (error, _) = try await failure {
        _ = try await transport.connect(to: host("web") { $0.knownHosts = [known] })
      }
      #expect(error is TransportError)
      #expect("\(error)".hasPrefix("web: "), "\(error)")
      #expect("\(error)".contains("Host key verification failed"), "\(error)")
      let accepting = host("web") {
        $0.knownHosts = [known]
        $0.acceptsNewHostKey = true
      }
      let session = try await transport.connect(to: accepting)
      await session.close()
      let again = try await transport.connect(to: host("web") { $0.knownHosts = [known] })
      await again.close()
    }

    @Test func `A changed key is refused in few words`() async throws {
      let other = try LoopbackServer()
      try shell(
        "sed 's/[^ ]* /[\(server.address)]:\(server.port) /' '\(other.path("known_hosts"))' >changed",
        in: server.folder)
      let transport = OpenSSHTransport(configuration: try configuration())
      let changed = host("web") {
        $0.knownHosts = [server.path("changed")]
        $0.acceptsNewHostKey = true
      }
      let (error, _) = try await failure { _ = try await transport.connect(to: changed) }
      #expect("\(error)".contains("REMOTE HOST IDENTIFICATION HAS CHANGED"), "\(error)")
      #expect(!"\(error)".contains("@@@"), "\(error)")
    }

    @Test func `A key that isn't let in is an error, and nothing is asked`() async throws {
      try shell("ssh-keygen -q -t ed25519 -N '' -f stranger", in: server.folder)
      let transport = OpenSSHTransport(configuration: "none")
      let stranger = host("db") {
        $0.address = server.address
        $0.port = server.port
        $0.keys = [server.path("stranger")]
        $0.knownHosts = [server.path("known_hosts")]
      }
      let (error, time) = try await failure { _ = try await transport.connect(to: stranger) }
      #expect("\(error)".hasPrefix("127.0.0.1:\(server.port): "), "\(error)")
      #expect("\(error)".contains("Permission denied (publickey)"), "\(error)")
      #expect(time < .seconds(10))
    }

    @Test func `A server that never answers is given up`() async throws {
      let silent = try Listener()
      let transport = OpenSSHTransport(connectTimeout: .seconds(1), configuration: "none")
      let (error, time) = try await failure {
        _ = try await transport.connect(
          to: host("db") {
            $0.address = "127.0.0.1"
            $0.port = silent.port
          })
      }
      #expect("\(error)".hasPrefix("127.0.0.1:\(silent.port): "), "\(error)")
      #expect(time < .seconds(5), "\(time)")
    }

    @Test func `Variables that SendEnv names are sent`() async throws {
      setenv("MARTLET_TEST_SENT", "a b", 1)
      let server = try LoopbackServer(options: ["AcceptEnv MARTLET_*"])
      try "SendEnv MARTLET_TEST_S*".write(toFile: server.path("config"), atomically: true, encoding: .utf8)
      let there = host("db") {
        $0.address = server.address
        $0.port = server.port
        $0.keys = [server.path("id")]
        $0.knownHosts = [server.path("known_hosts")]
      }
      let session = try await OpenSSHTransport(configuration: server.path("config")).connect(to: there)
      let talk = Talk()
      #expect(try await session.run("echo $MARTLET_TEST_SENT", talk) == .code(0))
      #expect(talk.text == "a b\n")
      await session.close()
    }

    @Test func `A session that is closed leaves no master and no files`() async throws {
      let transport = OpenSSHTransport(configuration: try configuration())
      let session = try await transport.connect(to: host("web"))
      #expect(try masters() == 1)
      await session.close()
      #expect(try await endsWithin(.seconds(3)))
    }

    /// As when this process is killed.
    @Test func `A master that nobody needs any more ends by itself`() async throws {
      let transport = OpenSSHTransport(configuration: try configuration())
      try await { _ = try await transport.connect(to: host("web")) }()
      #expect(try masters() == 1)
      #expect(try await endsWithin(.seconds(20)))
    }

    @Test func `A session that waits for long stays`() async throws {
      let session = try await OpenSSHTransport(configuration: try configuration()).connect(to: host("web"))
      try await Task.sleep(for: .seconds(12))
      #expect(try await session.run("exit 3") == .code(3))
      await session.close()
    }

    private func endsWithin(_ limit: Duration) async throws -> Bool {
      let end = ContinuousClock.now + limit
      while try masters() > 0 {
        guard ContinuousClock.now < end else { return false }
        try await Task.sleep(for: .milliseconds(50))
      }
      return true
    }

    /// How many masters run for this server's configuration.
    private func masters() throws -> Int {
      let list = try shell("pgrep -fc -- '-F \(server.path("config")) -M' || true")
      return (Int(list.filter { $0.isNumber }) ?? 0) - 1
    }
  }
}
