internal import MartletCore
internal import Synchronization

/// The controller's side of a command while it becomes its user: answers the question for a password, and stands
/// aside once the user's shell runs.
///
/// Where a password can be asked for, nothing else is sent until that shell has said that it runs: it could be taken
/// for the answer. From then on every byte goes straight to whom the command talks with, and none is looked at: a
/// file whose contents look like a question is only a file.
final class BecomeExchange: ExchangeHandler {
  /// How the first part came to its end.
  enum Opening: Sendable {
    /// The user's shell runs.
    case ready
    /// A password is wanted that there isn't, or one more than the one that was wrong.
    case stuck
  }

  private struct State {
    var dialogue: BecomeDialogue
    var isReady = false
    /// The number of the process that sudo is, as the host says.
    var process: Int32?
    /// The line of standard output that has no end yet.
    var openLine: [UInt8] = []
    /// The ends of what came on both outputs before the shell ran.
    var greeting: [UInt8] = []
    var errors: [UInt8] = []
  }

  private let exchange: any ExchangeHandler
  private let marker: String
  let wantsTerminal: Bool
  /// Whether a question can come.
  private let mayAsk: Bool
  private let state: Mutex<State>
  /// What the shell is to run.
  private let line: [UInt8]
  /// What is sent before the command's own input.
  private let inputs: AsyncStream<[UInt8]>
  private let inputEnd: AsyncStream<[UInt8]>.Continuation
  private let openings: AsyncStream<Opening>
  private let openingEnd: AsyncStream<Opening>.Continuation

  /// - Parameters:
  ///   - marker: The nonce of the command line.
  ///   - command: What the user's shell runs.
  ///   - exchange: Whom that talks with.
  init(_ become: Become, marker: String, command: String, exchange: any ExchangeHandler) {
    self.exchange = exchange
    self.marker = marker
    mayAsk = become.mayAsk
    wantsTerminal = become.usesTerminal
    line = Array("exec \(command)\n".utf8)
    state = Mutex(State(dialogue: BecomeDialogue(become, marker: marker)))
    (inputs, inputEnd) = AsyncStream.makeStream()
    (openings, openingEnd) = AsyncStream.makeStream()
    if !mayAsk { begin() }
  }

  var expectsBulk: Bool { exchange.expectsBulk }

  /// Whether the shell runs as the user.
  var isReady: Bool { state.withLock { $0.isReady } }

  /// What the dialogue for a password came to.
  var dialogue: BecomeDialogue { state.withLock { $0.dialogue } }

  /// The number of the process that sudo is.
  var process: Int32? { state.withLock { $0.process } }

  /// Whether the login shell has run anything of what it was given, as far as was heard.
  var hasStarted: Bool { state.withLock { $0.isReady || $0.process != nil || $0.dialogue.hasBegun } }

  /// What came on standard error before the shell ran, its last 16 KiB.
  var errorText: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

  /// What was said in place of starting the shell.
  var lastWords: String {
    let bytes = state.withLock { $0.errors + $0.greeting }
    return BecomeDialogue.lastWords(in: bytes, without: marker)
  }

  /// Waits until the shell runs or can't; nil if the task is cancelled before.
  func opening() async -> Opening? {
    for await opening in openings { return opening }
    return nil
  }

  /// Ends the input of whatever asks.
  func close() { inputEnd.finish() }

  private func begin() {
    inputEnd.yield(line)
    inputEnd.finish()
  }

  func input() async throws -> [UInt8]? {
    var iterator = inputs.makeAsyncIterator()
    if let bytes = await iterator.next() { return bytes }
    guard !mayAsk || isReady else { return nil }
    return try await exchange.input()
  }

  func output(_ bytes: [UInt8]) {
    guard !isReady else { return exchange.output(bytes) }
    guard let rest = state.withLock({ open(bytes, &$0) }) else {
      if wantsTerminal { state.withLock { hear(bytes, &$0) } }
      return
    }
    if mayAsk { begin() }
    openingEnd.yield(.ready)
    if !rest.isEmpty { exchange.output(rest) }
  }

  /// Reads what is said before the shell runs as the user.
  ///
  /// - Returns: What came after that, which is the command's; nil if it doesn't run yet.
  private func open(_ bytes: [UInt8], _ state: inout State) -> [UInt8]? {
    state.greeting = Array((state.greeting + bytes.suffix(4096)).suffix(4096))
    var rest = bytes[...]
    while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
      let line = String(decoding: state.openLine + rest[..<end], as: UTF8.self)
      state.openLine = []
      rest = rest[(end + 1)...]
      let words = line.split { $0 == " " || $0 == "\r" }
      guard words.first == marker[...] else { continue }
      if words.count == 3, words[1] == "pid" { state.process = Int32(words[2]) }
      if words.dropFirst() == ["ready"] {
        state.isReady = true
        return Array(rest)
      }
    }
    state.openLine += rest
    if state.openLine.count > 1 << 16 { state.openLine = [] }
    return nil
  }

  func errorOutput(_ bytes: [UInt8]) {
    let isForCommand = state.withLock { state in
      guard !state.isReady else { return true }
      hear(bytes, &state)
      // Where nothing is asked for, the command may be at work already: the two outputs come by ways of their own.
      return !mayAsk
    }
    if isForCommand { exchange.errorOutput(bytes) }
  }

  /// Hears what the tool says, and answers.
  private func hear(_ bytes: [UInt8], _ state: inout State) {
    state.errors = Array((state.errors + bytes.suffix(16 << 10)).suffix(16 << 10))
    guard mayAsk else { return }
    if let answer = state.dialogue.consume(bytes) { inputEnd.yield(answer) }
    if state.dialogue.refusedPassword || state.dialogue.lacksPassword { openingEnd.yield(.stuck) }
  }
}
