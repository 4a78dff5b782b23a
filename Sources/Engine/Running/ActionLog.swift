internal import MartletCore
internal import Synchronization

/// What a program said of its actions.
///
/// A host isn't trusted: what it says of an action that wasn't sent, or says twice, is nothing.
final class ActionLog: Sendable {
  enum Result {
    case changed
    case same
    case skipped
  }

  /// How an action ended the program.
  struct Failure {
    var index: Int
    var status: Int32
    /// The last lines that it printed.
    var output: [String] = []
    /// Places without space, or that can't be written to, by the host's words.
    var full: [String] = []
    var readOnly: [String] = []
    /// Whether it took too long, and what of it could not be ended.
    var isLate = false
    var survivors: [Int32] = []
    /// What installs packages, and was let finish.
    var keeper: String?
  }

  /// Something to be reported.
  enum News {
    case began(Int)
    case printed(Int, String)
    case waits(HostWait)
    /// An action is held up by something else.
    case waiting(Int, String)
    /// There is no folder to keep a lock in.
    case unlocked
  }

  private struct State {
    var results: [Int: Result] = [:]
    var running: Int?
    var begun: Set<Int> = []
    var heads: [Int: String] = [:]
    var printed: Set<Int> = []
    var failure: Failure?
    var hasFailed = false
    var wait: HostWait?
    var isStale = false
    var gaveUp: HostWait?
    var broken: String?
    var reason: String?
  }

  private let count: Int
  private let longestSecret: Int
  private let state = Mutex(State())

  /// - Parameters:
  ///   - count: How many actions were sent.
  ///   - longestSecret: How many bytes a secret may take up in an output.
  init(count: Int, longestSecret: Int) {
    self.count = count
    self.longestSecret = longestSecret
  }

  /// How each finished action ended.
  var results: [Int: Result] { state.withLock { $0.results } }

  /// The action that has begun and not ended.
  var running: Int? { state.withLock { $0.running } }

  /// The action that ended the program.
  var failure: Failure? { state.withLock { $0.hasFailed ? $0.failure : nil } }

  /// Whether nothing was done, because somebody else changed the host after the look.
  var isStale: Bool { state.withLock { $0.isStale } }

  /// For whom the program waited in vain.
  var gaveUp: HostWait? { state.withLock { $0.gaveUp } }

  /// Why the program couldn't begin, and which disks may be why.
  var broken: (words: String, full: [String])? {
    state.withLock { state in state.broken.map { ($0, state.failure?.full ?? []) } }
  }

  /// Takes down a record; returns what is to be reported of it.
  func note(_ record: RecordParser.Record) -> News? {
    let words = record.header.split(separator: " ", omittingEmptySubsequences: false)
    let rest = words.dropFirst().joined(separator: " ")
    switch words[0] {
    case "lock":
      guard let wait = HostWait(rest) else { return nil }
      return state.withLock { state in
        // Every 15 s again, so that a program finds out that nobody listens any more.
        if state.wait?.isSame(as: wait) == true { return nil }
        state.wait = wait
        return .waits(wait)
      }
    case "busy":
      state.withLock { $0.gaveUp = HostWait(rest) ?? HostWait("held - \t") }
      return nil
    case "stale":
      state.withLock { $0.isStale = $0.begun.isEmpty }
      return nil
    case "unlocked": return .unlocked
    case "broken":
      state.withLock { $0.broken = rest }
      return nil
    default: break
    }
    guard words.count >= 2, let index = Int(words[1]), (0..<count).contains(index) else { return nil }
    return state.withLock { note(words, index, record.body, &$0) }
  }

  private func note(_ words: [Substring], _ index: Int, _ body: [UInt8], _ state: inout State) -> News? {
    let last = words.last ?? ""
    switch words[0] {
    case "begin":
      guard state.begun.insert(index).inserted else { return nil }
      state.running = index
      state.reason = nil
      return .began(index)
    case "waiting":
      let lines = String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline)
      let reason = lines.last.map(String.init) ?? "something else on the host"
      guard state.running == index, state.reason != reason else { return nil }
      state.reason = reason
      return .waiting(index, reason)
    case "head":
      state.heads[index] = Self.beginning(body, longestSecret: longestSecret)
    case "output":
      guard !body.isEmpty, state.printed.insert(index).inserted else { return nil }
      let end = Self.text(of: body, limit: HostOutput.verboseLimit, longestSecret: longestSecret)
      return .printed(index, (state.heads.removeValue(forKey: index) ?? "") + end)
    case "done":
      state.running = nil
      if state.results[index] == nil { state.results[index] = last == "changed" ? .changed : .same }
    case "skipped":
      state.running = nil
      if state.results[index] == nil { state.results[index] = .skipped }
    case "space" where words.count > 3:
      let place = words[3...].joined(separator: " ")
      var failure = state.failure ?? Failure(index: index, status: -1)
      if words[2] == "full" { failure.full.append(place) } else { failure.readOnly.append(place) }
      if failure.full.count + failure.readOnly.count <= 20 { state.failure = failure }
    case "keeps" where words.count == 3:
      var failure = state.failure ?? Failure(index: index, status: -1)
      failure.keeper = String(words[2].prefix(40))
      state.failure = failure
    case "late":
      var failure = state.failure ?? Failure(index: index, status: -1)
      failure.isLate = true
      failure.survivors = words.dropFirst(2).prefix(20).compactMap { Int32($0) }
      state.failure = failure
    case "failed":
      state.running = nil
      let end = Self.text(of: body, limit: HostOutput.failureLimit, longestSecret: longestSecret)
      let all = end.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      let condensed = PythonTraceback.condensed(all)
      let lines = condensed.suffix(41)
      let head = (state.heads[index] ?? "").split(separator: "\n").prefix(5).map(String.init)
      var failure = state.failure ?? Failure(index: index, status: -1)
      failure.index = index
      failure.status = Int32(last) ?? -1
      let tail = Array(lines.last == "" ? lines.dropLast() : lines)
      // A traceback's error goes before all else.
      failure.output = condensed == all ? head + tail : tail + head
      state.failure = failure
      state.hasFailed = true
    default: break
    }
    return nil
  }

  /// The end of an output that was sent with a limit.
  ///
  /// Where something was cut off, so may a secret have been, whose rest would not be recognised. So what comes before the
  /// next line break is left out, or as much as the rest of a secret may be.
  static func text(of output: [UInt8], limit: Int, longestSecret: Int) -> String {
    guard output.count >= limit else { return String(decoding: output, as: UTF8.self) }
    let window = output.prefix(max(longestSecret, 256))
    var rest = output[
      (window.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? min(longestSecret, output.count))...]
    // Nor is a character halved.
    rest = rest.drop { $0 & 0xC0 == 0x80 }
    return "…\n" + String(decoding: rest, as: UTF8.self)
  }

  /// The beginning of an output that was cut, in the same way.
  static func beginning(_ output: [UInt8], longestSecret: Int) -> String {
    let window = output.suffix(max(longestSecret, 256))
    let end = window.lastIndex(of: UInt8(ascii: "\n")) ?? max(0, output.count - longestSecret)
    return String(decoding: output[..<end], as: UTF8.self) + "\n"
  }
}
