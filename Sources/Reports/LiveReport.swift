public import MartletCore
internal import Synchronization

/// A report for terminals: changes and failures scroll by, and below them stands one line for each host that is
/// at work, with what it does and for how long.
///
/// Everything between two drawings is written in one piece, and each piece leaves the terminal as it was: with
/// its cursor visible, its colours reset, and lines that wrap. So nothing has to be restored however the program
/// ends; ``close()`` only takes the live lines away.
public final class LiveReport: EventSink {
  private struct State {
    var lines: EventLines
    var board = HostBoard()
    var pending: [ReportLine] = []
    /// The live lines that stand on the terminal, and its size when they were drawn.
    var drawn: [String] = []
    var size = Terminal.Size(columns: 0, rows: 0)
    var column = 0
    var hosts = 0
    var isClosed = false
    /// How many questions are on the terminal.
    var pauses = 0
  }
  private let state: Mutex<State>
  private let terminal: Terminal
  private let now: @Sendable () -> Duration
  private let ticks: Duration?

  /// - Parameters:
  ///   - terminal: Where to draw.
  ///   - verbose: Whether tasks that are right already are shown too.
  public convenience init(on terminal: Terminal, verbose: Bool = false) {
    let start = ContinuousClock.now
    self.init(on: terminal, verbose: verbose, ticks: .milliseconds(100)) { ContinuousClock.now - start }
  }

  init(
    on terminal: Terminal, verbose: Bool = false, ticks: Duration?, now: @escaping @Sendable () -> Duration
  ) {
    self.terminal = terminal
    self.ticks = ticks
    self.now = now
    state = Mutex(State(lines: EventLines(verbose: verbose, foldsRecap: true)))
  }

  public func receive(_ event: Event) {
    let isUrgent = state.withLock { state in
      if case .runStarted(_, let hosts, _) = event {
        state.column = HostPrefix.column(for: hosts)
        state.hosts = hosts.count
        startTicking()
      }
      state.board.receive(event, at: now())
      state.pending += state.lines.lines(for: event)
      if case .runFinished = event { return true }
      // Before a run there are no ticks, and a flood of output must not pile up between two of them.
      return state.hosts == 0 || state.pending.count > 1000
    }
    if isUrgent { draw() }
    if case .runFinished = event { close() }
  }

  /// Takes the live lines off the terminal. Later events are written, but nothing is drawn below them.
  public func close() {
    draw(isLast: true)
  }

  /// Takes the live lines off the terminal and writes nothing while somebody is asked something there; afterwards
  /// what has gathered is written. May be nested, from any thread.
  public func pause(_ isPaused: Bool) {
    state.withLock { state in
      if isPaused, state.pauses == 0 {
        draw(&state, isBare: true)
      }
      state.pauses += isPaused ? 1 : -1
    }
    if !isPaused { draw() }
  }

  private func startTicking() {
    guard let ticks else { return }
    Task.detached(priority: .utility) { [weak self] in
      while let self, !self.state.withLock({ $0.isClosed }) {
        self.draw()
        try? await Task.sleep(for: ticks)
      }
    }
  }

  /// Writes what has gathered, and the live lines as they are now.
  func draw(isLast: Bool = false) {
    state.withLock { state in
      if isLast { state.isClosed = true }
      // What was asked is left where it stands, when the program ends in the middle of it.
      guard state.pauses == 0 || isLast else { return }
      draw(&state, isBare: state.isClosed)
    }
  }

  /// - Parameter isBare: Whether there are to be no live lines.
  private func draw(_ state: inout State, isBare: Bool) {
    let size = terminal.size()
    // The last column stays free: a character in it makes some terminals wrap at once.
    let live =
      isBare
      ? [] : state.board.lines(at: now(), columns: size.columns - 1, rows: max(1, size.rows - 2))
    guard !state.pending.isEmpty || live != state.drawn || size != state.size else { return }
    var text = erase(state.drawn, columns: size.columns)
    for line in state.pending {
      text += HostPrefix.text(line.host, column: state.column)
      text += (terminal.isColoured ? line.style.coloured(line.text) : line.text) + "\n"
    }
    if !live.isEmpty {
      let lines = live.map { (terminal.isColoured ? ReportLine.Style.quiet.coloured($0) : $0) + "\n" }
      // Without wrapping, a character that the terminal shows wider than was thought does no harm.
      text += "\u{1b}[?7l" + lines.joined() + "\u{1b}[?7h"
    }
    state.pending = []
    state.drawn = live
    state.size = size
    guard !text.isEmpty else { return }
    terminal.output.write(text)
  }

  /// Moves to the first live line and clears from there on. After a resize to fewer columns the terminal may
  /// have wrapped the lines, so that they take more rows than were drawn.
  private func erase(_ lines: [String], columns: Int) -> String {
    let rows = lines.reduce(0) { $0 + max(1, (DisplayText.width($1) + columns - 1) / max(1, columns)) }
    return rows == 0 ? "" : "\r\u{1b}[\(rows)A\u{1b}[J"
  }
}
