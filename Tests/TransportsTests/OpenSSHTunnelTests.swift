import Foundation
import Glibc
import MartletCore
import TestSupport
import Testing

@testable import MartletTransports

extension TransportTests {
  /// What is particular to a tunnel that the system's `ssh` makes.
  @Suite struct OpenSSHTunnelTests {
    /// The master to the server: its number and its control folder; nil if there is none.
    private func master(_ server: LoopbackServer) throws -> (process: Int32, folder: String)? {
      let list = try shell("pgrep -af -- '^[^ ]*ssh .*-M .* -p \(server.port) ' || true")
      guard let match = list.prefixMatch(of: #/(\d+) .* -S (\S+)/s /#) else { return nil }
      return (try #require(Int32(match.1)), String(match.2))
    }

    private func check(_ bench: TunnelBench, _ tunnel: HostTunnel) async throws {
      let echo = try EchoServer()
      let here = try await bench.listen(tunnel, to: echo.port)
      try await onThread { try converse(here, seed: 1, size: 10_000) }
    }

    @Test func `Closing it ends the master, also where the task is cancelled`() async throws {
      let bench = try TunnelBench(.openssh)
      for isCancelled in [false, true] {
        let tunnel = try await bench.open()
        try await check(bench, tunnel)
        let master = try #require(try master(bench.server))
        #expect(FileManager.default.fileExists(atPath: master.folder))
        let closing = Task {
          if isCancelled { try? await tunnel.waitUntilBroken() }
          await tunnel.close()
        }
        if isCancelled { closing.cancel() }
        await closing.value
        #expect(!FileManager.default.fileExists(atPath: master.folder))
        #expect(try await bench.waits(.seconds(3)) { kill(master.process, 0) != 0 })
      }
    }

    @Test func `A master that dies is noticed, and its folder removed`() async throws {
      let (bench, echo) = (try TunnelBench(.openssh), try EchoServer())
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: echo.port)
      let first = try #require(try master(bench.server))
      kill(first.process, SIGKILL)
      let (error, _) = try await failure { try await tunnel.waitUntilBroken() }
      #expect("\(error)".contains("the connection is lost"), "\(error)")
      try await onThread { try converse(here, seed: 1, size: 10_000) }
      #expect(bench.server.logins == 2)
      #expect(!FileManager.default.fileExists(atPath: first.folder))
      #expect(bench.reports == [])
      await tunnel.close()
    }

    @Test func `A host that has vanished is noticed, and what ssh says of it is quoted`() async throws {
      let bench = try TunnelBench(.openssh, options: ["Banner /etc/passwd"])
      var host = bench.host
      host.connection.sshOptions = ["ServerAliveInterval=1", "ServerAliveCountMax=1"]
      let tunnel = try await HostTunnel.open(to: host, by: bench.transport)
      let here = try await bench.listen(tunnel, to: try freePort())
      try await onThread {
        let client = try LoopbackClient(here)
        #expect(throws: (any Error).self) { _ = try client.readAll() }
      }
      try bench.server.stopConnections()
      let (error, after) = try await failure { try await tunnel.waitUntilBroken() }
      #expect(after < .seconds(10))
      // Neither the banner nor the connection that could not be made.
      let place = "127.0.0.1:\(bench.server.port)"
      let says = "Timeout, server 127.0.0.1 not responding."
      #expect("\(error)" == "\(place): the connection is lost; ssh says: \(says)")
      await tunnel.close()
      try bench.server.dropConnections()
    }

    @Test func `Logins that fail become rare, and one that succeeds is used`() async throws {
      let (bench, echo) = (try TunnelBench(.openssh), try EchoServer())
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: echo.port)
      try shell("mv authorized_keys away", in: bench.server.folder)
      try bench.server.dropConnections()
      try await Task.sleep(for: .milliseconds(200))
      let end = ContinuousClock.now + .seconds(4)
      while ContinuousClock.now < end {
        try await onThread {
          let client = try LoopbackClient(here)
          #expect(throws: (any Error).self) { _ = try client.readAll() }
        }
      }
      // After half a second, another one, and two.
      let attempts = bench.server.log.components(separatedBy: "Connection from").count - 2
      #expect((2...4).contains(attempts), "\(attempts)")
      #expect(bench.reports.last?.contains("Permission denied (publickey)") == true, "\(bench.reports)")
      try shell("mv away authorized_keys", in: bench.server.folder)
      try await onThread { try converse(here, seed: 1, size: 1000) }
      #expect(bench.server.logins == 2)
      await tunnel.close()
    }

    @Test func `The user's own forwards are left out`() async throws {
      let busy = try Listener()
      let free = try freePort()
      let folder = try TemporaryFolder()
      let config = folder.path + "/config"
      let lines = [
        "LocalForward \(busy.port) localhost:80", "LocalForward \(free) localhost:80",
        "ExitOnForwardFailure yes",
        "GatewayPorts yes", "ControlMaster ask", "LogLevel QUIET",
      ]
      try lines.joined(separator: "\n").write(toFile: config, atomically: true, encoding: .utf8)
      let bench = try TunnelBench(.openssh, configuration: config)
      let tunnel = try await bench.open()
      try await check(bench, tunnel)
      #expect(connectLoopback(free) == nil)
      await tunnel.close()
    }

    private func isBySystemSSH(_ host: InventoryHost) async throws -> Bool {
      let echo = try EchoServer()
      let tunnel = try await HostTransport(configuration: "none").tunnel(to: host)
      let places = try await tunnel.listen(try TunnelForward("0:127.0.0.1:\(echo.port)")) { _ in }
      let here = try #require(places.first?.split(separator: ":").last.flatMap { Int($0) })
      try await onThread { try converse(here, seed: 1, size: 10_000) }
      await tunnel.close()
      return tunnel is OpenSSHTunnel
    }

    @Test func `It is chosen where the configuration needs it`() async throws {
      let bench = try TunnelBench(.openssh)
      var host = bench.host
      host.connection.transport = nil
      #expect(try await !isBySystemSSH(host))
      host.connection.sshOptions = ["Ciphers=chacha20-poly1305@openssh.com"]
      #expect(try await isBySystemSSH(host))
    }

    /// It shows only while logging in: the certificate is in the agent.
    @Test func `It is chosen where libssh2 doesn't get in`() async throws {
      let folder = try TemporaryFolder()
      try shell(
        """
        ssh-keygen -q -t ed25519 -N '' -f ca
        ssh-keygen -q -t ed25519 -N '' -f person
        ssh-keygen -q -s ca -I person -n '\(currentUser)' person.pub
        """, in: folder.path)
      let agent = try Agent(folder.path)
      try agent.add(folder.path + "/person")
      try shell("rm person person-cert.pub", in: folder.path)
      let bench = try TunnelBench(.openssh, options: ["TrustedUserCAKeys \(folder.path)/ca.pub"])
      var host = bench.host
      host.connection.transport = nil
      host.connection.keys = []
      host.connection.sshOptions = ["IdentityAgent=\(agent.socket)"]
      #expect(try await isBySystemSSH(host))
      let stranger = try TunnelBench(.openssh)
      host.connection.port = stranger.server.port
      host.connection.knownHosts = [stranger.server.path("known_hosts")]
      let there = host
      let (error, _) = try await failure {
        _ = try await HostTunnel.open(to: there, by: HostTransport(configuration: "none"))
      }
      #expect("\(error)".contains("; and the system's ssh says: "), "\(error)")
    }
  }
}
