public import MartletCore
internal import Synchronization

/// Lines for pipes, logs and continuous integration: each begins with its host, none is ever taken back.
///
///     web1 | will change: nginx (Shop/Shop.swift:12)
///     web1 |   + nginx
///     web1 | changed: nginx (Shop/Shop.swift:12)
///
///     recap  ok  changed  failed  unreachable  skipped  unknown  exchanges  seconds
///     web1   12        1       0            0        0        0          3      2.4
public final class PlainReport: EventSink {
  private struct State {
    var lines: EventLines
    var column = 0
  }
  private let state: Mutex<State>
  private let output: ReportOutput

  /// - Parameters:
  ///   - output: Where the lines go.
  ///   - verbose: Whether tasks that are right already are shown too.
  public init(to output: ReportOutput = .standardOutput, verbose: Bool = false) {
    self.output = output
    state = Mutex(State(lines: EventLines(verbose: verbose)))
  }

  public func receive(_ event: Event) {
    state.withLock { state in
      if case .runStarted(_, let hosts, _) = event { state.column = HostPrefix.column(for: hosts) }
      let lines = state.lines.lines(for: event)
      guard !lines.isEmpty else { return }
      output.write(
        lines.map { HostPrefix.text($0.host, column: state.column) + $0.text + "\n" }.joined())
    }
  }
}

/// The host in front of a line, padded so that the lines of hosts with names of different length line up.
enum HostPrefix {
  /// Names longer than this are not cut, but don't push the lines of the others to the right.
  private static let widest = 24

  static func column(for hosts: [String]) -> Int {
    hosts.reduce(0) { max($0, min(widest, DisplayText.width($1))) }
  }

  static func text(_ host: String?, column: Int) -> String {
    guard let host else { return "" }
    return DisplayText.pad(DisplayText.line(host), columns: column) + " | "
  }
}
