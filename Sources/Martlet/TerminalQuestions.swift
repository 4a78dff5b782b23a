internal import Dispatch
internal import MartletCore
package import MartletSSH

/// Asks on the terminal what connections must know of the user: one question at a time, whichever of the
/// connections have one, and no question twice.
///
/// A password is remembered for the run. The next host of the same user gets it unasked; where it is wrong the
/// user is asked for that host, unless a newer one has been given meanwhile. So a hundred hosts with one password
/// ask once, and twice if it was mistyped.
///
///     let questions = TerminalQuestions()
///     target.questions = questions
package actor TerminalQuestions: SSHQuestions {
  /// Asks, and answers with nil where no one can be asked.
  package typealias Ask = @Sendable (_ question: String, _ isEchoed: Bool) async -> String?

  private struct Given {
    /// Nil: the user has none.
    var secret: SSHSecret?
  }

  private let ask: Ask
  private let whileAsking: @Sendable (_ isAsking: Bool) -> Void
  /// The newest answer for each user.
  private var newest: [String: Given] = [:]
  /// What each user and host was given last.
  private var given: [String: Given] = [:]
  private var isBusy = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// - Parameters:
  ///   - whileAsking: Called with true before a question and with false after the answer, so that a report that
  ///     draws on the same terminal can pause.
  ///   - ask: In place of the terminal.
  package init(
    whileAsking: @escaping @Sendable (_ isAsking: Bool) -> Void = { _ in },
    ask: @escaping Ask = { await TerminalQuestions.askOnTerminal($0, isEchoed: $1) }
  ) {
    self.whileAsking = whileAsking
    self.ask = ask
  }

  package func passphrase(forKey path: String, wasWrong: Bool) async -> SSHSecret? {
    await inTurn {
      await question("\(wasWrong ? "That was wrong. " : "")Passphrase of the key \(path): ")
    }
  }

  package func password(user: String, host: String, refused: SSHSecret?) async -> SSHSecret? {
    await inTurn {
      let place = "\(user)@\(host)"
      // Looked up in turn: whoever was before may have been given it. That one may also have been another
      // connection to the same place.
      let known = [given[place], newest[user]].compactMap(\.self).first {
        $0.secret == nil || $0.secret != refused
      }
      let answer: Given
      if let known {
        answer = known
      } else {
        let hint = refused == nil ? "" : "That was wrong. "
        answer = Given(secret: await question("\(hint)Password of \(place): "))
        newest[user] = answer
      }
      given[place] = answer
      return answer.secret
    }
  }

  package func answers(to prompts: SSHPrompts) async -> [SSHSecret]? {
    await inTurn {
      var heading = [prompts.name, prompts.instruction].filter { !$0.isEmpty }.map { "\($0)\n" }.joined()
      var answers: [SSHSecret] = []
      for prompt in prompts.prompts {
        let place = prompts.user.isEmpty ? "" : "(\(prompts.user)@\(prompts.host)) "
        let text = "\(heading)\(place)\(prompt.text)"
        heading = ""
        guard let answer = await question(text, isEchoed: prompt.isEchoed) else { return nil }
        answers.append(answer)
      }
      return answers
    }
  }

  /// Not in turn: while another is asked something, a key that waits to be touched would not be heard of.
  package func tell(_ text: String) async {
    whileAsking(true)
    defer { whileAsking(false) }
    PasswordPrompt.tellOnTerminal(text)
  }

  /// An empty answer is none: it is how a user passes a question by.
  private func question(_ text: String, isEchoed: Bool = false) async -> SSHSecret? {
    whileAsking(true)
    defer { whileAsking(false) }
    guard let answer = await ask(text, isEchoed), !answer.isEmpty else { return nil }
    // Known from now on: what is typed unseen is shown nowhere.
    if !isEchoed { _ = Secret(answer) }
    return SSHSecret(answer)
  }

  /// An actor lets others in while it waits: this doesn't.
  private func inTurn<T>(_ body: () async -> T) async -> T {
    if isBusy { await withCheckedContinuation { waiting.append($0) } }
    isBusy = true
    let result = await body()
    if waiting.isEmpty { isBusy = false } else { waiting.removeFirst().resume() }
    return result
  }

  private static let queue = DispatchQueue(label: "martlet.questions")

  /// On a thread of its own: Swift's are few, and all else goes on while the user types.
  private static func askOnTerminal(_ question: String, isEchoed: Bool) async -> String? {
    await withCheckedContinuation { continuation in
      queue.async {
        continuation.resume(returning: PasswordPrompt.askOnTerminal(question, isEchoed: isEchoed))
      }
    }
  }
}
