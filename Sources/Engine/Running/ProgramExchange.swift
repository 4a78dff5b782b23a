internal import MartletCore
internal import Synchronization

/// The controller's side of a user's shell on a host: answers the question for a password, sends one program after
/// the other, and cuts what comes back into records.
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
    var opening: RecordParser
    var dialogue: BecomeDialogue
    var isReady: Bool
    /// The number of the process that sudo is, as the host says.
    var process: Int32?
    /// What the transport is to send next.
    var answers: [[UInt8]] = []
    var programs: [[UInt8]] = []
    var inputWaiter: CheckedContinuation<Void, Never>?
    /// Whether the input is at its end.
    var closed = false
    var errors: [UInt8] = []
    /// What came on standard output before the shell ran as the user.
    var greeting: [UInt8] = []
    var current: Current?
    /// How the shell ended.
    var ending: Outcome?
  }

  private let marker: String
  private let state: Mutex<State>

  /// - Parameter marker: The nonce of the shell's command line.
  init(_ become: Become, marker: String) {
    self.marker = marker
    state = Mutex(
      State(
        opening: RecordParser(marker: marker), dialogue: BecomeDialogue(become, marker: marker),
        isReady: !become.announcesItself))
  }

  /// Whether the shell runs as the user, as far as can be told before it is heard.
  var isReady: Bool { state.withLock { $0.isReady } }

  /// What the dialogue for a password came to.
  var dialogue: BecomeDialogue { state.withLock { $0.dialogue } }

  /// The number of the process that sudo is.
  var process: Int32? { state.withLock { $0.process } }

  /// What came on standard error since the last program was sent, its last 16 KiB.
  var errorText: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

  /// What sudo or su said in place of starting the shell, without its questions: the last lines of both outputs.
  var lastWords: String {
    let text = state.withLock { String(decoding: $0.errors + $0.greeting, as: UTF8.self) }
    let lines = text.split(separator: "\n").filter { !$0.contains(marker) }.map { line in
      // The answer to a question stays unseen, and so does its line break: what comes next stands behind it.
      guard let colon = line.firstIndex(of: ":"), BecomeDialogue.asksForPassword(String(line[...colon]))
      else {
        return line.trimmed
      }
      return line[line.index(after: colon)...].trimmed
    }.filter { !$0.isEmpty }
    return lines.suffix(4).joined(separator: "; ")
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
    let waiter = state.withLock { state in
      if state.isReady { state.errors = [] }
      state.current = Current(parser: RecordParser(marker: marker), onRecord: onRecord)
      state.current?.outcome = state.ending
      state.programs.append(bytes)
      return state.inputWaiter.take()
    }
    waiter?.resume()
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
    let waiter = state.withLock { state in
      state.closed = true
      return state.inputWaiter.take()
    }
    waiter?.resume()
  }

  func input() async throws -> [UInt8]? {
    while true {
      switch nextInput() {
      case .send(let bytes): return bytes
      case .end: return nil
      case .wait:
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in
            let resumesAtOnce = state.withLock { state in
              if Self.hasInput(state) { return true }
              state.inputWaiter = continuation
              return false
            }
            if resumesAtOnce { continuation.resume() }
          }
        } onCancel: {
          close()
        }
      }
    }
  }

  private enum Input {
    case send([UInt8])
    case wait
    case end
  }

  private static func hasInput(_ state: State) -> Bool {
    state.closed || !state.answers.isEmpty || state.isReady && !state.programs.isEmpty
  }

  private func nextInput() -> Input {
    state.withLock { state in
      if state.closed { return .end }
      if !state.answers.isEmpty { return .send(state.answers.removeFirst()) }
      if state.isReady, !state.programs.isEmpty { return .send(state.programs.removeFirst()) }
      return .wait
    }
  }

  func output(_ bytes: [UInt8]) {
    guard isReady else { return open(bytes) }
    let (records, handler) = state.withLock { state in
      (state.current?.parser.consume(bytes) ?? [], state.current?.onRecord)
    }
    for record in records {
      let words = record.header.split(separator: " ")
      switch words.first {
      case "end": state.withLock { $0.current?.isWhole = true }
      case "left":
        let status = words.count == 2 ? Int32(words[1]) : nil
        conclude { .finished(status: status ?? -1, isWhole: $0) }
      default: handler?(record)
      }
    }
    if state.withLock({ $0.current?.parser.overflowed ?? false }) { conclude { _ in .overflowed } }
  }

  func errorOutput(_ bytes: [UInt8]) {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.errors += bytes
      if state.errors.count > 16 << 10 { state.errors.removeFirst(state.errors.count - (16 << 10)) }
      guard !state.isReady else { return nil }
      if let answer = state.dialogue.consume(bytes) {
        state.answers.append(answer)
        return state.inputWaiter.take()
      }
      guard state.dialogue.refusedPassword || state.dialogue.lacksPassword else { return nil }
      // The one who waits for the program ends the dialogue.
      if state.current?.outcome == nil { state.current?.outcome = .failed(DialogueEnded()) }
      return state.current?.waiter.take()
    }
    waiter?.resume()
  }

  /// The dialogue for a password can't go on.
  struct DialogueEnded: Error {}

  /// Reads what the shell says before it runs as the user. Nothing of a program can be in it: none was sent.
  private func open(_ bytes: [UInt8]) {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.greeting = Array((state.greeting + bytes).suffix(4096))
      for record in state.opening.consume(bytes) {
        let words = record.header.split(separator: " ")
        if words == ["ready"] { state.isReady = true }
        if words.count == 2, words[0] == "pid" { state.process = Int32(words[1]) }
      }
      guard state.isReady else { return nil }
      state.errors = []
      return state.inputWaiter.take()
    }
    waiter?.resume()
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
