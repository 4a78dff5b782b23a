import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletSSH
import MartletTasks
import MartletTesting
import MartletTransports
import TestSupport
import Testing

extension ServerTests {
  /// The ways to log in that people have: passwords, agents, keys of all kinds, certificates.
  @Suite struct LoginTests {
    /// The configuration says nothing that could get in between, such as keys of this machine's user.
    private let transport = HostTransport(configuration: "none")

    /// A user who has a password, and no key.
    private func host(
      _ server: Server, user: String = "asker", password: String? = nil
    ) throws -> InventoryHost {
      var host = try server.host(user: user)
      host.connection.keys = []
      host.connection.password = password.map { Secret($0) }
      host.connection.becomePassword = Person.password("asker")
      return host
    }

    /// The proof that a way to log in owes: the first run changes, the second doesn't, in one exchange.
    private func converges(
      _ host: InventoryHost, _ transport: (any Transport)? = nil, on server: Server,
      sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
      _ = try await server.ask("rm", "-f", "/etc/martlet-login")
      for changes in [1, 0] {
        let run = await Bastions.run([host], transport ?? self.transport) {
          File("/etc/martlet-login", content: "in\n", mode: 0o600)
        }
        #expect(run.code == 0, "\(run.events.failures)", sourceLocation: sourceLocation)
        let recap = run.events.recaps[host.name]
        #expect(recap?.changed == changes, sourceLocation: sourceLocation)
        if changes == 0 { #expect(recap?.exchanges == 1, sourceLocation: sourceLocation) }
      }
      #expect(
        try await server.ask("stat", "-c", "%U %a", "/etc/martlet-login") == "root 600",
        sourceLocation: sourceLocation)
    }

    /// Why a host can't be logged in to.
    private func refusal(
      _ host: InventoryHost, _ transport: (any Transport)? = nil,
      sourceLocation: SourceLocation = #_sourceLocation
    ) async -> String {
      let run = await Bastions.run([host], transport ?? self.transport) { Command("true") }
      #expect(run.code == 4, sourceLocation: sourceLocation)
      return run.events.message(of: host.name)
    }

    /// As the servers are set up by Debian, and with sudo's password.
    @Test func aPasswordAndNoKey() async throws {
      try await Machine.each { try await aPasswordAndNoKey($0) }
    }

    private func aPasswordAndNoKey(_ machine: Machine) async throws {
      let server = try await machine.server()
      let password = Person.password("asker").reveal()
      try await converges(try host(server, password: password), on: server)
      let wrong = await refusal(try host(server, password: "wrong"))
      let sshd = machine.sshd == .openssh ? "publickey, password" : "password"
      #expect(
        wrong.contains("takes none of what was tried for user asker: password once; it offers: "), "\(wrong)")
      #expect(wrong.contains(sshd), "\(wrong)")
      let none = await refusal(try host(server))
      #expect(none.contains("no one can be asked for a password"), "\(none)")
    }

