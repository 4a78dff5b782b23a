import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// The passwords are those of a PAM module of the tests, which only their own servers see.
  @Suite(.needsRoot("for PAM and mounts")) struct PasswordLoginTests {
    func error(_ server: LoopbackServer, _ change: (inout SSHTarget) -> Void) async throws -> SSHError {
      var target = server.target
      target.identities = []
      change(&target)
      return try await failure { [target] () async throws(SSHError) in
        try await SSHConnection.connect(to: target)
      }
    }

    @Test(arguments: [AuthenticationMethod.password, .keyboardInteractive])
    func known(method: AuthenticationMethod) async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"])
      let connection = try await server.connect {
        $0.identities = []
        $0.methods = [method]
        $0.password = SSHSecret("right")
      }
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
      let log = method == .password ? "Accepted password" : "Accepted keyboard-interactive"
      #expect(server.log.contains(log), "\(server.log)")
    }

    @Test(arguments: [AuthenticationMethod.password, .keyboardInteractive])
    func askedAgainWhereWrong(method: AuthenticationMethod) async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"])
      let questions = ScriptedAnswers(password: { _, attempt in attempt == 3 ? "right" : "wrong" })
      let connection = try await server.connect {
        $0.identities = []
        $0.methods = [method]
        $0.questions = questions
      }
      await connection.close()
      #expect(questions.asked == ["password 1", "password 2", "password 3"])
    }

    @Test func knownOneIsWrongThenAsked() async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"])
      let questions = ScriptedAnswers(password: { _, _ in "right" })
      let connection = try await server.connect {
        $0.identities = []
        $0.password = SSHSecret("wrong")
        $0.questions = questions
      }
      await connection.close()
      #expect(questions.asked == ["password 1"])
    }

    @Test func alwaysWrong() async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"], options: ["MaxAuthTries 20"])
      let questions = ScriptedAnswers(password: { _, _ in "wrong" })
      let error = try await error(server) {
        $0.questions = questions
        $0.numberOfPasswordPrompts = 2
      }
      #expect(error.kind == .authenticationFailed)
      #expect(questions.asked == ["password 1", "password 2"])
      for part in ["keyboard-interactive 2 times", "password once", "it offers: publickey, password"] {
        #expect(error.message.contains(part), "\(error)")
      }
    }

    @Test func hungUpAfterTooMany() async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"], options: ["MaxAuthTries 2"])
      let error = try await error(server) { $0.questions = ScriptedAnswers(password: { _, _ in "wrong" }) }
      #expect(error.kind == .authenticationFailed)
      #expect(error.message.contains("MaxAuthTries") && error.message.contains("2 times"), "\(error)")
    }

    @Test func noOneToAsk() async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"])
      var failed = try await error(server) { _ in }
      #expect(failed.kind == .authenticationFailed)
      #expect(failed.message.contains("no one can be asked for a password"), "\(failed)")
      failed = try await error(server) { $0.questions = ScriptedAnswers() }
      #expect(failed.message.contains("no password was given"), "\(failed)")
      #expect(!failed.message.contains("times"), "\(failed)")
    }

    @Test func secondFactor() async throws {
      let server = try LoopbackServer.asking([
        "P:Password: =right", "I:Look\u{1b}[2J at your phone", "E:Verification code: =123",
      ])
      let questions = ScriptedAnswers(answers: { $0.prompts.map { _ in "123" } })
      let connection = try await server.connect {
        $0.identities = []
        $0.password = SSHSecret("right")
        $0.questions = questions
      }
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
      let asked = try #require(questions.asked.first)
      #expect(asked.contains("Verification code: ") && questions.asked.count == 1)
      #expect(!asked.unicodeScalars.contains("\u{1b}"))

      let failed = try await error(server) {
        $0.password = SSHSecret("right")
        $0.methods = [.keyboardInteractive]
      }
      #expect(failed.message.contains("Verification code"), "\(failed)")
    }

    @Test func codeAloneIsNotThePassword() async throws {
      let server = try LoopbackServer.asking(["P:One-time password (OATH): =123"])
      let questions = ScriptedAnswers(answers: { _ in ["123"] })
      let connection = try await server.connect {
        $0.identities = []
        $0.password = SSHSecret("right")
        $0.questions = questions
      }
      await connection.close()
      #expect(questions.asked == ["One-time password (OATH): "])
    }

    /// While one user thinks, everything else goes on, and the thinking doesn't count as connecting.
    @Test func othersGoOnWhileTheUserTypes() async throws {
      let server = try LoopbackServer.asking(["E:Code: =123"])
      let questions = ScriptedAnswers(answers: { _ in
        try? await Task.sleep(for: .milliseconds(1500))
        return ["123"]
      })
      let slow = Task {
        try await server.connect {
          $0.identities = []
          $0.connectTimeout = .seconds(1)
          $0.questions = questions
        }
      }
      while questions.asked.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
      let start = ContinuousClock.now
      let others = try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<4 {
          group.addTask {
            let connection = try await server.connect()
            #expect(try await connection.run("true", limits: minute) == .code(0))
            await connection.close()
          }
        }
        try await group.waitForAll()
        return ContinuousClock.now - start
      }
      #expect(others < .milliseconds(1300), "\(others)")
      try await slow.value.close()
    }

    @Test func cancelledWhileTheUserTypes() async throws {
      let server = try LoopbackServer.asking(["E:Code: =123"])
      let questions = ScriptedAnswers(answers: { _ in
        try? await Task.sleep(for: .seconds(30))
        return nil
      })
      let task = Task { () async throws -> SSHError in
        try await error(server) { $0.questions = questions }
      }
      while questions.asked.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
      let start = ContinuousClock.now
      task.cancel()
      #expect(try await task.value.kind == .cancelled)
      #expect(ContinuousClock.now - start < .seconds(2))
    }

    /// `AuthenticationMethods`: after the first, the server wants the next.
    @Test(arguments: [
      ("publickey,password", "password"), ("publickey,keyboard-interactive", "keyboard-interactive"),
      ("keyboard-interactive,publickey", "publickey"), ("password,publickey", "publickey"),
    ])
    func severalSteps(methods: String, last: String) async throws {
      let server = try LoopbackServer.asking(
        ["P:Password: =right"], options: ["AuthenticationMethods \(methods)"])
      let connection = try await server.connect { $0.password = SSHSecret("right") }
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
      #expect(server.log.contains("Accepted \(last)"), "\(server.log)")
      #expect(server.log.contains("Partial"), "\(server.log)")
    }

    @Test func secondStepFails() async throws {
      let server = try LoopbackServer.asking(
        ["P:Password: =right"], options: ["AuthenticationMethods publickey,password"])
      var failed = try await error(server) { $0.identities = [.file(server.path("id"))] }
      for part in ["and then wants more", server.path("id"), "it offers: password", "no one can be asked"] {
        #expect(failed.message.contains(part), "\(failed)")
      }
      failed = try await error(server) {
        $0.identities = [.file(server.path("id"))]
        $0.password = SSHSecret("wrong")
      }
      #expect(failed.message.contains("password once"), "\(failed)")
    }

    @Test func twoKeys() async throws {
      let server = try LoopbackServer(options: ["AuthenticationMethods publickey,publickey"])
      try shell(
        "ssh-keygen -q -t ecdsa -N '' -f second; cat second.pub >> authorized_keys", in: server.folder)
      let connection = try await server.connect { $0.identities.append(.file(server.path("second"))) }
      await connection.close()
      let failed = try await error(server) { $0.identities = [.file(server.path("id"))] }
      #expect(failed.message.contains("wants more"), "\(failed)")
    }

    @Test func refusalInAPacket() {
      func refusal(_ bytes: [UInt8]) -> LoginRefusal? { bytes.withUnsafeBytes { LoginRefusal(packet: $0) } }
      let list = Array("publickey,password".utf8)
      let packet = [51, 0, 0, 0, UInt8(list.count)] + list
      #expect(refusal(packet + [1, 9, 9])?.isPartialSuccess == true)
      #expect(refusal(packet + [0])?.methods == ["publickey", "password"])
      #expect(refusal(packet + [2]) == nil)
      #expect(refusal(packet) == nil)
      #expect(refusal([51, 0xff, 0xff, 0xff, 0xff, 1]) == nil)
      #expect(refusal([52] + packet.dropFirst() + [0]) == nil)
      #expect(refusal([]) == nil)
    }
  }
}
