/// The encrypted key files of the process: each is opened once, with one question, however many connections
/// want its key.
///
/// Not on the reactor: to try a passphrase takes a tenth of a second and more.
actor KeyVault {
  enum Outcome: Sendable {
    case key(PrivateKey)
    /// Why not, and what to do.
    case none(String)
  }

  static let shared = KeyVault()
  /// How many wrong passphrases are taken, as ssh does.
  private static let attempts = 3

  private var outcomes: [String: (stamp: LocalFile.Stamp?, outcome: Task<Outcome, Never>)] = [:]

  /// The private key of a file. Waits for the answer if another connection has asked already.
  func key(
    _ path: String, _ stamp: LocalFile.Stamp?, _ sealed: SealedKey, _ questions: (any SSHQuestions)?
  ) async -> Outcome {
    if let known = outcomes[path], known.stamp == stamp { return await known.outcome.value }
    guard let questions else { return .none(KeyFile.encrypted(path).message) }
    // A task of its own: the connection that was first may be cancelled while others wait.
    let outcome = Task.detached { await KeyVault.open(path, sealed, questions) }
    outcomes[path] = (stamp, outcome)
    return await outcome.value
  }

  private static func open(_ path: String, _ sealed: SealedKey, _ questions: any SSHQuestions) async
    -> Outcome
  {
    for attempt in 0..<attempts {
      guard let passphrase = await questions.passphrase(forKey: path, wasWrong: attempt > 0) else {
        let remedy = "give it on a terminal, or let an agent hold the key: ssh-add \(shellWord(path))"
        return .none(
          "no \(attempt > 0 ? "right " : "")passphrase was given for the key file \(path); \(remedy)")
      }
      do throws(KeyFile.Failure) {
        if let key = try sealed.open(passphrase.bytes, path) { return .key(key) }
      } catch {
        return .none(error.message)
      }
    }
    return .none("\(attempts) wrong passphrases were given for the key file \(path)")
  }
}
