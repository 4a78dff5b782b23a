import Glibc

/// A second stack for the reactor's thread: work that can be left in the middle of a C callback that must not
/// return yet, and be gone on with later.
///
/// It is a thread that runs in turns with the reactor's: one of the two always waits for the other, so that the
/// work sees the reactor's data as if it ran there. While the work is left, the reactor goes on with all other
/// connections.
///
/// `@unchecked Sendable`, because no lock could stand in its place: the work is a closure over the reactor's own data,
/// which isn't Sendable, and is called on another thread. `go` and `back` let only one of the two threads run at a
/// time, and each sem_post(3) comes before the sem_wait that it ends, so each sees what the other has written.
final class Detour: @unchecked Sendable {
  private let go = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  private let back = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  private var thread = pthread_t()
  private var work: (() -> Void)?
  private var isLeft = false

  /// Nil where no thread can be started. Each needs its ``end()``.
  init?() {
    sem_init(go, 0, 0)
    sem_init(back, 0, 0)
    let this = Unmanaged.passRetained(self)
    let status = startSmallThread(&thread, argument: this.toOpaque()) { argument in
      if let argument { Unmanaged<Detour>.fromOpaque(argument).takeRetainedValue().loop() }
      return nil
    }
    guard status == 0 else {
      this.release()
      return nil
    }
  }

  deinit {
    sem_destroy(go)
    sem_destroy(back)
    go.deallocate()
    back.deallocate()
  }

  /// Runs `work` until it ends or is left. Call it on the reactor's thread, when nothing is left.
  ///
  /// - Returns: Whether it has ended.
  func run(_ work: @escaping () -> Void) -> Bool {
    self.work = work
    return goOn()
  }

  /// Goes on with the work where it was left.
  ///
  /// - Returns: Whether it has ended.
  func goOn() -> Bool {
    Reactor.shared.lendThread(to: thread) {
      sem_post(go)
      Detour.wait(back)
    }
    return !isLeft
  }

  /// Called from within the work: returns when it is to go on.
  func leave() {
    isLeft = true
    sem_post(back)
    Detour.wait(go)
    isLeft = false
  }

  /// Ends the thread. Nothing may be left.
  func end() {
    work = nil
    sem_post(go)
    pthread_join(thread, nil)
  }

  private func loop() {
    while true {
      Detour.wait(go)
      guard let work else { return }
      work()
      sem_post(back)
    }
  }

  private static func wait(_ semaphore: UnsafeMutablePointer<sem_t>) {
    while sem_wait(semaphore) != 0, errno == EINTR {}
  }
}
