import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct AuthenticationTests {
    /// Every type and file format that ssh-keygen makes without a passphrase.
    @Test(arguments: [
      "-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 384", "-t ecdsa -b 521", "-t rsa -b 2048",
      "-t rsa -b 2048 -m PEM", "-t rsa -b 2048 -m PKCS8", "-t ecdsa -m PEM", "-t ecdsa -b 521 -m PKCS8",
    ])
    func keyFiles(options: String) async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q \(options) -N '' -f key; cp key.pub authorized_keys", in: server.folder)
      let connection = try await server.connect { $0.identities = [.file(server.path("key"))] }
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
    }

    @Test func wrongKeyNamesWhatWasTriedAndIsOffered() async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -t ed25519 -N '' -f wrong", in: server.folder)
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = [.file(server.path("wrong"))]
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .authenticationFailed)
      for part in [server.path("wrong"), "it offers: publickey", currentUser] {
        #expect(error.message.contains(part), "\(error)")
      }
    }

    @Test func secondKeyIsTriedOnTheSameConnection() async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -t ed25519 -N '' -f wrong", in: server.folder)
      let connection = try await server.connect { $0.identities.insert(.file(server.path("wrong")), at: 0) }
      await connection.close()
      #expect(server.log.components(separatedBy: "Connection from").count == 2)
    }

    @Test func tooManyWrongKeys() async throws {
      let server = try LoopbackServer(options: ["MaxAuthTries 2"])
      for number in 0..<4 { try shell("ssh-keygen -q -t ed25519 -N '' -f wrong\(number)", in: server.folder) }
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = (0..<4).map { .file(server.path("wrong\($0)")) }
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .authenticationFailed)
      #expect(error.message.contains("MaxAuthTries"), "\(error)")
    }

    @Test func noKeyAtAll() async throws {
      let server = try LoopbackServer()
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = []
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .authenticationFailed)
      #expect(error.message.contains("ssh-add"))
    }

    @Test(arguments: [
      ("missing", "rm -f key", "does not exist"),
      ("open", "chmod 644 key", "chmod 600"),
      ("encrypted", "ssh-keygen -q -p -N secret -f key >/dev/null", "ssh-add"),
      ("encrypted PEM", "rm key; ssh-keygen -q -t rsa -b 2048 -m PEM -N secret -f key", "ssh-add"),
      ("encrypted PKCS8", "rm key; ssh-keygen -q -t ecdsa -m PKCS8 -N secret -f key", "ssh-add"),
      ("public", "cp key.pub key", "is a public key"),
      ("empty", ": > key", "not a private key"),
      ("cut", "head -c 200 key > cut; cat cut > key", "damaged"),
      ("cut PEM", "printf -- '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n' > key", "damaged"),
      ("folder", "rm key; mkdir key; chmod 700 key", "not a regular file"),
      ("FIFO", "rm key; mkfifo key; chmod 600 key", "not a regular file"),
    ])
    func keyFileThatCannotBeUsed(name: String, change: String, expected: String) async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -t ed25519 -N '' -f key; \(change)", in: server.folder)
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = [.file(server.path("key"))]
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .keyFile)
      #expect(error.message.contains(expected) && error.message.contains(server.path("key")), "\(error)")
    }

    /// A damaged file must be an error, never a crash: every prefix and every changed byte.
    @Test func damagedKeyFiles() throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      for options in ["-t ed25519", "-t ecdsa", "-t rsa -b 1024"] {
        try shell("rm -f key key.pub; ssh-keygen -q \(options) -N '' -f key", in: folder)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/key")))
        #expect(try KeyFile.parse(bytes, "key").privateKey != nil)
        for index in stride(from: 0, to: bytes.count, by: 17) {
          _ = try? KeyFile.parse(Array(bytes[..<index]), "key")
          var changed = bytes
          changed[index] = changed[index] == 0x41 ? 0x42 : 0x41
          _ = try? KeyFile.parse(changed, "key")
        }
      }
    }

    @Test(arguments: ["ed25519", "ecdsa", "rsa"])
    func agentKeys(type: String) async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder)
      try shell("ssh-keygen -q -t \(type) -N '' -f key; cp key.pub authorized_keys", in: server.folder)
      try agent.add(server.path("key"))
      let connection = try await server.connect {
        $0.identities = []
        $0.agentSocket = agent.socket
      }
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
    }

    /// The passphrase is the agent's business; the file tells which of the agent's keys is meant.
    @Test func encryptedFileWhoseKeyTheAgentHas() async throws {
      let server = try LoopbackServer(options: ["MaxAuthTries 2"])
      let agent = try Agent(server.folder)
      for number in 0..<5 {
        try shell("ssh-keygen -q -t ed25519 -N '' -f other\(number)", in: server.folder)
        try agent.add(server.path("other\(number)"))
      }
      try agent.add(server.path("id"))
      try shell("ssh-keygen -q -p -N secret -f id >/dev/null", in: server.folder)
      let connection = try await server.connect { $0.agentSocket = agent.socket }
      await connection.close()
    }

    @Test func agentThatRefusesToSign() async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder)
      try agent.add(server.path("id"))
      try shell(
        "SSH_AUTH_SOCK='\(agent.socket)' ssh-add -q -D; ssh-keygen -q -t ed25519 -N '' -f other",
        in: server.folder)
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = []
        target.agentSocket = agent.socket
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .authenticationFailed)
    }

    @Test func agentThatIsNotThere() async throws {
      let server = try LoopbackServer()
      var error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = []
        target.agentSocket = server.path("no-agent")
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .authenticationFailed)
      #expect(error.message.contains("no-agent"), "\(error)")
      let connection = try await server.connect { $0.agentSocket = server.path("no-agent") }
      await connection.close()

      // One that accepts and never answers.
      let silent = try UnixListener(server.path("silent"))
      error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.agentSocket = silent.path
        target.connectTimeout = .milliseconds(700)
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .timedOut(.authenticating))
    }
  }
}

/// An ssh-agent of the test's own.
final class Agent: Sendable {
  let socket: String
  private let processID: Int32

  init(_ folder: String) throws {
    socket = "\(folder)/agent"
    processID = try spawn(["/usr/bin/ssh-agent", "-D", "-a", socket], output: "\(folder)/agent.log")
    for _ in 0..<300 where access(socket, F_OK) != 0 { usleep(10_000) }
  }

  deinit {
    kill(processID, SIGTERM)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
  }

  func add(_ key: String) throws { try shell("SSH_AUTH_SOCK='\(socket)' ssh-add -q '\(key)' 2>&1") }
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
