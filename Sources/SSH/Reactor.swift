import CLibCrypto
import CLibSSH2
import Glibc
import Synchronization

/// One thread that waits for every socket of the process's SSH connections and runs their code.
///
/// It is the executor of every ``SSHConnection`` actor, so that a connection's code and the events of its
/// socket never run at the same time, and a task executor, so that a continuation that is resumed here
/// stays here instead of going round by the global pool.
final class Reactor: SerialExecutor, TaskExecutor {
  static let shared = Reactor()

  private struct State {
    var jobs: [UnownedJob] = []
    var actions: [@Sendable () -> Void] = []
    var sockets: [UInt64: @Sendable () -> Void] = [:]
    var timers = TimerQueue()
    /// 0 is the eventfd's.
    var lastSocket: UInt64 = 0
    /// Whether the eventfd has been written to since the thread last looked.
    var isWoken = false
  }

  private let state = Mutex(State())
  private let thread = Atomic<UInt>(0)
  private let mustHalt = Atomic<Bool>(false)
  private let hasHalted = Atomic<Bool>(false)
  private let epoll: Int32
  private let wakeup: Int32

  private init() {
    Reactor.raiseDescriptorLimit()
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    precondition(epoll >= 0 && wakeup >= 0, "no descriptor is left for epoll (ulimit -n)")
    let isWatched = watch(wakeup, id: 0)
    precondition(isWatched, "epoll does not take its own eventfd: \(errorText(errno))")
    var id = pthread_t()
    let status = pthread_create(
      &id, nil,
      { argument in
        if let argument { Unmanaged<Reactor>.fromOpaque(argument).takeUnretainedValue().loop() }
        return nil
      }, Unmanaged.passUnretained(self).toOpaque())
    precondition(status == 0, "no thread can be started: \(errorText(status))")
    // OpenSSL takes itself apart at exit, under the feet of a thread that encrypts. What is registered last is
    // called first, so OpenSSL has to have done it before; asked for nothing in particular, it does nothing.
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_LOAD_CRYPTO_STRINGS), nil)
    atexit { Reactor.shared.halt() }
  }

  /// Ends the thread's work for good, after the turn that it is at.
  private func halt() {
    guard !isCurrentThread else { return }
    mustHalt.store(true, ordering: .releasing)
    var one: UInt64 = 1
    _ = write(wakeup, &one, 8)
    for _ in 0..<500 where !hasHalted.load(ordering: .acquiring) { usleep(1000) }
  }

  /// A thousand hosts need a thousand sockets, and the usual soft limit is 1,024.
  private static func raiseDescriptorLimit() {
    // Read before it is raised.
    guard originalDescriptorLimit != nil else { return }
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// The soft limit on descriptors that the process was started with.
  static let originalDescriptorLimit: UInt? = {
    var limit = rlimit()
    return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? UInt(limit.rlim_cur) : nil
  }()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    change { $0.jobs.append(job) }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  var isCurrentThread: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

  /// Socket events and timers call into a connection outside of any job: the thread is what isolates it.
  func checkIsolated() { precondition(isCurrentThread, "not on the reactor's thread") }

  func isIsolatingCurrentContext() -> Bool? { isCurrentThread }

  /// Makes another thread count as the reactor's while `body` waits for it: one that runs in turns with this
  /// one, never at the same time.
  func lendThread(to other: pthread_t, whileWaiting body: () -> Void) {
    precondition(isCurrentThread, "not on the reactor's thread")
    thread.store(UInt(other), ordering: .relaxed)
    body()
    thread.store(UInt(pthread_self()), ordering: .relaxed)
  }

  /// Calls `handler` on the reactor's thread whenever the descriptor turns readable or writable.
  ///
  /// Edge-triggered: the reader must read until EAGAIN. Level-triggered epoll would spin, because a
  /// continuation runs only some turns after it was resumed.
  ///
  /// - Returns: Nil where the kernel refuses to watch any more.
  func add(_ descriptor: Int32, handler: @escaping @Sendable () -> Void) -> UInt64? {
    let id = state.withLock { state in
      state.lastSocket += 1
      state.sockets[state.lastSocket] = handler
      return state.lastSocket
    }
    if watch(descriptor, id: id) { return id }
    _ = state.withLock { $0.sockets.removeValue(forKey: id) }
    return nil
  }

  /// Ends the calls for a descriptor. Call it before the descriptor is closed.
  func remove(_ id: UInt64, _ descriptor: Int32) {
    _ = state.withLock { $0.sockets.removeValue(forKey: id) }
    epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
  }

  /// Calls `action` on the reactor's thread at `due`, or soon after.
  func schedule(at due: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> UInt64 {
    change { $0.timers.add(due, action) }
  }

  func cancelTimer(_ id: UInt64) { state.withLock { $0.timers.remove(id) } }

  /// Calls `action` on the reactor's thread; from whatever thread, in the order of the calls.
  func perform(_ action: @escaping @Sendable () -> Void) { change { $0.actions.append(action) } }

  private func change<T: Sendable>(_ body: (inout sending State) -> sending T) -> T {
    let (result, mustWake) = state.withLock { state in
      let result = body(&state)
      let mustWake = !isCurrentThread && !state.isWoken
      if mustWake { state.isWoken = true }
      return (result, mustWake)
    }
    if mustWake {
      var one: UInt64 = 1
      _ = write(wakeup, &one, 8)
    }
    return result
  }

  private func watch(_ descriptor: Int32, id: UInt64) -> Bool {
    var event = epoll_event()
    event.events = EPOLLIN.rawValue | EPOLLOUT.rawValue | EPOLLRDHUP.rawValue | EPOLLET.rawValue
    event.data.u64 = id
    return epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0
  }

  private func loop() {
    thread.store(UInt(pthread_self()), ordering: .relaxed)
    withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 256) { events in
      while !mustHalt.load(ordering: .acquiring) { turn(events) }
    }
    hasHalted.store(true, ordering: .releasing)
    while true { pause() }
  }

  private func turn(_ events: UnsafeMutableBufferPointer<epoll_event>) {
    let count = epoll_wait(epoll, events.baseAddress, Int32(events.count), patience())
    for index in 0..<max(0, Int(count)) {
      let id = events[index].data.u64
      if id == 0 {
        var value: UInt64 = 0
        _ = read(wakeup, &value, 8)
      } else {
        let handler = state.withLock { $0.sockets[id] }
        handler?()
      }
    }
    let (actions, jobs) = state.withLock { state in
      state.isWoken = false
      var actions = state.timers.takeDue(at: .now)
      actions += state.actions
      state.actions = []
      let jobs = state.jobs
      state.jobs = []
      return (actions, jobs)
    }
    for action in actions { action() }
    for job in jobs {
      job.runSynchronously(
        isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }
  }

  /// How long the thread may sleep, in milliseconds; -1 is for ever.
  private func patience() -> Int32 {
    state.withLock { state in
      if !state.jobs.isEmpty || !state.actions.isEmpty { return 0 }
      guard let due = state.timers.next() else { return -1 }
      let (seconds, attoseconds) = (due - ContinuousClock.now).components
      if seconds < 0 || attoseconds < 0 { return 0 }
      if seconds > 3600 { return 3_600_000 }
      return Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000) + 1
    }
  }
}
