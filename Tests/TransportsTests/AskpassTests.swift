import Foundation
import Glibc
import MartletCore
import MartletEngine
import MartletSSH
import TestSupport
import Testing

@testable import MartletTransports

extension TransportTests {
  /// What the system's ssh asks is answered, or asked in our own way.
  @Suite struct AskpassTests {
    private func host(
      of server: LoopbackServer, _ change: (inout ConnectionSettings) -> Void = { _ in }
    ) -> InventoryHost {
      var host = InventoryHost(name: "web")
      host.connection.address = server.address
      host.connection.port = server.port
      host.connection.user = currentUser
      host.connection.knownHosts = [server.path("known_hosts")]
      change(&host.connection)
      return host
    }

    private func transport(_ questions: ScriptedAnswers?, limit: Duration = .seconds(20)) -> OpenSSHTransport
    {
      OpenSSHTransport(connectTimeout: limit, configuration: "none", questions: questions)
    }

    private func works(_ transport: OpenSSHTransport, _ host: InventoryHost) async throws -> Bool {
      let session = try await transport.connect(to: host)
      let status = try await session.run("exit 3")
      await session.close()
      return status == .code(3)
    }

    @Test(
      .needsRoot("for PAM and mounts"),
      arguments: ["PreferredAuthentications=password", "PreferredAuthentications=keyboard-interactive"])
    func `The password that the inventory has is used, and the user is asked after it`(option: String)
      async throws
    {
      let server = try LoopbackServer.asking(["P:Password: =it's \"right\" $HOME"])
      let nobody = transport(nil)
      let known = host(of: server) {
        $0.sshOptions = [option]
        $0.password = Secret("it's \"right\" $HOME")
      }
      #expect(try await works(nobody, known))
      let questions = ScriptedAnswers(password: { _, _ in "it's \"right\" $HOME" })
      let wrong = host(of: server) {
        $0.sshOptions = [option]
        $0.password = Secret("wrong")
      }
      #expect(try await works(transport(questions), wrong))
      #expect(questions.asked == ["password 1"])
      let (error, time) = try await failure { _ = try await nobody.connect(to: wrong) }
      #expect("\(error)".contains("Permission denied"), "\(error)")
      #expect(time < .seconds(15))
      #expect(!"\(error)".contains("wrong"), "\(error)")
    }

    @Test(.needsRoot("for PAM and mounts"))
    func `A second factor is passed on`() async throws {
      let server = try LoopbackServer.asking(["P:Password: =right", "E:Code of today: =123"])
      let questions = ScriptedAnswers(password: { _, _ in "right" }, answers: { _ in ["123"] })
      let asking = host(of: server) { $0.sshOptions = ["PreferredAuthentications=keyboard-interactive"] }
      #expect(try await works(transport(questions), asking))
      #expect(questions.asked.count == 2)
      #expect(questions.asked.last?.hasSuffix("Code of today: ") == true, "\(questions.asked)")
    }

    @Test func `A passphrase and an unknown host key are asked for`() async throws {
      let server = try LoopbackServer()
      try shell("ssh-keygen -q -p -P '' -N 'open me' -f id", in: server.folder)
      let questions = ScriptedAnswers(
        passphrase: { _, wasWrong in wasWrong ? "open me" : "no" }, answers: { _ in ["yes"] })
      let asking = host(of: server) {
        $0.keys = [server.path("id")]
        $0.knownHosts = [server.path("unknown")]
        $0.sshOptions = ["IdentityAgent=none"]
      }
      #expect(try await works(transport(questions), asking))
      #expect(questions.asked.count == 3)
      #expect(questions.asked[0].contains("Are you sure you want to continue connecting"))
      #expect(questions.asked[1...] == ["passphrase id", "passphrase id again"])
    }

    /// The time that a person takes doesn't count; that a server hangs up meanwhile does.
    @Test(.needsRoot("for PAM and mounts"))
    func `Waiting for an answer has no deadline, and ends when ssh has`() async throws {
      let server = try LoopbackServer.asking(["P:Password: =right"])
      let slow = ScriptedAnswers(password: { _, _ in
        try? await Task.sleep(for: .seconds(3))
        return "right"
      })
      let asking = host(of: server) { $0.sshOptions = ["PreferredAuthentications=password"] }
      #expect(try await works(transport(slow, limit: .seconds(2)), asking))

      let hasty = try LoopbackServer.asking(["P:Password: =right"], options: ["LoginGraceTime 1"])
      let never = ScriptedAnswers(password: { _, _ in
        try? await Task.sleep(for: .seconds(30))
        return nil
      })
      let gone = host(of: hasty) { $0.sshOptions = ["PreferredAuthentications=password"] }
      let task = Task { try await transport(never).connect(to: gone) }
      try await Task.sleep(for: .seconds(2))
      let start = ContinuousClock.now
      task.cancel()
      await #expect(throws: (any Error).self) { _ = try await task.value }
      #expect(ContinuousClock.now - start < .seconds(5))
      // Neither ssh nor the script that asked is left.
      var left = "?"
      for _ in 0..<50 where left != "" {
        try await Task.sleep(for: .milliseconds(100))
        left = try shell("pgrep -fa '[a]skpass|[s]sh .*-p \(hasty.port)' || true")
      }
      #expect(left == "")
    }

    /// As `ssh` does for a hardware key, of which there is none here: it goes on, and ends the script later.
    @Test func `What only tells something waits for no answer`() async throws {
      let folder = try ControlFolder()
      let questions = ScriptedAnswers()
      let askpass = try Askpass(folder: folder, questions: questions, password: nil, names: [])
      let serving = Task { try await askpass.serve(for: .seconds(20)) }
      defer { serving.cancel() }
      let script = "SSH_ASKPASS_PROMPT=none exec '\(folder.path)/askpass' 'Touch\u{1b}[2J it'"
      let (_, time) = try await failure { _ = try shell(script) }
      #expect(time < .seconds(10))
      for _ in 0..<50 where questions.asked.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
      #expect(questions.asked == ["told: Touch[2J it"])
    }

    @Test func `A jump host can't ask for another host's password`() async {
      let source = AnswerSource(questions: nil, password: Secret("secret-of-web1"), names: ["web1"])
      #expect(await source.answer(to: "me@web1's password: ", kind: "", refused: nil) != nil)
      #expect(await source.answer(to: "(me@web1) Password: ", kind: "", refused: nil) != nil)
      for text in [
        "(me@bastion) Password: ", "(me@bastion) me@web1's password: ", "(me@bastion) x@web1) Password: ",
        "me@bastion's password: ",
      ] { #expect(await source.answer(to: text, kind: "", refused: nil) == nil, "\(text)") }
    }

    @Test func `What ssh asks is understood`() {
      typealias Question = AnswerSource.Question
      #expect(Question("root@web1's password: ") == .password(user: "root", host: "web1"))
      #expect(Question("(me@corp@10.0.0.7) Password: ") == .password(user: "me@corp", host: "10.0.0.7"))
      #expect(
        Question("Enter passphrase for key '/home/o'neil/id': ") == .passphrase(path: "/home/o'neil/id"))
      #expect(Question("Enter PIN for ED25519-SK key /home/me/id: ") == .other)
      #expect(Question("(me@web1) Verification code: ") == .other)
    }
  }
}
