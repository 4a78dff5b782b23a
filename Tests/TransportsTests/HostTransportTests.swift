import Foundation
import MartletCore
import MartletEngine
import TestSupport
import Testing

@testable import MartletTransports

extension TransportTests {
  /// Which way a host is reached where nobody says.
  @Suite struct HostTransportTests {
    private let server: LoopbackServer

    init() throws { server = try LoopbackServer() }

    private func host(_ options: [String] = [], _ change: (inout ConnectionSettings) -> Void = { _ in })
      -> InventoryHost
    {
      var host = InventoryHost(name: "web")
      host.connection.address = server.address
      host.connection.port = server.port
      host.connection.user = currentUser
      host.connection.keys = [server.path("id")]
      host.connection.knownHosts = [server.path("known_hosts")]
      host.connection.sshOptions = options
      change(&host.connection)
      return host
    }

    private func way(_ host: InventoryHost) async throws -> String {
      let transport = HostTransport(configuration: "none")
      let session = try await transport.connect(to: host)
      let status = try await session.run("exit 3")
      #expect(status == .code(3))
      await session.close()
      return session is OpenSSHSession ? "openssh" : "ssh"
    }

    @Test func `libssh2 where it will do`() async throws {
      #expect(try await way(host()) == "ssh")
      #expect(try await way(host(["ServerAliveInterval=5", "Ciphers=aes256-ctr"])) == "ssh")
      #expect(try await way(host { $0.transport = .openssh }) == "openssh")
    }

    @Test(arguments: [
      "ForwardAgent=yes", "KexAlgorithms=sntrup761x25519-sha512@openssh.com",
      "Ciphers=chacha20-poly1305@openssh.com",
    ])
    func `The system's ssh where only that can do what is asked for`(option: String) async throws {
      #expect(try await way(host([option])) == "openssh")
      let notices = try await HostTransport(configuration: "none").prepare(for: [host([option])])
      #expect(notices.contains { $0.message.hasPrefix("reached by the system's ssh: ") && $0.verboseOnly })
    }

    /// As the inventory's own words are about this host, and a group's options about many.
    @Test(arguments: [TransportChoice.ssh, .openssh])
    func `What the inventory says of a host counts before its options`(choice: TransportChoice) async throws {
      let options = ["Port=1", "User=nobody", "UserKnownHostsFile=/dev/null", "IdentityFile=/dev/null"]
      #expect(try await way(host(options) { $0.transport = choice }) == "\(choice)")
    }

    @Test(arguments: [TransportChoice.ssh, .openssh])
    func `The configuration says how long a server may take`(choice: TransportChoice) async throws {
      let silent = try FaultServer { _, _ in sleep(9) }
      var silentHost = host(["ConnectTimeout=1"]) { $0.transport = choice }
      silentHost.connection.port = silent.port
      let silentOne = silentHost
      let (_, time) = try await failure {
        _ = try await HostTransport(configuration: "none").connect(to: silentOne)
      }
      #expect(time < .seconds(6))
    }

    @Test func `An authority for host keys is checked by the system's ssh`() async throws {
      try shell(
        """
        ssh-keygen -q -t ed25519 -N '' -f ca
        ssh-keygen -q -s ca -I web -h -n '\(server.address)' host_ed25519.pub
        printf '@cert-authority [\(server.address)]:\(server.port) ' >authority
        cut -d' ' -f1,2 ca.pub >>authority
        """, in: server.folder)
      let certified = try LoopbackServer(
        hostKeys: [],
        options: [
          "HostKey \(server.path("host_ed25519"))", "HostCertificate \(server.path("host_ed25519-cert.pub"))",
        ])
      try shell(
        "sed 's/:\(server.port)/:\(certified.port)/' authority >moved; cp \(certified.path("id")) moved_id",
        in: server.folder)
      let there = host {
        $0.port = certified.port
        $0.keys = [server.path("moved_id")]
        $0.knownHosts = [server.path("moved")]
      }
      #expect(try await way(there) == "openssh")
    }

    /// It shows only while logging in: the certificate is in the agent.
    @Test func `A certificate that libssh2 can't use is handed to the system's ssh`() async throws {
      try shell(
        """
        ssh-keygen -q -t ed25519 -N '' -f ca
        ssh-keygen -q -t ed25519 -N '' -f person
        ssh-keygen -q -s ca -I person -n '\(currentUser)' person.pub
        """, in: server.folder)
      let agent = try Agent(server.folder)
      let trusting = try LoopbackServer(options: ["TrustedUserCAKeys \(server.path("ca.pub"))"])
      try agent.add(server.path("person"))
      try shell("rm person person-cert.pub", in: server.folder)
      let there = host(["IdentityAgent=\(agent.socket)"]) {
        $0.port = trusting.port
        $0.keys = []
        $0.knownHosts = [trusting.path("known_hosts")]
      }
      #expect(try await way(there) == "openssh")
    }

    @Test func `Where neither gets in, both are quoted`() async throws {
      try shell(
        """
        ssh-keygen -q -t ed25519 -N '' -f ca
        ssh-keygen -q -t ed25519 -N '' -f person
        ssh-keygen -q -s ca -I person -n '\(currentUser)' person.pub
        """, in: server.folder)
      let agent = try Agent(server.folder)
      try agent.add(server.path("person"))
      try shell("rm person person-cert.pub", in: server.folder)
      let there = host(["IdentityAgent=\(agent.socket)"]) { $0.keys = [] }
      let (error, _) = try await failure {
        _ = try await HostTransport(configuration: "none").connect(to: there)
      }
      #expect("\(error)".contains("; and the system's ssh says: "), "\(error)")
      #expect("\(error)".contains("Permission denied (publickey)"), "\(error)")
    }

    @Test func `A configuration that has programs run has them run once a host`() async throws {
      let config = server.path("config")
      try "Match exec \"echo x >>\(server.path("runs"))\"\n  User \(currentUser)\n"
        .write(toFile: config, atomically: true, encoding: .utf8)
      let transport = HostTransport(configuration: config)
      let there = host { $0.user = nil }
      _ = try await transport.prepare(for: [there])
      let session = try await transport.connect(to: there)
      #expect(session.user == currentUser)
      await session.close()
      #expect(try String(contentsOfFile: server.path("runs"), encoding: .utf8) == "x\n")
    }
  }
}
