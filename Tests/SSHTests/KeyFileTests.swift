import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct KeyFileTests {
    static let types = ["ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"]

    /// Every type in every format that ssh-keygen makes, plain and encrypted, and by an agent.
    @Test(arguments: types)
    func logins(type: String) async throws {
      let server = try LoopbackServer()
      let agent = try Agent(server.folder)
      let questions = ScriptedAnswers(passphrase: { _, _ in "secret" })
      for format in type == "ed25519" ? [""] : ["", "-m PEM", "-m PKCS8"] {
        for passphrase in ["", "secret"] {
          let name = "key\(format.filter(\.isLetter))\(passphrase)"
          try shell(
            "ssh-keygen -q -t \(type) \(format) -a 1 -N '\(passphrase)' -f \(name); cp \(name).pub authorized_keys",
            in: server.folder)
          let connection = try await server.connect {
            $0.identities = [.file(server.path(name))]
            $0.questions = questions
          }
          #expect(try await connection.run("true", limits: minute) == .code(0))
          await connection.close()
          if passphrase.isEmpty {
            try agent.add(server.path(name))
            let connection = try await server.connect {
              $0.identities = []
              $0.agentSocket = agent.socket
            }
            await connection.close()
          }
        }
      }
      #expect(questions.asked.count == (type == "ed25519" ? 1 : 3))
    }

    @Test(arguments: KeyCipher.allCases)
    func ciphers(cipher: KeyCipher) throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try shell("ssh-keygen -q -t ed25519 -a 2 -Z \(cipher.rawValue) -N secret -f key", in: folder)
      let file = try KeyFile.load("\(folder)/key")
      #expect(file.privateKey == nil)
      let sealed = try #require(file.sealed)
      #expect(try sealed.open(Array("secret".utf8), "key")?.blob == file.publicBlob)
      for wrong in ["Secret", "secret ", ""] { #expect(try sealed.open(Array(wrong.utf8), "key") == nil) }
      guard case .openSSH(_, let salt, let rounds, var secret, var tag) = sealed.form, !tag.isEmpty else {
        return
      }
      // Authenticated ciphers notice every change.
      secret[secret.count / 2] ^= 1
      var changed = SealedKey(
        form: .openSSH(cipher: cipher, salt: salt, rounds: rounds, secret: secret, tag: tag),
        publicBlob: file.publicBlob)
      #expect(try changed.open(Array("secret".utf8), "key") == nil)
      secret[secret.count / 2] ^= 1
      tag[0] ^= 1
      changed.form = .openSSH(cipher: cipher, salt: salt, rounds: rounds, secret: secret, tag: tag)
      #expect(try changed.open(Array("secret".utf8), "key") == nil)
    }

    /// The first and the last words of Blowfish's tables, as published, and known answers of bcrypt_pbkdf from
    /// OpenBSD's regress/lib/libutil/bcrypt_pbkdf.
    @Test func bcrypt() throws {
      let pi = try #require(Bcrypt.piDigits)
      #expect(pi.count == 1042)
      #expect(Array(pi[..<3]) == [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E])
      #expect(pi.last == 0x3AC3_72E6)
      let expected: [UInt8] = [
        0x5B, 0xBF, 0x0C, 0xC2, 0x93, 0x58, 0x7F, 0x1C, 0x36, 0x35, 0x55, 0x5C, 0x27, 0x79, 0x65, 0x98,
        0xD4, 0x7E, 0x57, 0x90, 0x71, 0xBF, 0x42, 0x7E, 0x9D, 0x8F, 0xBE, 0x84, 0x2A, 0xBA, 0x34, 0xD9,
      ]
      #expect(
        Bcrypt.derive(Array("password".utf8), salt: Array("salt".utf8), rounds: 4, count: 32) == expected)
      #expect(Bcrypt.derive([], salt: [1], rounds: 1, count: 32) == nil)
      #expect(Bcrypt.derive([1], salt: [], rounds: 1, count: 32) == nil)
      #expect(Bcrypt.derive([1], salt: [1], rounds: 0, count: 32) == nil)
    }

    @Test func wrongPassphrases() async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -p -a 1 -N secret -f id >/dev/null", in: server.folder)
      let questions = ScriptedAnswers(passphrase: { _, wasWrong in wasWrong ? "secret" : "wrong" })
      let connection = try await server.connect { $0.questions = questions }
      await connection.close()
      #expect(questions.asked == ["passphrase id", "passphrase id again"])

      try shell("ssh-keygen -q -p -a 1 -P secret -N other -f id >/dev/null", in: server.folder)
      let wrong = ScriptedAnswers(passphrase: { _, _ in "wrong" })
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.questions = wrong
        return try await SSHConnection.connect(to: target)
      }
      #expect(wrong.asked.count == 3)
      #expect(error.kind == .keyFile)
      #expect(
        error.message.contains("3 wrong passphrases") && error.message.contains(server.path("id")), "\(error)"
      )
    }

    @Test func askedOnceForManyConnections() async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -p -a 1 -N secret -f id >/dev/null", in: server.folder)
      let questions = ScriptedAnswers(passphrase: { _, _ in
        try? await Task.sleep(for: .milliseconds(1200))
        return "secret"
      })
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<5 {
          group.addTask {
            // What the user takes is no part of it.
            let connection = try await server.connect {
              $0.questions = questions
              $0.connectTimeout = .seconds(1)
            }
            await connection.close()
          }
        }
        try await group.waitForAll()
      }
      #expect(questions.asked == ["passphrase id"])
    }

    /// No passphrase is asked for that would be of no use.
    @Test func notAskedForAKeyThatTheServerRefuses() async throws {
      let server = try LoopbackServer()
      for options in ["-t ed25519", "-t rsa -b 2048 -m PEM"] {
        try shell("rm -f useless*; ssh-keygen -q \(options) -a 1 -N secret -f useless", in: server.folder)
        let questions = ScriptedAnswers()
        let connection = try await server.connect {
          $0.identities.insert(.file(server.path("useless")), at: 0)
          $0.questions = questions
        }
        await connection.close()
        #expect(questions.asked.isEmpty)
      }
    }

    /// Without its public half such a file is asked about, after all others.
    @Test func encryptedPEMWithoutPublicHalf() async throws {
      let server = try LoopbackServer()
      try shell(
        "ssh-keygen -q -t ecdsa -m PKCS8 -N secret -f pem; cat pem.pub > authorized_keys; rm pem.pub",
        in: server.folder)
      let questions = ScriptedAnswers(passphrase: { _, _ in "secret" })
      let connection = try await server.connect {
        $0.identities.insert(.file(server.path("pem")), at: 0)
        $0.questions = questions
      }
      await connection.close()
      #expect(questions.asked == ["passphrase pem"])
      #expect(server.log.contains("Failed publickey") && server.log.contains("Accepted publickey"))
    }

    @Test func publicHalfOfAnotherKey() async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -t ecdsa -m PKCS8 -N secret -f pem; cp id.pub pem.pub", in: server.folder)
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.identities = [.file(server.path("pem"))]
        target.questions = ScriptedAnswers(passphrase: { _, _ in "secret" })
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.message.contains("pem.pub is not the public half"), "\(error)")
    }

    /// A damaged encrypted file must be an error, never a crash.
    @Test func damaged() throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      for options in ["-t ed25519", "-t ecdsa -Z aes256-gcm@openssh.com", "-t rsa -b 1024 -m PEM"] {
        try shell("rm -f key key.pub; ssh-keygen -q \(options) -a 1 -N secret -f key", in: folder)
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/key")))
        for index in stride(from: 0, to: bytes.count, by: 41) {
          _ = try? KeyFile.parse(Array(bytes[..<index]), "key")
          var changed = bytes
          changed[index] = changed[index] == 0x41 ? 0x42 : 0x41
          guard let sealed = try? KeyFile.parse(changed, "key").sealed else { continue }
          if case .openSSH(_, _, let rounds, _, _) = sealed.form, rounds > 4 { continue }
          _ = try? sealed.open(Array("secret".utf8), "key")
        }
      }
    }

    @Test func secretsAreNotShown() {
      let secret = SSHSecret("hunter2")
      var dumped = ""
      dump(secret, to: &dumped)
      #expect(!"\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)".contains("hunter2"))
      #expect(!dumped.contains("104"))
    }
  }
}
