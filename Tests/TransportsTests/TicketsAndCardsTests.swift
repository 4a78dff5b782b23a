import Foundation
import Glibc
import MartletCore
import MartletEngine
import TestSupport
import Testing

@testable import MartletTransports

extension TransportTests {
  /// Credentials that libssh2 knows nothing of: the system's `ssh` is chosen unasked, and uses them.
  @Suite struct TicketsAndCardsTests {
    /// The programs that the transport starts have this process's environment.
    private func result(
      _ transport: HostTransport, in variables: [String: String]
    ) async -> Result<Bool, any Error> {
      for (name, value) in variables { setenv(name, value, 1) }
      defer { for name in variables.keys { unsetenv(name) } }
      do {
        return .success(try await works(transport))
      } catch {
        return .failure(error)
      }
    }

    private func configuration(_ server: LoopbackServer, _ lines: [String]) throws -> String {
      let path = server.path("config")
      let all = [
        "HostName localhost", "Port \(server.port)", "HostKeyAlias [127.0.0.1]:\(server.port)",
        "UserKnownHostsFile \(server.path("known_hosts"))", "User \(currentUser)", "IdentityAgent none",
      ]
      try (all + lines).joined(separator: "\n").appending("\n")
        .write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }

    private func works(_ transport: HostTransport) async throws -> Bool {
      let session = try await transport.connect(to: InventoryHost(name: "server"))
      let status = try await session.run("exit 3")
      await session.close()
      return status == .code(3)
    }

    @Test(.enabled(if: KerberosRealm.isInstalled, "needs krb5-kdc, krb5-admin-server and krb5-user"))
    func `A Kerberos ticket lets in`() async throws {
      let realm = try KerberosRealm()
      let server = try LoopbackServer(
        options: ["GSSAPIAuthentication yes", "GSSAPIStrictAcceptorCheck no", "PubkeyAuthentication no"],
        environment: realm.environment)
      for (line, isIn) in [("GSSAPIAuthentication yes", true), ("GSSAPIAuthentication no", false)] {
        let transport = HostTransport(
          configuration: try configuration(server, [line]), hostKeyQuestions: nil, questions: nil)
        let outcome = await result(transport, in: realm.environment)
        switch outcome {
        case .success(let isDone): #expect(isDone && isIn)
        case .failure(let error): #expect(!isIn && "\(error)".contains("gssapi-with-mic"), "\(error)")
        }
      }
      // Without a ticket, nobody is kept waiting for another program.
      var other = realm.environment
      other["KRB5CCNAME"] = "FILE:" + server.path("none")
      let transport = HostTransport(
        configuration: try configuration(server, ["GSSAPIAuthentication yes"]), hostKeyQuestions: nil,
        questions: nil)
      let outcome = await result(transport, in: other)
      #expect(throws: (any Error).self) { try outcome.get() }
    }

    @Test(.enabled(if: SoftwareCard.isInstalled, "needs softhsm2"))
    func `A key on a smart card lets in, and its PIN is asked for`() async throws {
      let card = try SoftwareCard()
      let server = try LoopbackServer()
      try card.publicKey.write(toFile: server.path("authorized_keys"), atomically: true, encoding: .utf8)
      let path = try configuration(server, ["PKCS11Provider \(SoftwareCard.module)"])
      for (pin, isIn) in [("1234", true), ("9999", false)] {
        let questions = ScriptedAnswers(answers: { _ in [pin] })
        let transport = HostTransport(configuration: path, hostKeyQuestions: nil, questions: questions)
        let outcome = await result(transport, in: card.environment)
        #expect(questions.asked.contains { $0.contains("PIN") }, "\(questions.asked)")
        switch outcome {
        case .success(let isDone): #expect(isDone && isIn)
        case .failure(let error):
          #expect(!isIn && "\(error)".contains("PIN incorrect"), "\(error)")
          #expect(!"\(error)".contains(pin))
        }
      }
    }
  }
}
