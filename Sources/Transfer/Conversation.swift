internal import MartletCore
internal import MartletEngine
internal import Synchronization

/// The controller's side of a script that runs on a host: records come back, and bytes go either way.
final class Conversation: ExchangeHandler {
  /// Gives the next bytes to send; nil at their end.
  typealias Source = @Sendable () async throws -> [UInt8]?
  /// Takes bytes of the host.
  typealias Sink = @Sendable ([UInt8]) throws -> Void

  private enum Input: Sendable {
    case bytes([UInt8])
    case source(Source)
  }

  private struct State {
    var output = LineCutter()
    var errors = LineCutter()
    /// What came on standard error and is no record, the end of it.
    var errorText: [UInt8] = []
    var records = 0
    var sink: Sink?
    var source: Source?
    var failure: (any Error)?
    var status: ExitStatus?
    var lastMove = ContinuousClock.now
    /// Whether the host has asked for input, which it does when its shell runs.
    var hasBegun = false
    var patience: Duration
  }

  private let script: HostScript
  private let state: Mutex<State>
  private let inputs: AsyncStream<Input>
  private let inputEnd: AsyncStream<Input>.Continuation
  private let records: AsyncStream<HostRecord>
  private let recordEnd: AsyncStream<HostRecord>.Continuation
  private let options: TransferOptions

  /// More records than any script of ours writes.
  private static let recordLimit = 100
  private static let errorLimit = 8 << 10

  let expectsBulk: Bool

  init(_ script: HostScript, options: TransferOptions, expectsBulk: Bool) {
    self.script = script
    self.options = options
    self.expectsBulk = expectsBulk
    state = Mutex(State(patience: options.idleLimit))
    (inputs, inputEnd) = AsyncStream.makeStream()
    (records, recordEnd) = AsyncStream.makeStream()
    inputEnd.yield(.bytes(script.input))
  }

  // What a transport calls.

  func input() async throws -> [UInt8]? {
    state.withLock { state in
      if !state.hasBegun { state.lastMove = .now }
      state.hasBegun = true
    }
    while true {
      if let source = state.withLock({ $0.source }) {
        do {
          if let bytes = try await source() {
            moved()
            return bytes
          }
        } catch {
          fail(error)
          throw error
        }
        state.withLock { $0.source = nil }
      }
      var iterator = inputs.makeAsyncIterator()
      guard let next = await iterator.next() else { return nil }
      switch next {
      case .bytes(let bytes): return bytes
      case .source(let source): state.withLock { $0.source = source }
      }
    }
  }

  func output(_ bytes: [UInt8]) {
    let (sink, hasFailed) = state.withLock { state in
      state.lastMove = .now
      return (state.sink, state.failure != nil)
    }
    if hasFailed { return }
    if let sink {
      do { try sink(bytes) } catch { fail(error) }
      return
    }
    take(bytes, \.output) { _ in }
  }

  func errorOutput(_ bytes: [UInt8]) {
    state.withLock { $0.lastMove = .now }
    take(bytes, \.errors) { line in
      state.withLock { state in
        state.errorText += line + [0x0a]
        if state.errorText.count > Self.errorLimit {
          state.errorText.removeFirst(state.errorText.count - Self.errorLimit)
        }
      }
    }
  }

  private func take(
    _ bytes: [UInt8], _ cutter: WritableKeyPath<State, LineCutter>, other: ([UInt8]) -> Void
  ) {
    for line in state.withLock({ $0[keyPath: cutter].cut(bytes) }) {
      let text = String(decoding: line, as: UTF8.self)
      guard text.hasPrefix(script.nonce + " ") else {
        other(line)
        continue
      }
      let count = state.withLock { state in
        state.records += 1
        return state.records
      }
      guard count <= Self.recordLimit else {
        return fail(TransferError("the host says more than it was asked"))
      }
      recordEnd.yield(HostRecord(String(text.dropFirst(script.nonce.count + 1))))
    }
  }

  // What a transfer calls.

  /// The next record.
  ///
  /// - Throws: What the host says is wrong, or how its script ended.
  func record(_ verb: String? = nil) async throws -> HostRecord {
    var iterator = records.makeAsyncIterator()
    while let record = await iterator.next() {
      if record.verb == "error" { throw complaint(record.rest) }
      if verb == nil || record.verb == verb { return record }
      throw TransferError("the host answered \(shown(record.verb)) where \(verb ?? "") was expected")
    }
    try Task.checkCancellation()
    throw ending
  }

