internal import MartletCore
internal import Synchronization

/// One user's shell on a host, for all of the run's programs.
///
/// Becoming another user is done once: sudo's log has one entry, and the password is sent once. The shell is a loop
/// that was itself sent as its first line. It reads the length of a program, runs it in a shell of its own, tells
/// how that ended, and waits for the next; at the end of its input it ends. A connection that is lost is such an
/// end, and a program that runs then finishes its action and starts no later one (``ActProgram``).
actor HostShell {
  /// What the loop is asked to do.
  enum Request {
    /// Run this code.
    case program([UInt8])
    /// Put these bytes into a new folder that only this user can look into.
    case stage([UInt8])
  }

  nonisolated let become: Become
  private let session: UserSession
  /// Of the one who logged in, to ask for a sign of life.
  private let login: any TransportSession
  private let startTimeout: Duration
  private let silenceTimeout: Duration
  private let exchange: ProgramExchange
  private let marker = Program.nonce()
  private var running: Task<Void, Never>?
  /// Whether a program has ended here.
  private(set) var hasAnswered = false

  /// How long a shell may live: longer than any run, for every program has a deadline of its own.
  private static let lifetime = Duration.seconds(7 * 24 * 3600)

  /// - Parameters:
  ///   - session: Of the one who logged in.
  ///   - become: Whom to be.
  ///   - startTimeout: How long it may take until a program runs, beside the time for its bytes and for its user.
  ///   - silenceTimeout: After how long a silent host is asked for a sign of life, and how long it has for that.
  init(
    session: any TransportSession, become: Become, startTimeout: Duration = .seconds(30),
    silenceTimeout: Duration = .seconds(30)
  ) {
    self.session = UserSession(session, become)
    login = session
    self.startTimeout = startTimeout
    self.silenceTimeout = silenceTimeout
    self.become = become
    exchange = ProgramExchange(
      marker: marker, isReady: !become.mayAsk, isOnTerminal: become.usesTerminal)
  }

  /// Carries out one request, after the one before it has ended.
  ///
  /// - Parameters:
  ///   - marker: The nonce of its records.
  ///   - deadline: How long it may take, from when the shell runs as its user.
  ///   - onRecord: Called for each record, in order, on the transport's thread.
  /// - Throws: ``BecomeError`` if the user can't be become, ``ProgramError`` if the program didn't come to its end,
  ///   `TransportError` if the host can't be reached any more or the deadline has passed.
  func perform(
    _ request: Request, marker: String, deadline: Duration,
    onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) async throws {
    try Task.checkCancellation()
    var bytes: [UInt8] = []
    let isFirst = running == nil
    if isFirst {
      if session.forwardsAgent { bytes += Array(Self.agent.utf8) }
      bytes += Array(Self.loop(marker: self.marker).utf8)
    }
    switch request {
    case .program(let code): bytes += Array("\(self.marker) p \(code.count) \(marker)\n".utf8) + code
    case .stage(let content): bytes += Array("\(self.marker) s \(content.count) \(marker)\n".utf8) + content
    }
    exchange.begin(bytes, marker: marker, onRecord: onRecord)
    if isFirst { start() }
    var start: Duration?
    // A slow line takes 16 KiB in a second.
    if case .program = request { start = startTimeout + session.startLimit + .seconds(bytes.count >> 14) }
    let outcome = try await outcome(within: deadline, start: start)
    if case .finished = outcome { hasAnswered = true }
    try await check(outcome)
  }

  /// Ends the shell's input. It ends itself once its program has ended.
  nonisolated func endInput() { exchange.close() }

  /// Waits a moment for the end of a shell whose input has ended.
  func finish() async {
    guard let running else { return }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await running.value }
      group.addTask { try? await Task.sleep(for: .seconds(5)) }
      await group.next()
      running.cancel()
      group.cancelAll()
    }
  }

  /// Stops waiting for the shell, whatever it does.
  func abandon() { running?.cancel() }

  private func start() {
    let (session, exchange) = (session, exchange)
    running = Task {
      do {
        exchange.shellEnded(
          .success(try await session.run(Become.shell, exchange: exchange, deadline: Self.lifetime)))
      } catch {
        exchange.shellEnded(.failure(error))
      }
    }
  }

  private func outcome(
    within deadline: Duration, start: Duration?
  ) async throws -> ProgramExchange.Outcome {
    let (exchange, login, become, silence) = (exchange, login, become, silenceTimeout)
    return try await withThrowingTaskGroup(of: ProgramExchange.Outcome.self) { group in
      group.addTask { try await exchange.outcome() }
      group.addTask {
        // How long that may take is the session's matter.
        while !exchange.isReady { try await Task.sleep(for: .milliseconds(100)) }
        try await Task.sleep(for: deadline)
        throw TransportError(
          "the host did not carry out the program within \(deadline.components.seconds) s; it may still be running there"
        )
      }
      group.addTask {
        while !exchange.isReady { try await Task.sleep(for: .milliseconds(100)) }
        if let start {
          try await Task.sleep(for: start)
          if !exchange.hasBegun {
            throw TransportError(
              "\(become.host) took a program and did not begin it within \(start.components.seconds) s: "
                + "the login shell of \(become.login) hangs, or the host does")
          }
        }
        while true {
          try await Task.sleep(for: silence / 8)
          guard exchange.silence > silence else { continue }
          try await Self.askForLife(login, become, within: silence)
          try await Task.sleep(for: silence)
        }
      }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }

  /// Asks a silent host for a sign of life: a command that does nothing. A refusal is a sign too.
  private static func askForLife(
    _ login: any TransportSession, _ become: Become, within limit: Duration
  ) async throws {
    let answers = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        _ = try? await login.run("/bin/sh -c :", exchange: NoInput(), deadline: limit * 2)
        return true
      }
      group.addTask {
        try? await Task.sleep(for: limit)
        return false
      }
      defer { group.cancelAll() }
      return await group.next() ?? true
    }
    try Task.checkCancellation()
    if !answers {
      throw TransportError(
        "\(become.host) gives no sign of life: nothing came for \((limit * 2).components.seconds) s, "
          + "and it runs no other command either")
    }
  }

  /// Draws the conclusion from how a program ended.
  private func check(_ outcome: ProgramExchange.Outcome) async throws {
    switch outcome {
    case .finished(_, isWhole: true), .shellEnded(_, isWhole: true): return
    case .overflowed: throw ProgramError("the host sent far more than was asked for")
    case .failed(let error): throw error
    case .finished(let status, isWhole: false):
      // Standard error comes by a way of its own, and may come later.
      try? await Task.sleep(for: .milliseconds(100))
      throw ProgramError(
        "the host's shell did not run the program to its end (exit status \(status))" + errors)
    case .shellEnded(let status, isWhole: false):
      if !hasAnswered, become.method == .none, !exchange.hasSpoken {
        throw ProgramError.loginShellEnded(of: become, status, words: exchange.lastWords)
      }
      if hasAnswered {
        throw ProgramError(
          "the shell of \(become.user) on \(become.host) has ended (\(status.words)): it was killed, or its login was ended"
            + errors)
      }
      throw ProgramError("the host's shell did not run the program to its end (\(status.words))" + errors)
    }
  }

  private var errors: String {
    let text = exchange.errorText.trimmed
    return text.isEmpty ? "" : ": " + text
  }

  /// Finds the forwarded agent again, whose place sudo keeps to itself: root may use it, as in `git pull` over SSH.
  /// In front of the loop, in its line.
  private static let agent =
    #"[ -n "$SSH_AUTH_SOCK" ] || { SSH_AUTH_SOCK=$(tr '\0' '\n' 2>/dev/null <"/proc/$PPID/environ" | "#
    + #"sed -n 's/^SSH_AUTH_SOCK=//p'); export SSH_AUTH_SOCK; }; "#

  /// The loop, in one line: nothing after it may be read along with it.
  ///
  /// A request is a line of the shell's own nonce, what to do, the length of what follows, and the nonce for the
  /// records. Where anything else is read, something has gone wrong, and no more is taken for a program.
  static func loop(marker: String) -> String {
    // The code is read before any of it runs, and what was cut off is no compound command: it does nothing. The
    // program's shell is its own process, so that what kills it doesn't kill the loop.
    let program = #"/bin/sh -c 'n=$1; shift; eval "$(head -c "$n")"' sh "$_n""#
    // A folder that mktemp -d has just made is this user's only (0700), under a name that could not be foreseen, and in a
    // sticky folder nobody else can put one in its place. /var/tmp is a disk, where /tmp may be memory. Nothing of the
    // bytes may stay behind in the input, even if there is no place for them.
    let stage =
      #"(umask 077; d=/var/tmp; [ -w $d ] || d=/tmp; d=$(mktemp -d $d/martlet.XXXXXX) || d=; "#
      + #"head -c "$_n" | { [ -n "$d" ] && cat >"$d/staged"; cat >/dev/null; }; "#
      + #"if [ -n "$d" ] && [ "$(wc -c <"$d/staged")" -eq "$_n" ]; "#
      + #"then printf '\n%s staged %s %s\n' "$_m" "$d" "$_n"; else rm -rf "$d"; fi; printf '\n%s end\n' "$_m")"#
    return
      "while IFS=' ' read -r _h _k _n _m && [ \"$_h\" = \(marker) ]; do case $_k in p) \(program) ;; s) \(stage) ;; "
      + "esac; printf '\\n%s left %s\\n' \"$_m\" \"$?\" || exit; done\n"
  }
}