    /// A server that asks in one way only, and wants no keys: the one that is there all the same is no obstacle.
    @Test(arguments: [AuthenticationMethod.password, .keyboardInteractive])
    func aServerThatAsksInOneWay(method: AuthenticationMethod) async throws {
      let server = try await Machine.bookworm.server()
      let isPassword = method == .password
      let change = try await ChangedServer(
        server,
        """
        PubkeyAuthentication no
        PasswordAuthentication \(isPassword ? "yes" : "no")
        KbdInteractiveAuthentication \(isPassword ? "no" : "yes")
        """)
      for keys in [[], [Server.lab.privateKey]] {
        var host = try host(server, password: Person.password("asker").reveal())
        host.connection.keys = keys
        try await converges(host, on: server)
      }
      let log = try await server.journal("sshd")
      #expect(
        log.contains("Accepted \(isPassword ? "password" : "keyboard-interactive/pam") for asker"), "\(log)")
      let start = ContinuousClock.now
      let wrong = await refusal(try host(server, password: "wrong"))
      #expect(
        wrong.contains("tried for user asker: \(method.rawValue) once; it offers: \(method.rawValue)."),
        "\(wrong)")
      #expect(start.duration(to: .now) < .seconds(25))
      let key = await refusal(try server.host(user: "deploy"))
      #expect(key.contains("takes no keys, so \(Server.lab.privateKey) "), "\(key)")
      #expect(key.contains("it offers: \(method.rawValue)"), "\(key)")
      try await change.undo()
    }

    /// The password is asked for, once for the login.
    @Test func aPasswordThatIsAskedFor() async throws {
      let server = try await Machine.bookworm.server()
      let answers = ScriptedAnswers(password: { _, _ in Person.password("asker").reveal() })
      let asking = HostTransport(configuration: "none", hostKeyQuestions: nil, questions: answers)
      try await converges(try host(server), asking, on: server)
      #expect(answers.asked == ["password 1", "password 1"], "once in each run")
    }

    @Test func anAgent() async throws {
      let server = try await Machine.bookworm.server()
      let bench = try Workbench()
      let agent = try Agent(bench.folder, confirmation: "echo secret")
      try agent.add(Server.lab.privateKey)
      try bench.write("config", "Host *\n  IdentityAgent \(agent.socket)\n  IdentityFile none\n")
      let asking = HostTransport(configuration: bench.folder + "/config")
      try await converges(try host(server, user: "deploy"), asking, on: server)

      // ssh-add asks for the lock's password by the same program.
      try agent.run("SSH_ASKPASS=\(bench.folder)/askpass SSH_ASKPASS_REQUIRE=force ssh-add -x 2>&1")
      let locked = await refusal(try host(server, user: "deploy"), asking)
      #expect(locked.contains("if it is locked: ssh-add -X"), "\(locked)")
      try await converges(try server.host(user: "deploy"), asking, on: server)
    }

    /// What a killed agent leaves behind.
    @Test func aDeadAgent() async throws {
      let server = try await Machine.bookworm.server()
      let bench = try Workbench()
      let socket = bench.folder + "/agent"
      do { _ = try Agent(bench.folder) }
      try shell(
        "[ -S '\(socket)' ] || perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => shift, Listen => 1) or die' '\(socket)'"
      )
      try bench.write("config", "Host *\n  IdentityAgent \(socket)\n  IdentityFile none\n")
      let asking = HostTransport(configuration: bench.folder + "/config")
      let start = ContinuousClock.now
      let dead = await refusal(try host(server, user: "deploy"), asking)
      #expect(dead.contains("agent") && dead.contains(socket), "\(dead)")
      try await converges(try server.host(user: "deploy"), asking, on: server)
      #expect(start.duration(to: .now) < .seconds(25))
    }

    /// Keys that people have, on servers that take no signature with SHA-1; those of an agent too.
    @Test(arguments: Machine.all) func keysOfOtherKinds(machine: Machine) async throws {
      let server = try await machine.server()
      let bench = try Workbench()
      let agent = try Agent(bench.folder)
      try shell(
        """
        ssh-keygen -q -t rsa -b 2048 -N '' -f rsa
        ssh-keygen -q -t rsa -b 2048 -m PEM -N '' -f pem
        ssh-keygen -q -t ecdsa -N 'a passphrase' -f encrypted
        """, in: bench.folder)
      for name in ["rsa", "pem", "encrypted"] {
        let line = try String(contentsOfFile: "\(bench.folder)/\(name).pub", encoding: .utf8)
        let authorized = "/home/deploy/.ssh/authorized_keys"
        _ = try await server.ask(
          "sh", "-c", #"cp -p "$2" /run/authorized; printf '%s' "$1" >>"$2""#, "sh", line, authorized)
        var host = try server.host(user: "deploy")
        host.connection.keys = ["\(bench.folder)/\(name)"]
        let answers = ScriptedAnswers(passphrase: { _, _ in "a passphrase" })
        let asking = HostTransport(configuration: "none", hostKeyQuestions: nil, questions: answers)
        try await converges(host, asking, on: server)
        #expect(answers.asked == (name == "encrypted" ? ["passphrase encrypted"] : []), "once for both runs")
        if name == "rsa" {
          try agent.add("\(bench.folder)/rsa")
          try bench.write("config", "Host *\n  IdentityAgent \(agent.socket)\n  IdentityFile none\n")
          host.connection.keys = []
          try await converges(host, HostTransport(configuration: bench.folder + "/config"), on: server)
        }
        _ = try await server.ask("cp", "-p", "/run/authorized", authorized)
      }
    }

    /// libssh2 knows certificates for ECDSA keys; those for the others are the system's ssh's business.
    @Test(arguments: ["ecdsa", "ed25519"]) func aUsersCertificate(type: String) async throws {
      let server = try await Machine.bookworm.server()
      let bench = try Workbench()
      try shell(
        """
        ssh-keygen -q -t ed25519 -N '' -f ca; ssh-keygen -q -t \(type) -N '' -f key
        ssh-keygen -q -s ca -I test -n deploy key.pub
        """, in: bench.folder)
      let authority = try String(contentsOfFile: bench.folder + "/ca.pub", encoding: .utf8)
      _ = try await server.ask("sh", "-c", #"printf '%s' "$1" >/etc/ssh/users_ca.pub"#, "sh", authority)
      let change = try await ChangedServer(server, "TrustedUserCAKeys /etc/ssh/users_ca.pub")
      var host = try server.host(user: "deploy")
      host.connection.keys = [bench.folder + "/key"]
      try await converges(host, on: server)
      host.connection.user = "guest"
      let other = await refusal(host)
      #expect(other.contains("key"), "\(other)")
      try await change.undo()
    }
  }
}

/// A server with other lines in its sshd's configuration, until they are taken away.
struct ChangedServer {
  private let server: Server
  private static let file = "/etc/ssh/sshd_config.d/00-test.conf"

  init(_ server: Server, _ lines: String) async throws {
    self.server = server
    let outcome = try await server.ask(
      "sh", "-c", #"printf '%s\n' "$1" >\#(Self.file) && sshd -t && \#(Self.restart) && echo done"#, "sh",
      lines)
    guard outcome == "done" else { throw TransportError("sshd was not restarted: \(outcome)") }
  }

  func undo() async throws { _ = try await server.shell("rm -f \(Self.file); \(Self.restart)") }

  /// systemd starts nothing six times within ten seconds, unless it is made to forget.
  private static let restart = "systemctl reset-failed ssh; systemctl restart ssh"
}
