internal import Synchronization

/// One line at the bottom of a terminal that is drawn anew as things go on; without a terminal it shows nothing.
public final class ProgressLine: Sendable {
  private let terminal: Terminal?
  private let output: ReportOutput
  private let state = Mutex((isDrawn: false, isPaused: false))

  /// - Parameters:
  ///   - terminal: Where to draw; nil for nowhere.
  ///   - output: Where lines go that stay.
  public init(on terminal: Terminal?, output: ReportOutput) {
    self.terminal = terminal
    self.output = output
  }

  /// Draws the line in place of the last.
  public func draw(_ text: String) {
    guard let terminal else { return }
    state.withLock { state in
      if state.isPaused { return }
      state.isDrawn = true
      // The last column stays free: a character in it makes some terminals wrap at once.
      output.write(
        "\r" + DisplayText.fit(DisplayText.line(text), columns: terminal.size().columns - 1) + "\u{1b}[K")
    }
  }

  /// Writes a line that stays, above the one that is drawn.
  public func print(_ text: String) {
    state.withLock { state in
      output.write((state.isDrawn ? "\r\u{1b}[K" : "") + DisplayText.line(text) + "\n")
      state.isDrawn = false
    }
  }

  /// Takes the drawn line away.
  public func clear() {
    state.withLock { state in
      if state.isDrawn { output.write("\r\u{1b}[K") }
      state.isDrawn = false
    }
  }

  /// Draws nothing while the user is asked something on the same terminal.
  public func pause(_ isPaused: Bool) {
    clear()
    state.withLock { $0.isPaused = isPaused }
  }
}

/// Amounts in the form that people read.
public enum Amount {
  /// Bytes with three digits: `999 B`, `1.00 kB`, `5.37 GB`. A kilobyte has 1,000 (SI).
  public static func bytes(_ count: Int) -> String {
    var value = Double(count)
    let units = ["B", "kB", "MB", "GB", "TB", "PB"]
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    if unit == 0 { return "\(count) B" }
    let decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
    return "\(fixed(value, decimals)) \(units[unit])"
  }

  /// A time with as much as matters: `0.4 s`, `12 s`, `3:05 min`, `2:10:00 h`.
  public static func time(_ duration: Duration) -> String {
    let seconds = Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    if seconds < 9.95 { return "\(fixed(seconds, 1)) s" }
    let whole = Int(seconds.rounded())
    if whole < 100 { return "\(whole) s" }
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60)) min" }
    return "\(whole / 3600):\(two(whole / 60 % 60)):\(two(whole % 60)) h"
  }

  private static func fixed(_ value: Double, _ decimals: Int) -> String {
    let scale = [1, 10, 100][decimals]
    let number = Int((value * Double(scale)).rounded())
    guard decimals > 0 else { return "\(number)" }
    let rest = String(number % scale)
    return "\(number / scale)." + String(repeating: "0", count: decimals - rest.count) + rest
  }
}