  /// What the host says is wrong; where that is `tar`, its own words are on standard error.
  private func complaint(_ text: String) -> TransferError {
    guard text == "tar" else { return TransferError(reason(in: text)) }
    let lines = errorText.split(separator: "\n").filter { $0.contains(":") }
    return TransferError("tar on the host: \(lines.first.map { reason(in: String($0)) } ?? "it failed")")
  }

  /// All records up to the end of the script.
  func rest() async throws -> [HostRecord] {
    var all: [HostRecord] = []
    for await record in records {
      if record.verb == "error" { throw complaint(record.rest) }
      all.append(record)
    }
    try Task.checkCancellation()
    if let failure = state.withLock({ $0.failure }) { throw failure }
    return all
  }

  /// Sends a line.
  func say(_ line: String) { inputEnd.yield(.bytes(Array((line + "\n").utf8))) }

  /// Sends all that a source gives. Where the host knows of no end, the end of the input has to tell it.
  func send(_ source: @escaping Source) { inputEnd.yield(.source(source)) }

  /// Ends the input.
  func endInput() { inputEnd.finish() }

  /// From now on all output is for `sink`. Call it before the host is told to send.
  func receive(_ sink: @escaping Sink) { state.withLock { $0.sink = sink } }

  /// Grants the time that it takes to sum so many bytes on a slow disk, besides the usual.
  func allowSumming(_ bytes: Int) {
    state.withLock { state in
      state.lastMove = .now
      state.patience = options.idleLimit + .seconds(bytes / (20 << 20))
    }
  }

  /// The end of what the host's programs said on standard error.
  var errorText: String { String(decoding: state.withLock { $0.errorText }, as: UTF8.self) }

  private func moved() { state.withLock { $0.lastMove = .now } }

  /// Ends the conversation, if it hasn't failed already.
  func fail(_ error: any Error) {
    state.withLock { $0.failure = $0.failure ?? error }
    inputEnd.finish()
    recordEnd.finish()
  }

  func end(_ status: ExitStatus) {
    take([0x0a], \.output) { _ in }
    errorOutput([0x0a])
    state.withLock { $0.status = status }
    inputEnd.finish()
    recordEnd.finish()
  }

  /// Why there is no further record.
  private var ending: any Error {
    let (failure, status, records) = state.withLock { ($0.failure, $0.status, $0.records) }
    if let failure { return failure }
    let (ending, text) = (status?.words ?? "no end", errorText.trimmed)
    if records == 0, text.isEmpty {
      return TransferError("the login shell ended (\(ending)) before anything ran. \(LoginShell.advice)")
    }
    return TransferError(
      "the host's shell did not do its part (\(ending))" + (text.isEmpty ? "" : ": \(reason(in: text))"))
  }

  /// Ends with an error when nothing has moved for too long.
  func watch() async throws {
    while true {
      try await Task.sleep(for: .milliseconds(500))
      let (last, patience) = state.withLock { state in
        (state.lastMove, state.patience + (state.hasBegun ? .zero : options.startLimit))
      }
      if last.duration(to: .now) > patience {
        throw TransferError("nothing has moved for \(patience.components.seconds) s: given up")
      }
    }
  }
}

extension Conversation {
  /// A transfer that takes a day has something wrong with it.
  private static let deadline = Duration.seconds(24 * 3600)

  private enum Part<T: Sendable>: Sendable {
    case script
    case value(T)
  }

  /// Runs the script and talks with it, until both sides are done.
  static func run<T: Sendable>(
    _ script: HostScript, on session: any TransportSession, options: TransferOptions,
    expectsBulk: Bool = false,
    _ body: @escaping @Sendable (Conversation) async throws -> T
  ) async throws -> T {
    let conversation = Conversation(script, options: options, expectsBulk: expectsBulk)
    do {
      return try await withThrowingTaskGroup(of: Part<T>.self) { group in
        defer { group.cancelAll() }
        group.addTask {
          let status = try await session.run(script.command, exchange: conversation, deadline: deadline)
          conversation.end(status)
          return .script
        }
        group.addTask { .value(try await body(conversation)) }
        group.addTask {
          try await conversation.watch()
          return .script
        }
        var value: T?
        var isOver = false
        while value == nil || !isOver, let part = try await group.next() {
          switch part {
          case .script: isOver = true
          case .value(let result): value = result
          }
        }
        try Task.checkCancellation()
        guard let value else { throw CancellationError() }
        return value
      }
    } catch {
      try Task.checkCancellation()
      throw conversation.state.withLock { $0.failure } ?? error
    }
  }
}
