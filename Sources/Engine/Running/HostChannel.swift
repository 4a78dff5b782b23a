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

  /// How long a look may take, whatever it asks.
  static let lookDeadline = Duration.seconds(300)

  init(session: any TransportSession) { self.session = session }

  /// Asks a host everything at once.
  func look(_ questions: Questions, as become: Become, options: LookOptions) async throws -> Answers {
    let marker = Program.nonce()
    let program = LookProgram.make(questions, options: options, marker: marker)
    let records = Mutex<[RecordParser.Record]>([])
    try await send(
      .program(Array(program.code.utf8)), marker: marker, as: become, deadline: Self.lookDeadline
    ) { record in records.withLock { $0.append(record) } }
    return LookProgram.answers(to: questions, in: records.withLock { $0 })
  }

  /// Carries out actions; calls `onRecord` for each thing that happens, as it happens.
  func act(
    _ items: [ActProgram.Item], as become: Become, verbose: Bool,
    onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) async throws {
    var folder: String?
    let rehearsal = ActProgram(items, marker: "", folder: nil, verbose: verbose)
    if !rehearsal.staged.isEmpty { folder = try await stage(rehearsal.staged, as: become) }
    let marker = Program.nonce()
    let program = ActProgram(items, marker: marker, folder: folder, verbose: verbose).program
    let deadline = items.reduce(Duration.seconds(60)) { $0 + $1.action.timeout }
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
    HostShell(session: session, become: onTerminal.contains(become.key) ? become.onTerminal : become)
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

/// Ends the wait for an action that takes longer than it may.
private final class ActionWatch: Sendable {
  private struct State {
    var current: Int?
    var began = ContinuousClock.now
  }

  private let timeouts: [Duration]
  private let state = Mutex(State())

  init(_ timeouts: [Duration]) { self.timeouts = timeouts }

  func note(_ record: RecordParser.Record) {
    let words = record.header.split(separator: " ")
    guard words.count >= 2, let index = Int(words[1]), timeouts.indices.contains(index) else { return }
    state.withLock { state in
      state.current = words[0] == "begin" ? index : nil
      state.began = .now
    }
  }

  func run() async throws {
    while true {
      try await Task.sleep(for: .seconds(1))
      let state = state.withLock { $0 }
      if let current = state.current, state.began.duration(to: .now) > timeouts[current] {
        throw ProgramError(
          "the action took longer than \(timeouts[current].components.seconds) s; it may still be running there"
        )
      }
    }
  }
}
