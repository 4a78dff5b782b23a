import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct AuthenticationTests {
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
      try shell(
        "ssh-keygen -q -t ed25519 -N '' -f key; \(change); test ! -e key.pub || cp key.pub authorized_keys",
        in: server.folder)
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
  }
}
