/// One call that may have to wait, and what may end it early: its deadline or its task's cancellation.
/// Confined to the reactor's thread.
final class Scope {
  /// Why the call must end; set once.
  private(set) var failure: SSHError?
  /// A call about a command also ends when the command does.
  let parent: Scope?
  private var timers: [UInt64] = []

  init(parent: Scope? = nil) { self.parent = parent }

  deinit { stopTimers() }

  func end(_ error: SSHError) {
    if failure == nil { failure = error }
  }

  func add(timer: UInt64) { timers.append(timer) }

  func stopTimers() {
    for timer in timers { Reactor.shared.cancelTimer(timer) }
    timers = []
  }

  func check() throws(SSHError) {
    if let failure { throw failure }
    try parent?.check()
  }
}
