internal import MartletCore
internal import Synchronization

/// The controller's side of one program: sends it, and cuts what comes back into records.
final class ProgramExchange: ExchangeHandler {
  private struct State {
    var parser: RecordParser
    var errors: [UInt8] = []
    var ended = false
    var prompts = 0
    var isReady: Bool
    var waiter: CheckedContinuation<Void, Never>?
    var passwordsSent = 0
    var sent = false
    var closed = false
  }

  private let become: Become
  private let marker: String
  private let content: [UInt8]
  private let onRecord: @Sendable (RecordParser.Record) -> Void
  private let state: Mutex<State>

  /// - Parameters:
  ///   - content: What the command is to read once it runs as the right user.
  ///   - onRecord: Called for each record, in order, on the transport's thread.
  init(
    _ content: [UInt8], marker: String, become: Become,
    onRecord: @escaping @Sendable (RecordParser.Record) -> Void
  ) {
    self.content = content
    self.marker = marker
    self.become = become
    self.onRecord = onRecord
    var isReady = true
    if case .sudoWithPassword = become { isReady = false }
    state = Mutex(State(parser: RecordParser(marker: marker), isReady: isReady))
  }

  /// Whether the program came to its end.
  var ended: Bool { state.withLock { $0.ended } }

  /// Whether the host sent more than anyone could want.
  var overflowed: Bool { state.withLock { $0.parser.overflowed } }

  /// Whether sudo asked again after it had the password.
  var passwordWasRefused: Bool { state.withLock { $0.prompts > 1 } }

  /// What came on standard error, its last 16 KiB.
  var errorText: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

  func input() async throws -> [UInt8]? {
    while true {
      switch nextInput() {
      case .send(let bytes): return bytes
      case .end: return nil
      case .wait:
        await withTaskCancellationHandler {
          await withCheckedContinuation { continuation in
            let resumesAtOnce = state.withLock { state in
              if state.closed || Self.hasWork(state) { return true }
              state.waiter = continuation
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

  private func nextInput() -> Input {
    state.withLock { state in
      if state.closed || state.sent || state.prompts > 1 { return .end }
      if state.isReady {
        state.sent = true
        return .send(content)
      }
      if case .sudoWithPassword(let password) = become, state.prompts > state.passwordsSent {
        state.passwordsSent += 1
        return .send(Array((password.reveal() + "\n").utf8))
      }
      return .wait
    }
  }

  private static func hasWork(_ state: State) -> Bool {
    state.isReady || state.prompts > state.passwordsSent || state.prompts > 1
  }

  /// Ends the waiting for a host that will not ask any more.
  func close() {
    let waiter = state.withLock { state in
      state.closed = true
      return state.waiter.take()
    }
    waiter?.resume()
  }

  func output(_ bytes: [UInt8]) {
    deliver(state.withLock { $0.parser.consume(bytes) })
  }

  func errorOutput(_ bytes: [UInt8]) {
    let waiter: CheckedContinuation<Void, Never>? = state.withLock { state in
      state.errors += bytes
      if state.errors.count > 16 << 10 { state.errors.removeFirst(state.errors.count - (16 << 10)) }
      guard case .sudoWithPassword = become, !state.isReady else { return nil }
      state.prompts =
        String(decoding: state.errors, as: UTF8.self).split(
          separator: Become.prompt(marker), omittingEmptySubsequences: false
        ).count - 1
      return Self.hasWork(state) ? state.waiter.take() : nil
    }
    waiter?.resume()
  }

  private func deliver(_ records: [RecordParser.Record]) {
    for record in records {
      switch record.header {
      case "ready": becomeReady()
      case "end": state.withLock { $0.ended = true }
      default: onRecord(record)
      }
    }
  }

  private func becomeReady() {
    let waiter = state.withLock { state in
      state.isReady = true
      return state.waiter.take()
    }
    waiter?.resume()
  }
}
