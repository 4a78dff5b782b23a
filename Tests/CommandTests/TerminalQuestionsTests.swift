import Foundation
import Glibc
import MartletSSH
import Synchronization
import TestSupport
import Testing

@testable import Martlet

@Suite struct TerminalQuestionsTests {
  /// Types the answers one after the other, and remembers the questions.
  final class User: Sendable {
    private let state: Mutex<(answers: [String?], questions: [String])>

    init(_ answers: [String?]) { state = Mutex((answers, [])) }

    var questions: [String] { state.withLock { $0.questions } }

    var ask: TerminalQuestions.Ask {
      { question, _ in
        let answer = self.state.withLock { state in
          state.questions.append(question)
          return state.answers.isEmpty ? nil : state.answers.removeFirst()
        }
        // Long enough for all others to come.
        try? await Task.sleep(for: .milliseconds(20))
        return answer
      }
    }
  }

  /// What hosts do that all have the password `right`.
  func logIn(_ hosts: Range<Int>, _ questions: TerminalQuestions) async -> Int {
    await withTaskGroup(of: Bool.self) { group in
      for host in hosts {
        group.addTask {
          for attempt in 1...3 {
            guard let secret = await questions.password(user: "deploy", host: "web\(host)", attempt: attempt)
            else { return false }
            if secret == SSHSecret("right") { return true }
          }
          return false
        }
      }
      return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
  }

  @Test func hundredHostsAskOnce() async {
    let user = User(["right"])
    #expect(await logIn(0..<100, TerminalQuestions(ask: user.ask)) == 100)
    #expect(user.questions.count == 1)
  }

  @Test func hundredHostsAskTwiceWhereItWasMistyped() async {
    let user = User(["wrong", "right"])
    #expect(await logIn(0..<100, TerminalQuestions(ask: user.ask)) == 100)
    #expect(user.questions.count == 2)
    #expect(user.questions.last?.hasPrefix("That was wrong. Password of deploy@web") == true)
  }

  @Test func declinedOnceIsDeclinedForAll() async {
    for answers in [[""], [nil]] {
      let user = User(answers)
      #expect(await logIn(0..<20, TerminalQuestions(ask: user.ask)) == 0)
      #expect(user.questions.count == 1)
    }
  }

  @Test func hostsWithPasswordsOfTheirOwn() async {
    let user = User(["one", "two"])
    let questions = TerminalQuestions(ask: user.ask)
    #expect(await questions.password(user: "u", host: "a", attempt: 1) == SSHSecret("one"))
    #expect(await questions.password(user: "u", host: "b", attempt: 1) == SSHSecret("one"))
    #expect(await questions.password(user: "u", host: "b", attempt: 2) == SSHSecret("two"))
    // A further connection.
    #expect(await questions.password(user: "u", host: "a", attempt: 1) == SSHSecret("one"))
    #expect(await questions.password(user: "u", host: "b", attempt: 1) == SSHSecret("two"))
    #expect(user.questions == ["Password of u@a: ", "That was wrong. Password of u@b: "])
  }

  @Test func oneQuestionAtATime() async {
    let depth = Mutex((now: 0, most: 0))
    let user = User(["1", "2", "3", "4"])
    let questions = TerminalQuestions(
      whileAsking: { isAsking in
        depth.withLock {
          $0.now += isAsking ? 1 : -1
          $0.most = max($0.most, $0.now)
        }
      }, ask: user.ask)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<4 {
        group.addTask { _ = await questions.passphrase(forKey: "k\(number)", wasWrong: false) }
      }
    }
    #expect(depth.withLock { $0.most } == 1)
    #expect(user.questions.count == 4)
  }

  /// On a real pseudo-terminal: the echo is off while the answer is typed, and as before afterwards.
  @Test(arguments: [false, true])
  func terminal(isEchoed: Bool) throws {
    var (user, terminal): (Int32, Int32) = (-1, -1)
    try #require(openpty(&user, &terminal, nil, nil, nil) == 0)
    defer {
      close(user)
      close(terminal)
    }
    func hasEcho() -> Bool {
      var settings = termios()
      return tcgetattr(terminal, &settings) == 0 && settings.c_lflag & tcflag_t(ECHO) != 0
    }
    #expect(hasEcho())
    let device = terminal
    let answer = Mutex<[UInt8]?>(nil)
    let thread = Thread {
      let bytes = try? PasswordPrompt.ask("Password: ", on: device, isEchoed: isEchoed)
      answer.withLock { $0 = bytes }
    }
    thread.start()
    var buffer = [UInt8](repeating: 0, count: 100)
    #expect(read(user, &buffer, 100) == 10)
    // The echo goes off just after the question.
    for _ in 0..<500 where hasEcho() != isEchoed { usleep(2000) }
    #expect(hasEcho() == isEchoed)
    #expect(write(user, "hunter2\n", 8) == 8)
    for _ in 0..<500 where answer.withLock({ $0 }) == nil { usleep(2000) }
    #expect(answer.withLock { $0 } == Array("hunter2".utf8))
    #expect(hasEcho())
    let count = read(user, &buffer, 100)
    #expect(String(decoding: buffer[..<max(0, count)], as: UTF8.self).contains("hunter2") == isEchoed)
  }
}
