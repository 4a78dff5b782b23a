internal import MartletCore
internal import Synchronization

/// The programs of one host, sent over its one session: the exchanges that the recap counts.
actor HostChannel {
  private let session: any TransportSession
  /// The shells that run, by the key of their user.
  private var shells: [String: HostShell] = [:]
  /// Users who can only be become on a terminal, by the same keys.
  private var onTerminal: Set<String> = []
  /// Scripts that were sent so far.
  private(set) var exchanges = 0

  private let run: RunOptions

  /// - Parameter options: The run's deadlines.
  init(session: any TransportSession, options: RunOptions = RunOptions()) {
    self.session = session
    run = options
  }

  /// Asks a host everything at once.
  func look(_ questions: Questions, as become: Become, options: LookOptions) async throws -> Answers {
    let marker = Program.nonce()
    let program = LookProgram.make(questions, options: options, marker: marker)
    let records = Mutex<[RecordParser.Record]>([])
    try await send(
      .program(Array(program.code.utf8)), marker: marker, as: become, deadline: run.lookTimeout
    ) { record in
      // One answer to each question is all that is wanted.
      records.withLock { if $0.count < questions.kinds.count { $0.append(record) } }
    }
    return LookProgram.answers(to: questions, in: records.withLock { $0 })
  }

  /// Carries out actions; calls `onRecord` for each thing that happens, as it happens.
  func act(
    _ items: [ActProgram.Item], as become: Become, verbose: Bool, lock: HostLock,
    onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) async throws {
    var folder: String?
    let rehearsal = ActProgram(items, marker: "", folder: nil, verbose: verbose, lock: lock)
    if !rehearsal.staged.isEmpty { folder = try await stage(rehearsal.staged, as: become) }
    let marker = Program.nonce()
    let program = ActProgram(items, marker: marker, folder: folder, verbose: verbose, lock: lock).program
    let deadline = items.reduce(Duration.seconds(120) + lock.patience) {
      $0 + $1.action.timeout + ($1.action.waitsUpTo ?? .zero) + ActionWatch.grace
    }
    let watch = ActionWatch(items.map(\.action.timeout))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        try await self.send(
          .program(Array(program.code.utf8)), marker: marker, as: become, deadline: deadline
        ) { record in
          watch.note(record)
          onRecord(record)
        }
      }
      group.addTask { try await watch.run() }
      _ = try await group.next()
      group.cancelAll()
    }
  }

  func close() async {
    for shell in shells.values { shell.endInput() }
    await session.close()
    for shell in shells.values { await shell.abandon() }
  }

  /// Brings large inputs to the host ahead of the program that uses them.
  private func stage(_ bytes: [UInt8], as become: Become) async throws -> String {
    let marker = Program.nonce()
    let folder = Mutex<String?>(nil)
    try await send(
      .stage(bytes), marker: marker, as: become, deadline: .seconds(60 + bytes.count >> 16)
    ) { record in
      let words = record.header.split(separator: " ")
      guard words.count == 3, words[0] == "staged", Int(words[2]) == bytes.count,
        words[1].hasPrefix("/"), words[1].contains("/martlet.")
      else { return }
      folder.withLock { $0 = String(words[1]) }
    }
    guard let path = folder.withLock({ $0 }) else {
      throw ProgramError("the host did not take \(bytes.count) bytes: is the disk of /var/tmp full?")
    }
    return path
  }

  private func send(
    _ request: HostShell.Request, marker: String, as become: Become, deadline: Duration,
    onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) async throws {
    exchanges += 1
    let shell = shells[become.key] ?? makeShell(become)
    shells[become.key] = shell
    do {
      try await shell.perform(request, marker: marker, deadline: deadline, onRecord: onRecord)
    } catch let error as BecomeError where error.wantsTerminal && session.offersTerminals {
      onTerminal.insert(become.key)
      shells[become.key] = nil
      // What nobody has read was no exchange.
      exchanges -= 1
      do {
        try await send(request, marker: marker, as: become, deadline: deadline, onRecord: onRecord)
      } catch let failure as TransportError {
        if await shells[become.key]?.hasAnswered == true { throw failure }
        // There is no terminal either.
        throw error
      }
    } catch let error as TransportError where shells.count > 1 {
      guard await !shell.hasAnswered else { throw error }
      try await sendAlone(request, marker: marker, as: become, deadline: deadline, onRecord: onRecord)
    }
  }

  private func makeShell(_ become: Become) -> HostShell {
    HostShell(
      session: session, become: onTerminal.contains(become.key) ? become.onTerminal : become,
      startTimeout: run.startTimeout, silenceTimeout: run.silenceTimeout)
  }

  /// Sends a request to a server that allows one command at a time (sshd_config(5), MaxSessions): the other shells
  /// make way.
  private func sendAlone(
    _ request: HostShell.Request, marker: String, as become: Become, deadline: Duration,
    onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) async throws {
    for other in shells.values where other.become.key != become.key {
      other.endInput()
      await other.finish()
    }
    // The server counts a command that has ended for a moment longer.
    for attempt in 1... {
      let shell = makeShell(become)
      shells = [become.key: shell]
      do {
        return try await shell.perform(request, marker: marker, deadline: deadline, onRecord: onRecord)
      } catch let error as TransportError {
        guard await !shell.hasAnswered, attempt < 8 else { throw error }
        try await Task.sleep(for: .milliseconds(100 * attempt))
      }
    }
  }
}

/// A program that did not come to its end, though the connection stood.
struct ProgramError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Ends the wait for an action that takes longer than it may. The host ends it itself (``HostProcesses``) and says so: this is
/// for hosts that can't, and for what they must not end.
private final class ActionWatch: Sendable {
  private struct State {
    var current: Int?
    var began = ContinuousClock.now
    var keeper: String?
  }

  /// How much longer than its action a host may take to end it.
  static let grace = Duration.seconds(45)

  private let timeouts: [Duration]
  private let state = Mutex(State())

  init(_ timeouts: [Duration]) { self.timeouts = timeouts }

  func note(_ record: RecordParser.Record) {
    let words = record.header.split(separator: " ")
    guard words.count >= 2, let index = Int(words[1]), timeouts.indices.contains(index) else { return }
    state.withLock { state in
      switch words[0] {
      case "begin": (state.current, state.began, state.keeper) = (index, .now, nil)
      // What waits hasn't begun yet.
      case "waiting": (state.current, state.began) = (index, .now)
      case "keeps": state.keeper = words.dropFirst(2).joined(separator: " ")
      case "done", "skipped", "failed": state.current = nil
      default: break
      }
    }
  }

  func run() async throws {
    while true {
      try await Task.sleep(for: .milliseconds(500))
      let state = state.withLock { $0 }
      guard let current = state.current else { continue }
      let took = "the action took longer than \(timeouts[current].components.seconds) s"
      if let keeper = state.keeper {
        throw ProgramError(
          "\(took), and \(keeper) is still at work there: what installs packages is never ended in the middle. "
            + "Run again: the next run waits for it")
      }
      if state.began.duration(to: .now) > timeouts[current] + Self.grace {
        throw ProgramError("\(took), and the host did not end it: it may still be running there")
      }
    }
  }
}
