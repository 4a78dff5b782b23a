import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct AgentTests {
    /// Whether the server lets a user in whose only way is the agent.
    func error(_ server: LoopbackServer, _ agent: Agent, _ change: (inout SSHTarget) -> Void) async throws
      -> SSHError
    {
      var target = server.target
      target.identities = []
      target.agentSocket = agent.socket
      change(&target)
      return try await failure { [target] () async throws(SSHError) in
        try await SSHConnection.connect(to: target)
      }
    }

    /// The passphrase is the agent's business; the file tells which of the agent's keys is meant.
    @Test(arguments: ["rm id.pub", "rm id"])
    func fileNamesTheKeyOfTheAgent(change: String) async throws {
      let server = try LoopbackServer(options: ["MaxAuthTries 2"])
      let agent = try Agent(server.folder)
      for number in 0..<5 {
        try shell("ssh-keygen -q -t ed25519 -N '' -f other\(number)", in: server.folder)
        try agent.add(server.path("other\(number)"))
      }
      try agent.add(server.path("id"))
      try shell("ssh-keygen -q -p -N secret -f id >/dev/null; \(change)", in: server.folder)
      let questions = ScriptedAnswers()
      let connection = try await server.connect {
        $0.agentSocket = agent.socket
        $0.questions = questions
        $0.identitiesOnly = change == "rm id"
      }
      await connection.close()
      #expect(questions.asked.isEmpty)
    }

    @Test func publicKeyAsTheIdentity() async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder)
      try agent.add(server.path("id"))
      let connection = try await server.connect {
        $0.identities = [.file(server.path("id.pub"))]
        $0.agentSocket = agent.socket
      }
      await connection.close()
    }

    @Test func identitiesOnly() async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder)
      try agent.add(server.path("id"))
      let failed = try await error(server, agent) { $0.identitiesOnly = true }
      #expect(failed.kind == .authenticationFailed)
      #expect(!server.log.contains("Failed publickey"), "\(server.log)")
      let connection = try await server.connect {
        $0.identities = []
        $0.agentSocket = agent.socket
      }
      await connection.close()
    }

    @Test func tooManyKeys() async throws {
      let server = try LoopbackServer(options: ["MaxAuthTries 3"])
      let agent = try Agent(server.folder)
      for number in 0..<4 {
        try shell("ssh-keygen -q -t ed25519 -N '' -C other\(number) -f other\(number)", in: server.folder)
        try agent.add(server.path("other\(number)"))
      }
      let failed = try await error(server, agent) { _ in }
      #expect(failed.kind == .authenticationFailed)
      for part in ["other0 (agent) SHA256:", "other2 (agent)", "MaxAuthTries", "IdentitiesOnly"] {
        #expect(failed.message.contains(part), "\(failed)")
      }
    }

    @Test func locked() async throws {
      let server = try LoopbackServer()
      // ssh-add asks for the lock's password by the same program.
      let agent = try Agent(server.folder, confirmation: "echo secret")
      try agent.add(server.path("id"))
      try agent.run("SSH_ASKPASS=\(server.path("askpass")) SSH_ASKPASS_REQUIRE=force ssh-add -x 2>&1")
      let failed = try await error(server, agent) { _ in }
      #expect(failed.kind == .authenticationFailed)
      #expect(failed.message.contains("ssh-add -X"), "\(failed)")
      let connection = try await server.connect { $0.agentSocket = agent.socket }
      await connection.close()
    }

    /// A key that wants each use to be confirmed, and no one does.
    @Test func refuses() async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder, confirmation: "exit 1")
      try shell("ssh-keygen -q -t ed25519 -N '' -f key; cat key.pub >> authorized_keys", in: server.folder)
      try agent.add(server.path("key"), options: "-c")
      let failed = try await error(server, agent) { _ in }
      #expect(failed.kind == .authenticationFailed)
      #expect(failed.message.contains("refused to sign"), "\(failed)")
      // The next key is tried all the same.
      try agent.add(server.path("id"))
      let connection = try await server.connect {
        $0.identities = []
        $0.agentSocket = agent.socket
      }
      await connection.close()
    }

    /// To confirm may take longer than to list the keys, but not longer than connecting may.
    @Test func waitsForAConfirmation() async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder, confirmation: "sleep 1; exit 0")
      try agent.add(server.path("id"), options: "-c")
      let connection = try await server.connect {
        $0.identities = []
        $0.agentSocket = agent.socket
        $0.agentTimeout = .milliseconds(400)
      }
      await connection.close()
      let failed = try await error(server, agent) { $0.connectTimeout = .milliseconds(700) }
      #expect(failed.kind == .timedOut(.authenticating))
      #expect(failed.message.contains("confirmation"), "\(failed)")
    }

    @Test func notThereOrDead() async throws {
      let server = try LoopbackServer()
      do { _ = try UnixListener(server.path("dead")) }
      for name in ["none", "dead"] {
        let path = server.path(name)
        let failed = try await failure { () async throws(SSHError) in
          var target = server.target
          target.identities = []
          target.agentSocket = path
          return try await SSHConnection.connect(to: target)
        }
        #expect(failed.kind == .authenticationFailed)
        #expect(failed.message.contains(path), "\(failed)")
        let connection = try await server.connect { $0.agentSocket = path }
        await connection.close()
      }
    }

    /// One that accepts and never answers: a few seconds are lost, once, and not the login.
    @Test func silent() async throws {
      let server = try LoopbackServer()
      let silent = try UnixListener(server.path("silent"))
      func loginWithoutKey() async throws -> SSHError {
        try await failure { () async throws(SSHError) in
          var target = server.target
          target.identities = []
          target.agentSocket = silent.path
          target.agentTimeout = .milliseconds(300)
          return try await SSHConnection.connect(to: target)
        }
      }
      for expected in ["has not answered for 0.3 s", "has just now not answered for another connection"] {
        let failed = try await loginWithoutKey()
        #expect(failed.kind == .authenticationFailed)
        #expect(failed.message.contains(expected), "\(failed)")
      }
      let other = try UnixListener(server.path("other"))
      let connection = try await server.connect {
        $0.agentSocket = other.path
        $0.agentTimeout = .milliseconds(300)
      }
      await connection.close()
    }
  }
}

final class UnixListener: Sendable {
  let path: String
  private let socket: Int32

  init(_ path: String) throws {
    self.path = path
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let socket = socket
    let status = withUnsafeBytes(of: &address) { raw -> Int32 in
      guard let base = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
      return bind(socket, base, socklen_t(raw.count)) == 0 ? listen(socket, 8) : -1
    }
    guard status == 0 else { throw TestFailure("no Unix socket") }
  }

  deinit { close(socket) }
}
