internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// Why the server made no connection that a master's tunnel was to carry, as the master's log has it.
///
/// `ssh` tells it nowhere else: the program that has connected just sees the end. The log doesn't say which
/// connection it was, but it is written before that one is closed.
final class RefusalLog: Sendable {
  private struct State {
    /// How much of the log has been cut off at its beginning.
    var removed = 0
    /// How much of what is left has been read.
    var read = 0
    /// What nobody has asked for yet, by where it ends.
    var reasons: [(end: Int, text: String)] = []
  }

  private static let sizeLimit = 256 << 10
  private static let countLimit = 1000

  private let path: String
  private let state = Mutex(State())

  /// Reads what is written from now on; what was said before is removed.
  init(_ path: String) {
    self.path = path
    truncate(path, 0)
  }

  /// Where the log ends now.
  func end() -> Int {
    state.withLock { state in
      var status = stat()
      return state.removed + (stat(path, &status) == 0 ? Int(status.st_size) : 0)
    }
  }

  /// Takes the first reason that was written after the log's end was there; nil if there is none.
  func take(after end: Int) -> String? {
    state.withLock { state in
      readOn(&state)
      guard let index = state.reasons.firstIndex(where: { $0.end > end }) else { return nil }
      return state.reasons.remove(at: index).text
    }
  }

  private func readOn(_ state: inout State) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = pread(descriptor, &part, part.count, off_t(state.read + bytes.count))
      guard count > 0 else { break }
      bytes += part[..<count]
    }
    // Whole lines only.
    while let length = bytes.firstIndex(of: 10) {
      let line = ControlFolder.harmless(String(decoding: bytes[..<length], as: UTF8.self))
      bytes.removeFirst(length + 1)
      state.read += length + 1
      if let text = Self.reason(in: line) { state.reasons.append((state.removed + state.read, text)) }
    }
    state.reasons.removeFirst(max(0, state.reasons.count - Self.countLimit))
    // A tunnel may be open for weeks. `ssh` appends, so it goes on at the beginning.
    if bytes.isEmpty, state.read > Self.sizeLimit, truncate(path, 0) == 0 {
      state.removed += state.read
      state.read = 0
    }
  }

  /// The reason in a line such as `channel 3: open failed: connect failed: Connection refused` (channels.c).
  static func reason(in line: some StringProtocol) -> String? {
    String(line).wholeMatch(of: /channel \d+: open failed: (.+)/).map { String($0.1) }
  }
}
