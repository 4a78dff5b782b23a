internal import Synchronization

/// The secrets that a run knows, from the moment that each of them is resolved, whatever becomes of it: revealed into a
/// command, given at a prompt, or never used.
///
/// A program has one run, which hides all that the process has come across (``process``). Several runs in one process,
/// as in tests, keep their secrets apart by a scope of their own (``scope``).
package final class KnownSecrets: Sendable {
  /// All secrets of this process.
  package static let process = KnownSecrets()
  /// Who else is told of the secrets that are resolved in this task.
  @TaskLocal package static var scope: KnownSecrets?

  private struct State {
    var seen: Set<Secret> = []
    /// Those whose forms have not been worked out, as nothing was shown since.
    var waiting: [Secret] = []
    var redactor = Redactor()
    var missing: [String] = []
    var tokens: [Secret: String] = [:]
    var secrets: [String: Secret] = [:]
  }
  private let state = Mutex(State())
  private let parent: KnownSecrets?

  /// - Parameter parent: Who is told of them too.
  package init(within parent: KnownSecrets? = nil) { self.parent = parent }

  static func note(_ secret: Secret) {
    process.add(secret)
    scope?.add(secret)
  }

  static func noteRevealed(missing problem: String) {
    process.noteMissing(problem)
    scope?.noteMissing(problem)
  }

  /// Hides one more from now on.
  package func add(_ secret: Secret) {
    guard secret.value != nil else { return }
    state.withLock { state in
      if state.seen.insert(secret).inserted { state.waiting.append(secret) }
    }
    parent?.add(secret)
  }

  /// What is missing of secrets that were revealed all the same, and so may have left a gap in any text.
  package var revealedMissing: [String] { state.withLock { $0.missing } }

  /// The text without any of them.
  package func redact(_ text: String) -> String { withRedactor { $0.redact(text) } }

  /// How many bytes a secret may take up where it is shown, in any of its forms.
  package var longestForm: Int { withRedactor(\.longestForm) }

  /// Under the lock: a copy of the index would be made anew for every secret that comes meanwhile.
  private func withRedactor<Result: Sendable>(_ body: (Redactor) -> Result) -> Result {
    state.withLock { state in
      for secret in state.waiting { state.redactor.add(secret) }
      state.waiting = []
      return body(state.redactor)
    }
  }

  private func noteMissing(_ problem: String) {
    state.withLock { if !$0.missing.contains(problem) { $0.missing.append(problem) } }
    parent?.noteMissing(problem)
  }

  /// A word that stands for a secret where its value must not be written.
  func token(for secret: Secret) -> String {
    state.withLock { state in
      if let token = state.tokens[secret] { return token }
      var generator = SystemRandomNumberGenerator()
      let token = "secret:\(generator.next() as UInt64)-\(generator.next() as UInt64)"
      state.tokens[secret] = token
      state.secrets[token] = secret
      return token
    }
  }

  /// The secret that a word stands for.
  func secret(for token: String) -> Secret? {
    guard token.hasPrefix("secret:") else { return nil }
    return state.withLock { $0.secrets[token] }
  }
}
