internal import MartletCore
internal import Synchronization

/// A session whose commands run as another user than the one who logged in.
///
///     let session = UserSession(try await transport.connect(to: host), Become(host, play: .root))
///     try await session.run("id", exchange: exchange, deadline: .seconds(10))
///
/// A command runs as if that user had logged in with `/bin/sh`. sudo, su or doas start that shell, which says that it
/// runs and reads the command as its first line: so neither their logs nor a list of processes show it, and the password
/// is only ever on their standard input, in answer to their own question.
package final class UserSession: TransportSession {
  private let session: any TransportSession
  private let become: Become
  /// Why the user can't be become. It isn't tried again: a wrong password may lock an account.
  private let failure = Mutex<BecomeError?>(nil)

  /// - Parameters:
  ///   - session: Of the one who logged in.
  ///   - become: Whom to be. Where that is the one who logged in, commands run as in the session itself.
  package init(_ session: any TransportSession, _ become: Become) {
    self.session = session
    self.become = become
  }

  package var user: String? { become.method == .none ? session.user : become.user }
  package var forwardsAgent: Bool { session.forwardsAgent }
  package var offersTerminals: Bool { session.offersTerminals }
  package var isTerminal: Bool { become.usesTerminal }
  /// How long it may take until a command begins, because its user has to be become.
  package var startLimit: Duration { become.method == .none ? .zero : become.timeout }

  /// - Throws: `BecomeError` with what to do if the user can't be become, `ProgramError` if the login shell doesn't
  ///   run anything; ``TransportError`` as the session does. The exchange hears of nothing before its command runs.
  package func run(
    _ command: String, exchange: any ExchangeHandler, deadline: Duration
  ) async throws -> ExitStatus {
    guard become.method != .none else {
      return try await session.run(command, exchange: exchange, deadline: deadline)
    }
    if let failure = failure.withLock({ $0 }) { throw failure }
    if become.usesTerminal, !session.offersTerminals { throw BecomeError.missingTerminal(become) }
    let marker = Program.nonce()
    let opening = BecomeExchange(become, marker: marker, command: command, exchange: exchange)
    do {
      return try await run(become.commandLine(marker: marker), opening, deadline: deadline)
    } catch {
      if !opening.isReady {
        let wasAsked = opening.dialogue.hasAnswered
        failure.withLock {
          $0 =
            error as? BecomeError
            ?? (wasAsked ? BecomeError(become, "it was interrupted, and is not tried again") : nil)
        }
      }
      throw error
    }
  }

  package func close() async { await session.close() }

  private enum Part: Sendable {
    case ended(ExitStatus)
    case opening(BecomeExchange.Opening?)
    case late
  }

  private func run(
    _ line: String, _ opening: BecomeExchange, deadline: Duration
  ) async throws -> ExitStatus {
    let (session, timeout) = (session, become.timeout)
    return try await withThrowingTaskGroup(of: Part.self) { group in
      defer { group.cancelAll() }
      group.addTask { .ended(try await session.run(line, exchange: opening, deadline: deadline)) }
      group.addTask { .opening(await opening.opening()) }
      group.addTask {
        try await Task.sleep(for: timeout)
        return .late
      }
      while let part = try await group.next() {
        switch part {
        case .ended(let status) where opening.isReady: return status
        case .ended(let status): throw reason(opening, status)
        case .late where !opening.isReady:
          throw BecomeError.timeout(become, question: opening.dialogue.openLine)
        case .opening(.stuck):
          await end(opening)
          group.addTask {
            try await Task.sleep(for: .seconds(5))
            return .late
          }
          _ = try? await group.next()
          let dialogue = opening.dialogue
          throw dialogue.refusedPassword
            ? BecomeError.wrongPassword(become, account: dialogue.account) : .missingPassword(become)
        case .late, .opening: break
        }
      }
      throw CancellationError()
    }
  }

  /// Ends a sudo or su that wants a password which there isn't, or one more than the one that was wrong.
  private func end(_ opening: BecomeExchange) async {
    if opening.dialogue.isSudoRS || become.usesTerminal, let process = opening.process, process > 1 {
      // It would take the end of its input for an empty password, and try that: as often as sudoers lets it. A terminal's
      // input has no end.
      _ = try? await session.run(
        "/bin/sh -c 'kill -9 \(process)'", exchange: NoInput(), deadline: .seconds(10))
    }
    opening.close()
  }

  /// What it is when the command has ended and the user's shell never ran.
  private func reason(_ opening: BecomeExchange, _ status: ExitStatus) -> any Error {
    let (dialogue, errorText) = (opening.dialogue, opening.errorText)
    if dialogue.refusedPassword || dialogue.hasAnswered && BecomeError.isRefusal(errorText) {
      return BecomeError.wrongPassword(become, account: dialogue.account)
    }
    if dialogue.lacksPassword { return BecomeError.missingPassword(become) }
    if let error = BecomeError(become: become, errorOutput: errorText) { return error }
    let words = opening.lastWords
    guard opening.hasStarted else {
      return ProgramError.loginShellEnded(of: become, status, words: words)
    }
    return BecomeError(become, words.isEmpty ? "it ended with \(status.words)" : "it says \"\(words)\"")
  }
}

extension ExitStatus {
  /// For a sentence.
  package var words: String {
    switch self {
    case .code(let code): "exit status \(code)"
    case .signal(let name): "signal \(name)"
    }
  }
}

/// For a command that reads nothing, and of whose output nobody takes notice.
final class NoInput: ExchangeHandler {
  func input() async throws -> [UInt8]? { nil }
  func output(_ bytes: [UInt8]) {}
  func errorOutput(_ bytes: [UInt8]) {}
}
