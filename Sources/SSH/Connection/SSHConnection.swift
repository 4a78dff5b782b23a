import CLibSSH2
import Glibc

/// A connection to an SSH server, on which any number of commands run at once.
///
///     let connection = try await SSHConnection.connect(to: target)
///     let status = try await connection.run("cat > /tmp/x", stdin: .bytes(program), timeout: .seconds(60))
///     await connection.close()
///
/// All of its code runs on the one thread of the reactor. A call that would block suspends its task until
/// the socket has changed.
public actor SSHConnection {
  /// What it is connected to.
  public nonisolated let target: SSHTarget

  /// The reactor's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor {
    Reactor.shared.asUnownedSerialExecutor()
  }

  var link: Link?
  var phase = SSHError.Phase.resolving
  /// Why the connection can't be used any more.
  private(set) var failure: SSHError?
  private var waiters: [UnsafeContinuation<Void, Never>] = []
  private var scopes: [Int: Scope] = [:]
  private var lastScope = 0

  var channels: [Int: Channel] = [:]
  var lastChannel = 0
  /// Channels that were let go of and that the server has yet to close.
  var abandoned: [Int: Channel] = [:]
  /// What the resolver has found.
  var answer: Resolver.Answer?
  var lookUps = 0
  /// libssh2 keeps the state of an unfinished open in the session: only one at a time.
  var isOpening = false
  /// Whether others wait for this connection to carry theirs.
  var isHop = false
  /// Whom to tell that another channel can be opened.
  var openingEnded: (@Sendable () -> Void)?
  /// Whom to tell that the connection can't be used any more.
  var broken: (@Sendable () -> Void)?
  /// The TCP connections that the server makes for this client.
  var streams: [TunnelStream] = []
  var streamTurn = 0
  var isPumpScheduled = false
  /// Whether it is only to find out which key the host has: nobody logs in.
  let isProbe: Bool
  /// The key by which the host has proved itself.
  var shownKey: HostKey?
  private var isServicing = false
  /// A connection whose data never run out lets the others have their turn after so many steps of 32 KB.
  private static let stepLimit = 8
  private var stepsSincePause = 0

  init(_ target: SSHTarget, isProbe: Bool = false) {
    var target = target
    // As ssh takes it: a literal address may be in brackets.
    if target.host.hasPrefix("["), target.host.hasSuffix("]") {
      target.host = String(target.host.dropFirst().dropLast())
    }
    self.target = target
    self.isProbe = isProbe
  }

  /// Connects, checks the host's key and logs in.
  ///
  /// - Parameter target: The host, the keys and how long it all may take.
  /// - Throws: ``SSHError``; the connection is closed then.
  public static func connect(to target: SSHTarget) async throws(SSHError) -> SSHConnection {
    let connection = SSHConnection(target)
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await connection.open()
    }
    return connection
  }

  /// Ends all commands and the connection. Further calls fail with ``SSHError/Kind/closed``.
  public func close() {
    guard failure == nil else { return }
    link?.sayGoodbye()
    fail(SSHError(.closed, target, "the connection was closed"))
  }

  /// Whether commands can be started. A connection that has broken while idle may still say true.
  public var isOpen: Bool { failure == nil && phase == .idle }

  /// What the connection is at, for messages.
  var doing: SSHError.Phase {
    if phase != .idle { return phase }
    if isOpening { return .starting }
    if channels.count > streams.count { return .running }
    return streams.isEmpty ? .idle : .forwarding
  }

  /// Runs `body`, and ends its waiting at the deadline or when the task is cancelled.
  ///
  /// - Parameters:
  ///   - timeout: How long it may wait.
  ///   - limit: The limit that the message names, where `timeout` is what is left of it.
  func withScope<T>(
    parent: Scope? = nil, timeout: Duration? = nil, of limit: Duration? = nil,
    _ body: (Scope) async throws(SSHError) -> T
  ) async throws(SSHError) -> T {
    let scope = Scope(parent: parent)
    lastScope += 1
    let id = lastScope
    scopes[id] = scope
    defer {
      scopes[id] = nil
      scope.stopTimers()
    }
    if let timeout {
      let timer = Reactor.shared.schedule(at: .now + timeout) { [weak self] in
        self?.assumeIsolated { $0.timeOut(id, after: limit ?? timeout) }
      }
      scope.add(timer: timer)
    }
    let result: Result<T, SSHError> = await withTaskCancellationHandler {
      do throws(SSHError) {
        return .success(try await body(scope))
      } catch {
        return .failure(error)
      }
    } onCancel: {
      Reactor.shared.perform { [weak self] in self?.assumeIsolated { $0.cancel(id) } }
    }
    return try result.get()
  }

  private func timeOut(_ id: Int, after limit: Duration) {
    guard let scope = scopes[id] else { return }
    scope.end(timeOutError(doing, after: limit))
    wake()
  }

  /// Lets the call take as long as it wants, until ``startClock(_:left:of:)``.
  func stopClock(_ scope: Scope) { scope.stopTimers() }

  /// Gives the call `left` of its limit from now on.
  func startClock(_ scope: Scope, left: Duration, of limit: Duration) {
    guard let id = scopes.first(where: { $0.value === scope })?.key else { return }
    let timer = Reactor.shared.schedule(at: .now + left) { [weak self] in
      self?.assumeIsolated { $0.timeOut(id, after: limit) }
    }
    scope.add(timer: timer)
  }

  private func cancel(_ id: Int) {
    guard let scope = scopes[id] else { return }
    scope.end(SSHError(.cancelled, target, "cancelled while \(doing.rawValue)"))
    wake()
  }

  func timeOutError(_ phase: SSHError.Phase, after limit: Duration) -> SSHError {
    SSHError(.timedOut(phase), target, "gave up after \(limit.inSeconds) while \(phase.rawValue)")
  }

  /// Calls `step` until it doesn't answer nil, which means that the socket must change first.
  ///
  /// Before it waits it makes sure that nothing can have been missed: bytes that this call took from the
  /// socket may be what other calls wait for, so those look again; and as long as the socket wasn't found
  /// empty epoll has nothing new to tell, so this call looks again.
  func attempt<T>(_ scope: Scope, _ step: (Link, OpaquePointer) throws(SSHError) -> T?) async throws(SSHError)
    -> T
  {
    while true {
      try check(scope)
      guard let link, let session = link.session else {
        throw failure ?? SSHError(.closed, target, "the connection was closed")
      }
      link.beginTurn()
      let before = link.received
      let result = try step(link, session)
      let hasRead = link.received != before
      if hasRead { wake() }
      if let result {
        stepsSincePause += 1
        if stepsSincePause >= SSHConnection.stepLimit {
          stepsSincePause = 0
          await Task.yield()
        }
        return result
      }
      stepsSincePause = 0
      if hasRead, !link.isDrained {
        await Task.yield()
      } else {
        await pause()
      }
    }
  }

  /// As ``attempt(_:_:)`` for calls that answer with a number, of which EAGAIN means that they must wait.
  func call(_ scope: Scope, _ step: (OpaquePointer) -> Int) async throws(SSHError) -> Int {
    try await attempt(scope) { _, session in
      let answer = step(session)
      return answer == Int(LIBSSH2_ERROR_EAGAIN) ? nil : answer
    }
  }

  func check(_ scope: Scope) throws(SSHError) {
    if let failure { throw failure }
    try scope.check()
  }

  /// Waits for the next ``wake()``.
  func pause() async {
    await withUnsafeContinuation { waiters.append($0) }
  }

  /// Lets all calls that wait look again, and the streams.
  func wake() {
    wakeWaiters()
    schedulePump()
  }

  func wakeWaiters() {
    let woken = waiters
    waiters = []
    for waiter in woken { waiter.resume() }
  }

  func sleep(_ scope: Scope, _ duration: Duration) async throws(SSHError) {
    let end = ContinuousClock.now + duration
    let timer = Reactor.shared.schedule(at: end) { [weak self] in self?.assumeIsolated { $0.wake() } }
    defer { Reactor.shared.cancelTimer(timer) }
    while ContinuousClock.now < end {
      try check(scope)
      await pause()
    }
  }

  /// The socket has turned readable or writable, or has failed.
  func socketChanged() {
    link?.flush()
    if !streams.isEmpty { pump() }
    if waiters.isEmpty, phase == .idle, failure == nil {
      if streams.isEmpty { service() }
    } else {
      wakeWaiters()
    }
  }

  /// Ends the connection for good; all calls that wait fail with `error`.
  func fail(_ error: SSHError) {
    guard failure == nil else { return }
    failure = error
    dropLink()
    failStreams(error)
    wake()
    broken?()
  }

  func dropLink() {
    for channel in channels.values { channel.pointer = nil }
    for channel in abandoned.values { channel.pointer = nil }
    link?.end()
    link = nil
  }

  /// Ends the connection because of a negative answer of libssh2 after which the session can't go on.
  func breakDown(_ code: Int) -> SSHError {
    let error = failure ?? explain(code)
    // While connecting it is for `open` to say whether this was the last attempt.
    if phase == .idle { fail(error) }
    return error
  }

  /// Reads what came while no call was waiting. A server asks an idle client for a sign of life
  /// (ClientAliveInterval) and hangs up when none comes; libssh2 answers only from within a call.
  private func service() {
    guard !isServicing, let link, link.session != nil else { return }
    isServicing = true
    Task(executorPreference: Reactor.shared) { await self.serviceOnce() }
  }

  private func serviceOnce() async {
    defer { isServicing = false }
    if let channel = channels.values.first(where: { $0.pointer != nil }) {
      link?.beginTurn()
      var none: CChar = 0
      _ = libssh2_channel_read_ex(channel.pointer, 0, &none, 0)
      if let link, link.socketError != nil { _ = breakDown(0) }
      return
    }
    // There is no call that only reads without a channel. One that is opened and closed again reads all.
    do throws(SSHError) {
      try await withScope(timeout: .seconds(30)) { scope throws(SSHError) in
        let channel = try await openChannel(scope, window: 4096)
        await release(channel)
      }
    } catch {}
  }
}
