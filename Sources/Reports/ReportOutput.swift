internal import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Where a report writes its text.
public struct ReportOutput: Sendable {
  let write: @Sendable (String) -> Void

  /// An output of the caller's own, as in tests.
  public init(write: @escaping @Sendable (String) -> Void) { self.write = write }

  /// Writes a text that belongs to no event, such as why there is no run.
  public func send(_ text: String) { write(text) }

  /// Standard output. If nobody reads it any more, the run goes on in silence: a server must not be left half
  /// done because `head` has seen enough. SIGPIPE has to be ignored.
  public static var standardOutput: ReportOutput { descriptor(1) }

  /// Standard error; see ``standardOutput``.
  public static var standardError: ReportOutput { descriptor(2) }

  /// A file that is already open.
  public static func descriptor(_ descriptor: Int32) -> ReportOutput {
    let isBroken = Flag()
    return ReportOutput { text in
      guard !isBroken.isSet else { return }
      var text = text
      let isComplete = text.withUTF8 { writeAll(UnsafeRawBufferPointer($0), to: descriptor) }
      if !isComplete { isBroken.set() }
    }
  }

  private static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let part = UnsafeRawBufferPointer(rebasing: rest)
      let count = systemWrite(descriptor, part.baseAddress, part.count)
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        // The other end of a terminal or pipe may have made it non-blocking for all.
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&wait, 1, 10_000) > 0 else { return false }
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}

/// The system's `write`, which inside `ReportOutput` its own member would hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}

private final class Flag: Sendable {
  private let value = Atomic(false)
  var isSet: Bool { value.load(ordering: .relaxed) }
  func set() { value.store(true, ordering: .relaxed) }
}
