internal import Synchronization

/// What a program said of its actions.
final class ActionLog: Sendable {
  enum Result {
    case changed
    case same
    case skipped
  }

  private struct State {
    var results: [Int: Result] = [:]
    var running: Int?
    var failure: (index: Int, status: Int32, output: [String])?
  }

  private let state = Mutex(State())

  /// How each finished action ended.
  var results: [Int: Result] { state.withLock { $0.results } }

  /// The action that has begun and not ended.
  var running: Int? { state.withLock { $0.running } }

  /// The action that ended the program, its exit status, and the last lines that it printed.
  var failure: (index: Int, status: Int32, output: [String])? { state.withLock { $0.failure } }

  /// The verb and the action's index, if the record speaks of an action.
  static func read(_ record: RecordParser.Record) -> (verb: Substring, index: Int)? {
    let words = record.header.split(separator: " ")
    guard words.count >= 2, let index = Int(words[1]) else { return nil }
    return (words[0], index)
  }

  func note(_ record: RecordParser.Record, verb: Substring, index: Int) {
    let last = record.header.split(separator: " ").last ?? ""
    state.withLock { state in
      if verb != "output" { state.running = verb == "begin" ? index : nil }
      switch verb {
      case "done": state.results[index] = last == "changed" ? .changed : .same
      case "skipped": state.results[index] = .skipped
      case "failed":
        let lines = ActProgram.text(of: record.body, limit: ActProgram.failureLimit)
          .split(separator: "\n", omittingEmptySubsequences: false).suffix(41).map(String.init)
        state.failure = (index, Int32(last) ?? -1, lines.last == "" ? lines.dropLast() : lines)
      default: break
      }
    }
  }
}
