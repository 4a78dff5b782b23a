#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A process that `host.sh` has written down as "PID STARTTIME".
///
/// The start time (field 22 of /proc/PID/stat, proc(5)) tells it from a later process that was given
/// the same number, so that a lab never signals anybody else's.
struct ProcessRecord: Equatable {
  let pid: pid_t
  let startTime: UInt64

  init?(_ text: String?) {
    let words = (text ?? "").split(whereSeparator: \.isWhitespace)
    guard words.count == 2, let pid = pid_t(words[0]), pid > 1, let startTime = UInt64(words[1]) else {
      return nil
    }
    self.pid = pid
    self.startTime = startTime
  }

  /// Whether that very process runs. One that has ended and isn't reaped yet doesn't.
  var isRunning: Bool {
    guard let stat = FileSystem.read("/proc/\(pid)/stat"), let (state, start) = Self.parse(stat: stat) else {
      return false
    }
    return start == startTime && state != "Z" && state != "X"
  }

  /// Sends a signal, if that very process still runs.
  func signal(_ number: CInt) {
    guard isRunning else { return }
    sendSignal(number, to: pid)
  }

  /// The state and the start time in a line of /proc/PID/stat. The command's name before them is in
  /// parentheses and may itself hold spaces and parentheses.
  static func parse(stat: String) -> (state: Character, startTime: UInt64)? {
    guard let end = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: end)...].split(whereSeparator: \.isWhitespace)
    guard fields.count > 19, let state = fields[0].first, let start = UInt64(fields[19]) else { return nil }
    return (state, start)
  }
}

/// kill(2), by a name that no method hides.
func sendSignal(_ number: CInt, to pid: pid_t) {
  kill(pid, number)
}
