internal import MartletEngine
internal import MartletSSH
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// A tunnel that the system's `ssh` makes.
///
/// Connections are taken here, as for the other kind of tunnel, and each is led through a socket in the control
/// folder on which the master listens. So ports stay open while there is no login, and a connection that breaks with
/// the login doesn't look as if it had come to its end.
actor OpenSSHTunnel: TunnelWay {
  private let logIn: @Sendable () async throws -> OpenSSHMaster
  private let listeners = ListenerSet()
  private let breaks: AsyncStream<TransportError>
  private let noteBreak: AsyncStream<TransportError>.Continuation
  /// The login that there is, and what waits for its end.
  private var login: TunnelLogin?
  private var watch: Task<Void, Never>?
  /// The login that is being made.
  private var attempt: Task<TunnelLogin, any Error>?
  private var lastAttempt = ContinuousClock.now
  private var pause = shortPause
  private var connections: [Int: Task<Void, Never>] = [:]
  private var lastConnection = 0
  private var isClosed = false

  /// How long it waits before another login: twice as long each time, until one was long ago.
  private static let shortPause = Duration.milliseconds(250)
  private static let longPause = Duration.seconds(30)
  private static let longAgo = Duration.seconds(60)

  /// Logs in.
  ///
  /// - Parameter logIn: Makes a login, also another one when it has broken.
  init(_ logIn: @escaping @Sendable () async throws -> OpenSSHMaster) async throws {
    // A program may close its connection before it has read all.
    signal(SIGPIPE, SIG_IGN)
    self.logIn = logIn
    (breaks, noteBreak) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    begin(TunnelLogin(try await logIn()))
  }

  deinit {
    watch?.cancel()
    attempt?.cancel()
    listeners.end()
  }

  func listen(_ forward: TunnelForward, report: @escaping @Sendable (String) -> Void) async throws -> [String]
  {
    let destination = TunnelDestination(host: forward.host, port: forward.hostPort)
    do throws(SSHError) {
      let target = SSHTarget(host: forward.host, port: forward.hostPort, user: "")
      return try await listeners.open(forward.listener, target) { [weak self] socket in
        guard let client = WatchedDescriptor(socket) else {
          return report("\(destination): too many files are open on this machine")
        }
        Task { [weak self] in await self?.take(client, to: destination, report) }
      }
    } catch {
      throw TransportError(error.message)
    }
  }

  nonisolated func waitUntilBroken() async throws {
    for await error in breaks { throw error }
  }

  func close() async {
    isClosed = true
    await withCheckedContinuation { done in listeners.end { done.resume() } }
    let all = Array(connections.values)
    for connection in all { connection.cancel() }
    if let attempt {
      attempt.cancel()
      await (try? attempt.value)?.master.close()
    }
    for connection in all { await connection.value }
    await login?.master.close()
    login = nil
  }

  private func begin(_ login: TunnelLogin) {
    self.login = login
    watch = Task { [weak self] in
      await login.master.waitUntilEnded()
      guard !Task.isCancelled else { return }
      await self?.noteEnd(of: login)
    }
  }

  private func noteEnd(of login: TunnelLogin) async {
    guard !isClosed, self.login === login else { return }
    self.login = nil
    if let error = try? login.master.lost() { noteBreak.yield(error) }
    await login.master.close()
  }

  /// The login, made anew if there is none.
  private func currentLogin() async throws -> TunnelLogin {
    if let login { return login }
    guard !isClosed else { throw CancellationError() }
    if let attempt { return try await attempt.value }
    pause = lastAttempt.duration(to: .now) > Self.longAgo ? Self.shortPause : min(pause * 2, Self.longPause)
    let attempt = Task { [logIn, pause] in
      try await Task.sleep(for: pause)
      return TunnelLogin(try await logIn())
    }
    self.attempt = attempt
    defer {
      self.attempt = nil
      lastAttempt = .now
    }
    let login = try await attempt.value
    if !isClosed { begin(login) }
    return login
  }

  private func take(
    _ client: WatchedDescriptor, to destination: TunnelDestination,
    _ report: @escaping @Sendable (String) -> Void
  ) {
    guard !isClosed else { return client.reset() }
    lastConnection += 1
    let number = lastConnection
    connections[number] = Task {
      do {
        try await carry(client, to: destination, report)
      } catch  where !(error is CancellationError) {
        report("\(destination): \(error)")
      } catch {}
      client.reset()
      connections[number] = nil
    }
  }

  private func carry(
    _ client: WatchedDescriptor, to destination: TunnelDestination,
    _ report: @escaping @Sendable (String) -> Void
  ) async throws {
    let (login, stream, logEnd) = try await stream(to: destination)
    await SocketRelay(client: client, far: stream).run {
      if stream.received == 0, stream.isPeerGone, let reason = login.refusals.take(after: logEnd) {
        let words = StreamRefusal(reason).explanation(
          hop: "\(login.master.place)", destination: "\(destination)")
        report("\(destination): \(words) (\(reason))")
        return false
      }
      return await login.master.isAlive()
    }
  }

  /// A connection that leads to the destination, and the end of the log before there was one.
  private func stream(
    to destination: TunnelDestination
  ) async throws -> (TunnelLogin, WatchedDescriptor, logEnd: Int) {
    for _ in 0..<2 {
      let login = try await currentLogin()
      let logEnd = login.refusals.end()
      if let stream = try await login.stream(to: destination) { return (login, stream, logEnd) }
      // If it has ended, that is about to be noticed.
      for _ in 0..<20 where self.login === login { try await Task.sleep(for: .milliseconds(50)) }
      guard self.login !== login else {
        throw TransportError("\(login.master.place): ssh's master takes no connection")
      }
    }
    throw TransportError("the connection to the host is lost again and again")
  }
}

/// Where connections lead to, as the host sees it.
private struct TunnelDestination: Hashable, CustomStringConvertible {
  let host: String
  let port: Int

  var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// A master and where it listens for the connections of a tunnel.
private final class TunnelLogin: Sendable {
  let master: OpenSSHMaster
  let refusals: RefusalLog

  private struct State {
    /// Each has a socket of its number.
    var destinations: [TunnelDestination] = []
    /// The numbers of those on whose socket the master listens.
    var ready: Set<Int> = []
  }

  private let state = Mutex(State())

  init(_ master: OpenSSHMaster) {
    self.master = master
    refusals = RefusalLog(master.folder.log)
  }

  /// A connection to the destination; nil if the master is gone.
  func stream(to destination: TunnelDestination) async throws -> WatchedDescriptor? {
    let (number, isReady) = state.withLock { state in
      let known = state.destinations.firstIndex(of: destination)
      if known == nil { state.destinations.append(destination) }
      let number = known ?? state.destinations.count - 1
      return (number, state.ready.contains(number))
    }
    let path = "\(master.folder.path)/\(number)"
    if !isReady {
      guard let connection = await master.connect() else { return nil }
      defer { connection.close() }
      switch await connection.forward(path, to: destination.host, port: destination.port) {
      case .done: state.withLock { _ = $0.ready.insert(number) }
      case .refused(let reason):
        throw TransportError("\(master.place): ssh's master refuses: \(reason)\(master.folder.complaint)")
      case nil: return nil
      default: throw master.isUnknown
      }
    }
    return await LocalSocket.connect(path)
  }
}
