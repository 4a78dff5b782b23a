import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct CertificateTests {
    /// A server that believes only certificates of `ca`, and a certified key.
    func server(_ type: String, name: String = "key") throws -> LoopbackServer {
      let ca = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: ca) }
      try shell("ssh-keygen -q -t ed25519 -N '' -f ca", in: ca)
      let authority = try String(contentsOfFile: "\(ca)/ca.pub", encoding: .utf8)
      let server = try LoopbackServer(options: ["AuthorizedPrincipalsFile none"])
      try shell(
        "ssh-keygen -q -t \(type) -N '' -f \(name); cp '\(ca)/ca' '\(ca)/ca.pub' .; "
          + "ssh-keygen -q -s ca -I test -n \(currentUser) \(name).pub 2>&1", in: server.folder)
      try "cert-authority \(authority)".write(
        toFile: server.path("authorized_keys"), atomically: true, encoding: .utf8)
      return server
    }

    static var usable: [String] {
      ["ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"] + (SSHLibrary.isModern ? ["ed25519", "rsa"] : [])
    }

    @Test(arguments: usable)
    func besideTheKey(type: String) async throws {
      let server = try server(type)
      let connection = try await server.connect { $0.identities = [.file(server.path("key"))] }
      await connection.close()
      #expect(server.log.contains("-CERT"), "\(server.log)")
    }

    @Test func namedAndKeyEncrypted() async throws {
      let server = try server("ecdsa")
      try shell(
        "mv key-cert.pub other.pub; ssh-keygen -q -p -a 1 -N secret -f key >/dev/null", in: server.folder)
      let questions = ScriptedAnswers(passphrase: { _, _ in "secret" })
      let connection = try await server.connect {
        $0.identities = [.file(server.path("key"))]
        $0.certificates = [server.path("other.pub")]
        $0.questions = questions
      }
      await connection.close()
      #expect(questions.asked == ["passphrase key"])
    }

    /// The agent has the key, with its certificate or without.
    @Test(arguments: ["", "rm key-cert.pub"])
    func agent(change: String) async throws {
      let server = try server("ecdsa")
      let agent = try Agent(server.folder)
      try shell("cp key-cert.pub other.pub", in: server.folder)
      if !change.isEmpty { try shell(change, in: server.folder) }
      try agent.add(server.path("key"))
      let connection = try await server.connect {
        $0.identities = []
        $0.agentSocket = agent.socket
        $0.certificates = change.isEmpty ? [] : [server.path("other.pub")]
      }
      await connection.close()
    }

    /// libssh2 1.10 can't: said with a kind of its own, and only after what works has been tried.
    @Test(.enabled(if: !SSHLibrary.isModern), arguments: ["ed25519", "rsa"])
    func beyondTheLibrary(type: String) async throws {
      let server = try server(type)
      var target = server.target
      target.identities = [.file(server.path("key"))]
      let error = try await failure { [target] () async throws(SSHError) in
        try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .needsOpenSSH)
      for part in [server.path("key-cert.pub"), "transport: openssh", "\(server.path("key")) SHA256:"] {
        #expect(error.message.contains(part), "\(error)")
      }
      #expect(target.unsupportedReason?.contains("key-cert.pub") == true)
      try shell("cat id.pub >> authorized_keys", in: server.folder)
      target.identities.append(.file(server.path("id")))
      let connection = try await SSHConnection.connect(to: target)
      await connection.close()
    }

    @Test(.enabled(if: !SSHLibrary.isModern)) func beyondTheLibraryInTheAgent() async throws {
      let server = try server("ed25519")
      let agent = try Agent(server.folder)
      try agent.add(server.path("key"))
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = []
        target.agentSocket = agent.socket
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .needsOpenSSH)
      #expect(error.message.contains("ssh-ed25519-cert-v01@openssh.com"), "\(error)")
    }

    @Test func nothingUnsupported() throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try shell("ssh-keygen -q -t ed25519 -N '' -f key", in: folder)
      var target = SSHTarget(host: "h", user: "u")
      target.identities = [.file("\(folder)/key"), .file("\(folder)/missing")]
      #expect(target.unsupportedReason == nil)
    }

    /// Made by hand: ssh-keygen makes such keys only on a device.
    @Test func securityKey() async throws {
      let server = try LoopbackServer()
      var blob = WireWriter()
      blob.string("sk-ssh-ed25519@openssh.com".utf8)
      blob.string([UInt8](repeating: 7, count: 32))
      blob.string("ssh:".utf8)
      var file = WireWriter()
      for byte in Array("openssh-key-v1\0".utf8) { file.byte(byte) }
      for text in ["none", "none", ""] { file.string(text.utf8) }
      file.uint32(1)
      file.string(blob.bytes)
      file.string([UInt8](repeating: 0, count: 64))
      let text =
        "-----BEGIN OPENSSH PRIVATE KEY-----\n\(Base64.encode(file.bytes))\n-----END OPENSSH PRIVATE KEY-----\n"
      try text.write(toFile: server.path("sk"), atomically: true, encoding: .utf8)
      try shell("chmod 600 sk", in: server.folder)
      var target = server.target
      target.identities = [.file(server.path("sk"))]
      let error = try await failure { [target] () async throws(SSHError) in
        try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .needsOpenSSH)
      #expect(error.message.contains("security key"), "\(error)")
      #expect(target.unsupportedReason?.contains(server.path("sk")) == true)
      // Where only the public half is at hand.
      try "sk-ssh-ed25519@openssh.com \(Base64.encode(blob.bytes)) me\n".write(
        toFile: server.path("sk.pub"), atomically: true, encoding: .utf8)
      try shell("rm sk", in: server.folder)
      #expect(target.unsupportedReason?.contains("security key") == true)
    }

    @Test func certificatesAreParsed() throws {
      let server = try server("rsa")
      let blob = try #require(PublicKeyFile.load(server.path("key-cert.pub")))
      let certificate = try #require(Certificate(blob))
      #expect(certificate.key == PublicKeyFile.load(server.path("key.pub")))
      #expect(PublicKeyFile.load(server.path("key")) == nil)
      for count in stride(from: 0, to: 470, by: 7) { #expect(Certificate(Array(blob[..<count])) == nil) }
      // A host's certificate is none.
      try shell("ssh-keygen -q -h -s ca -I test key.pub 2>&1", in: server.folder)
      #expect(PublicKeyFile.load(server.path("key-cert.pub")).flatMap { Certificate($0) } == nil)
    }
  }
}
