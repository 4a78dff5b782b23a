internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// What happens on Ctrl-C, SIGTERM and when the terminal goes away: the first cancels, the second ends the program.
///
/// The handlers only write a byte to a pipe, as all that runs in a handler must be async-signal-safe
/// (signal-safety(7)); a queue of its own reads it and does the work, also when all of Swift's threads are busy.
/// Programs that are started meanwhile get the default handling back from `execve`.
enum Interruption {
  private static let pipeEnd = Atomic<Int32>(-1)
  private static let count = Atomic<Int>(0)
  private static let signals = [SIGINT, SIGTERM, SIGHUP]

  /// Starts to watch.
  ///
  /// - Parameters:
  ///   - first: Called on the first signal.
  ///   - last: Called on the second; the program ends with status 130 afterwards, and also if it takes too long.
  static func watch(first: @escaping @Sendable () -> Void, last: @escaping @Sendable () -> Void) {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    pipeEnd.store(ends[1], ordering: .releasing)
    let reading = ends[0]
    let queue = DispatchQueue(label: "martlet.signals")
    queue.async {
      var byte: UInt8 = 0
      while true {
        let got = read(reading, &byte, 1)
        guard got == 1 else {
          if got < 0, errno == EINTR { continue }
          return
        }
        if count.wrappingAdd(1, ordering: .relaxed).newValue == 1 {
          first()
        } else {
          end(after: last)
        }
      }
    }
    for number in signals { install(number) }
  }

  /// Ends the program where nothing runs yet: there is at most a question for a password to be taken back.
  static func endBeforeAnythingRuns() -> Never {
    PasswordPrompt.restore()
    _exit(130)
  }

  /// Ends the program. A report may wait for a terminal that takes nothing, so what is left to do gets a moment.
  private static func end(after work: @escaping @Sendable () -> Void) -> Never {
    let done = DispatchSemaphore(value: 0)
    DispatchQueue.global().async {
      work()
      done.signal()
    }
    _ = done.wait(timeout: .now() + .milliseconds(300))
    _exit(130)
  }

  private static func install(_ number: Int32) {
    var old = sigaction()
    sigaction(number, nil, &old)
    var new = sigaction()
    #if canImport(Darwin)
      // Ignored from the start (`nohup`, a shell's background job): it stays so.
      guard old.__sigaction_u.__sa_handler.map({ unsafeBitCast($0, to: Int.self) }) != 1 else { return }
      new.__sigaction_u.__sa_handler = { _ in Interruption.note() }
    #else
      guard old.__sigaction_handler.sa_handler.map({ unsafeBitCast($0, to: Int.self) }) != 1 else { return }
      new.__sigaction_handler.sa_handler = { _ in Interruption.note() }
    #endif
    new.sa_flags = Int32(SA_RESTART)
    sigaction(number, &new, nil)
  }

  /// The handler's work.
  private static func note() {
    let saved = errno
    var byte: UInt8 = 1
    _ = write(pipeEnd.load(ordering: .acquiring), &byte, 1)
    errno = saved
  }
}
