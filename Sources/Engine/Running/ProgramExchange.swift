internal import Synchronization

/// The controller's side of a user's shell on a host: sends one program after the other, and cuts what comes back
/// into records.
final class ProgramExchange: ExchangeHandler {
  /// How a program ended.
  enum Outcome {
    /// The shell has ended it, with this status, and waits for the next. `isWhole` says whether it came to its end.
    case finished(status: Int32, isWhole: Bool)
    /// The shell has ended with it.
    case shellEnded(ExitStatus, isWhole: Bool)
    case overflowed
    case failed(any Error)
  }

  private struct Current {
    var parser: RecordParser
    var onRecord: @Sendable (RecordParser.Record) -> Void
    var isWhole = false
    var outcome: Outcome?
    var waiter: CheckedContinuation<Void, Never>?
  }

  private struct State {
    var isReady: Bool
    /// Whether nothing more is to be sent.
    var isClosed = false
    /// Whether a shell that can't see the end of its input was told of it.
    var hasSaidGoodbye = false
    var errors: [UInt8] = []
    /// What came on standard output before the shell's first word.
    var greeting: [UInt8] = []
    /// Whether a word of a program was heard.
    var hasSpoken = false
    /// Whether one of the current program was.
    var hasBegun = false
    var lastHeard = ContinuousClock.now
    var current: Current?
    /// How the shell ended.
    var ending: Outcome?
  }

  private let marker: String
  let wantsTerminal: Bool
  private let state: Mutex<State>
  private let programs: AsyncStream<[UInt8]>
  private let programEnd: AsyncStream<[UInt8]>.Continuation

  /// - Parameters:
  ///   - marker: The shell's nonce.
  ///   - isReady: Whether the shell takes programs from the start; otherwise from when it is given input.
  ///   - isOnTerminal: Whether the shell's input is a terminal.
  init(marker: String, isReady: Bool, isOnTerminal: Bool) {
    self.marker = marker
    wantsTerminal = isOnTerminal
    state = Mutex(State(isReady: isReady))
    (programs, programEnd) = AsyncStream.makeStream()
  }

  /// Whether the shell takes programs, as far as can be told before it is heard.
  var isReady: Bool { state.withLock { $0.isReady } }

  /// Whether a word of a program was heard.
  var hasSpoken: Bool { state.withLock { $0.hasSpoken } }

  /// Whether a word of the current program was heard.
  var hasBegun: Bool { state.withLock { $0.hasBegun } }

  /// For how long nothing was heard.
  var silence: Duration { state.withLock { $0.lastHeard }.duration(to: .now) }

  /// What came on standard error since the last program was sent, its last 16 KiB.
  var errorText: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

  /// What the login shell said in place of running a program.
  var lastWords: String {
    BecomeDialogue.lastWords(in: state.withLock { $0.errors + $0.greeting }, without: marker)
  }

  /// Hands a program to the shell. The one before it must have ended.
  ///
  /// - Parameters:
  ///   - bytes: All that the shell reads.
  ///   - marker: The nonce of the program's records.
  ///   - onRecord: Called for each record, in order, on the transport's thread.
  func begin(
    _ bytes: [UInt8], marker: String, onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) {
    state.withLock { state in
      state.errors = []
      state.hasBegun = false
      state.lastHeard = .now
      state.current = Current(parser: RecordParser(marker: marker), onRecord: onRecord)
      state.current?.outcome = state.ending
    }
    programEnd.yield(bytes)
  }

  /// Waits until the current program has ended, or its shell.
  func outcome() async throws -> Outcome {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if Task.isCancelled || state.current == nil || state.current?.outcome != nil { return true }
          state.current?.waiter = continuation
          return false
        }
        if isOver { continuation.resume() }
      }
    } onCancel: {
      state.withLock { $0.current?.waiter.take() }?.resume()
    }
    guard let outcome = state.withLock({ $0.current?.outcome }) else { throw CancellationError() }
    return outcome
  }

  /// Takes down how the shell's command ended.
  func shellEnded(_ result: Result<ExitStatus, any Error>) {
    let waiter = state.withLock { state in
      let isWhole = state.current?.isWhole ?? false
      let outcome: Outcome =
        switch result {
        case .success(let status): .shellEnded(status, isWhole: isWhole)
        case .failure(let error): .failed(error)
        }
      state.ending = outcome
      if state.current?.outcome == nil { state.current?.outcome = outcome }
      return state.current?.waiter.take()
    }
    waiter?.resume()
  }

  /// Ends the shell's input, and so the shell once its program has ended.
  func close() {
    state.withLock { $0.isClosed = true }
    programEnd.finish()
  }

  func input() async throws -> [UInt8]? {
    state.withLock { $0.isReady = true }
    var iterator = programs.makeAsyncIterator()
    let program = await iterator.next()
    return state.withLock { state in
      // What waits when the run is ended isn't begun.
      if let program, !state.isClosed { return program }
      guard wantsTerminal, !state.hasSaidGoodbye else { return nil }
      state.hasSaidGoodbye = true
      // The loop ends at a line that is no request.
      return [UInt8(ascii: "\n")]
    }
  }

  func output(_ bytes: [UInt8]) {
    let (records, handler) = state.withLock { state in
      state.lastHeard = .now
      let records = state.current?.parser.consume(bytes) ?? []
      if !records.isEmpty { state.hasBegun = true }
      if !records.isEmpty { state.hasSpoken = true }
      if !state.hasSpoken { state.greeting = Array((state.greeting + bytes.suffix(4096)).suffix(4096)) }
      return (records, state.current?.onRecord)
    }
    for record in records {
      let words = record.header.split(separator: " ")
      switch words.first {
      case "end": state.withLock { $0.current?.isWhole = true }
      // It runs; that is all it says.
      case "hello": break
      case "left":
        let status = words.count == 2 ? Int32(words[1]) : nil
        conclude { .finished(status: status ?? -1, isWhole: $0) }
      default: handler?(record)
      }
    }
    if state.withLock({ $0.current?.parser.overflowed ?? false }) { conclude { _ in .overflowed } }
  }

  func errorOutput(_ bytes: [UInt8]) {
    state.withLock { state in
      state.lastHeard = .now
      state.errors += bytes
      if state.errors.count > 16 << 10 { state.errors.removeFirst(state.errors.count - (16 << 10)) }
    }
  }

  private func conclude(_ outcome: (_ isWhole: Bool) -> Outcome) {
    let waiter = state.withLock { state in
      let isWhole = state.current?.isWhole ?? false
      if state.current?.outcome == nil { state.current?.outcome = outcome(isWhole) }
      return state.current?.waiter.take()
    }
    waiter?.resume()
  }
}
