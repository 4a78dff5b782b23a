import Foundation
public import MartletSSH

/// Answers by closures, and remembers what was asked.
public final class ScriptedAnswers: SSHQuestions {
  public typealias Passphrase = @Sendable (_ path: String, _ wasWrong: Bool) async -> String?
  public typealias Password = @Sendable (_ host: String, _ attempt: Int) async -> String?
  public typealias Answers = @Sendable (SSHPrompts) async -> [String]?

  private let passphrase: Passphrase
  private let password: Password
  private let answers: Answers
  private let lock = NSLock()
  nonisolated(unsafe) private var list: [String] = []  // guarded by `lock`
  nonisolated(unsafe) private var attempts = 0  // guarded by `lock`

  public init(
    passphrase: @escaping Passphrase = { _, _ in nil }, password: @escaping Password = { _, _ in nil },
    answers: @escaping Answers = { _ in nil }
  ) {
    self.passphrase = passphrase
    self.password = password
    self.answers = answers
  }

  /// What was asked, in order.
  public var asked: [String] { lock.withLock { list } }

  private func note(_ question: String) { lock.withLock { list.append(question) } }

  public func passphrase(forKey path: String, wasWrong: Bool) async -> SSHSecret? {
    note("passphrase \(URL(filePath: path).lastPathComponent)\(wasWrong ? " again" : "")")
    return await passphrase(path, wasWrong).map { SSHSecret($0) }
  }

  public func password(user: String, host: String, refused: SSHSecret?) async -> SSHSecret? {
    let attempt = lock.withLock {
      attempts = refused == nil ? 1 : attempts + 1
      return attempts
    }
    note("password \(attempt)")
    return await password(host, attempt).map { SSHSecret($0) }
  }

  public func tell(_ text: String) async { note("told: \(text)") }

  public func answers(to prompts: SSHPrompts) async -> [SSHSecret]? {
    note(prompts.prompts.map(\.text).joined(separator: "|"))
    return await answers(prompts)?.map { SSHSecret($0) }
  }
}
