/// The connections to jump hosts, each shared by all that jump through the same host in the same way.
///
/// libssh2 has room for one unanswered request to connect per session. So who wants a stream is given its turn
/// at a connection; where turns don't come (a server takes minutes to say that it can't reach a host), another
/// login is made.
actor HopPool {
  static let shared = HopPool()
  nonisolated var unownedExecutor: UnownedSerialExecutor { Reactor.shared.asUnownedSerialExecutor() }

  /// A login on a jump host.
  ///
  /// This and the two classes below are `@unchecked Sendable` because the connections that wait look at them;
  /// they are confined to the reactor's thread, as all of those are.
  final class Login: @unchecked Sendable {
    let connection: SSHConnection
    /// Streams that are open, or about to be.
    fileprivate(set) var users = 0
    /// Someone has been given the turn and has not yet begun or finished opening a stream.
    fileprivate var isTaken = false
    /// The server has refused to carry more.
    fileprivate var isFull = false

    fileprivate init(_ connection: SSHConnection) { self.connection = connection }

    fileprivate var isBroken: Bool { connection.assumeIsolated { $0.failure != nil } }
    fileprivate var isOpening: Bool { isTaken || connection.assumeIsolated { $0.isOpening } }
  }

  /// A connect that waits for a login, and then for its turn.
  final class Waiter: @unchecked Sendable {
    /// Whether it waits for the turn to open a stream, or just for a login to be there.
    let wantsTurn: Bool
    fileprivate(set) var login: Login?
    fileprivate(set) var failure: SSHError?
    fileprivate let since = ContinuousClock.now
    fileprivate let changed: @Sendable () -> Void

    init(wantsTurn: Bool, changed: @escaping @Sendable () -> Void) {
      self.wantsTurn = wantsTurn
      self.changed = changed
    }
  }

  /// A jump host.
  final class Hop: @unchecked Sendable {
    let target: SSHTarget
    fileprivate let key: String
    fileprivate var logins: [Login] = []
    fileprivate var attempt: Task<Void, Never>?
    fileprivate var waiters: [Waiter] = []
    /// Connects that may want a stream soon.
    fileprivate var interest = 0
    fileprivate var lingering: UInt64?
    /// No further login is tried before.
    fileprivate var restUntil = ContinuousClock.now
    /// When someone was last given a turn, and when a login was last made.
    fileprivate var lastTurn = ContinuousClock.now
    fileprivate var lastLogin = ContinuousClock.now
    /// Called when a login has broken that was in use or could have been.
    fileprivate var observers: [Int: @Sendable (SSHError) -> Void] = [:]
    fileprivate var lastObserver = 0

    fileprivate init(_ target: SSHTarget, _ key: String) {
      self.target = target
      self.key = key
    }
  }

  private var hops: [String: Hop] = [:]
  /// How long no turn may come for anyone before another login is made.
  private static let patience = Duration.seconds(3)
  /// How long a turn may take to come where others' turns do.
  private static let queuePatience = Duration.seconds(10)
  /// How long a login is kept that nobody uses.
  private static let linger = Duration.seconds(1)

  /// The jump host that `target` is. Each `enter` needs its ``leave(_:)``. To be called on the reactor's
  /// thread, as all here.
  nonisolated static func enter(_ target: SSHTarget) -> Hop { shared.assumeIsolated { $0.enter(target) } }
  nonisolated static func leave(_ hop: Hop) { shared.assumeIsolated { $0.leave(hop) } }
  nonisolated static func join(_ hop: Hop, _ waiter: Waiter) {
    shared.assumeIsolated { $0.join(hop, waiter) }
  }
  nonisolated static func withdraw(_ hop: Hop, _ waiter: Waiter) {
    shared.assumeIsolated { $0.withdraw(hop, waiter) }
  }
  nonisolated static func finishTurn(
    _ hop: Hop, _ login: Login, hasStream: Bool, isFull: Bool = false
  ) {
    shared.assumeIsolated { $0.finishTurn(hop, login, hasStream: hasStream, isFull: isFull) }
  }

  private func enter(_ target: SSHTarget) -> Hop {
    let key = HopPool.key(target)
    let hop = hops[key] ?? Hop(target, key)
    hops[key] = hop
    hop.interest += 1
    if let timer = hop.lingering {
      Reactor.shared.cancelTimer(timer)
      hop.lingering = nil
    }
    return hop
  }

  private func leave(_ hop: Hop) {
    hop.interest -= 1
    settle(hop)
  }

  /// What makes two jump hosts the same one: all that decides who is reached, and as whom.
  static func key(_ target: SSHTarget) -> String {
    let route =
      switch target.route {
      case .direct: "direct \(target.addressFamily) \(target.bindAddress ?? "") \(target.bindInterface ?? "")"
      case .jump(let hop): "jump (\(key(hop)))"
      case .command(let text): "command \(text)"
      }
    return "\(target.user)@\(target.host):\(target.port) \(target.identities) \(target.agentSocket ?? "") "
      + "\(target.knownHosts) \(target.hostKeyAlias ?? "") \(target.algorithms) \(route)"
  }

  private func join(_ hop: Hop, _ waiter: Waiter) {
    hop.waiters.append(waiter)
    serve(hop)
  }

  /// Ends the wait; a turn that was given and not used goes to the next.
  private func withdraw(_ hop: Hop, _ waiter: Waiter) {
    hop.waiters.removeAll { $0 === waiter }
    if waiter.wantsTurn, let login = waiter.login { finishTurn(hop, login, hasStream: false) }
  }

  /// The request has been answered, or given up.
  private func finishTurn(_ hop: Hop, _ login: Login, hasStream: Bool, isFull: Bool = false) {
    login.isTaken = false
    if isFull { login.isFull = true }
    if !hasStream { login.users -= 1 }
    serve(hop)
    settle(hop)
  }

  /// A stream has ended.
  func leave(_ hop: Hop, _ login: Login) {
    login.users -= 1
    // There is room again.
    login.isFull = false
    serve(hop)
    settle(hop)
  }

  /// Calls `body` when a login on the host has broken, until `unobserve`.
  nonisolated static func observe(_ hop: Hop, _ body: @escaping @Sendable (SSHError) -> Void) -> Int {
    shared.assumeIsolated { $0.observe(hop, body) }
  }
  nonisolated static func unobserve(_ hop: Hop, _ id: Int) {
    shared.assumeIsolated { $0.unobserve(hop, id) }
  }

  private func observe(_ hop: Hop, _ body: @escaping @Sendable (SSHError) -> Void) -> Int {
    hop.lastObserver += 1
    hop.observers[hop.lastObserver] = body
    return hop.lastObserver
  }

  private func unobserve(_ hop: Hop, _ id: Int) { hop.observers[id] = nil }

  private func serve(_ hop: Hop) {
    hop.logins.removeAll(where: \.isBroken)
    let limits = hop.target.loginLimits
    var rest: [Waiter] = []
    for waiter in hop.waiters {
      let usable = hop.logins.filter { !$0.isFull && $0.users < limits.perJumpLogin }
      let login = waiter.wantsTurn ? usable.first { !$0.isOpening } : usable.first
      guard let login else {
        rest.append(waiter)
        continue
      }
      if waiter.wantsTurn {
        login.isTaken = true
        login.users += 1
        hop.lastTurn = .now
      }
      waiter.login = login
      waiter.changed()
    }
    hop.waiters = rest
    guard let first = rest.first, hop.attempt == nil else { return }
    let hasUsable = hop.logins.contains { !$0.isFull && $0.users < limits.perJumpLogin }
    if hop.logins.count < limits.jumpLogins {
      let isStuck = max(first.since, hop.lastTurn) + HopPool.patience
      let isSlow = max(first.since, hop.lastLogin) + HopPool.queuePatience
      let due = max(hasUsable ? min(isStuck, isSlow) : .now, hop.restUntil)
      if due <= .now { return logIn(hop) }
      _ = Reactor.shared.schedule(at: due + .milliseconds(1)) { [weak self] in
        self?.assumeIsolated { $0.serve(hop) }
      }
    } else if !hasUsable {
      fail(
        hop,
        SSHError(
          .commandRefused, hop.target,
          "it carries no more connections, on \(hop.logins.count) logins; connect to fewer hosts at once"))
    }
  }

  private func logIn(_ hop: Hop) {
    let connection = SSHConnection(hop.target)
    connection.assumeIsolated { connection in
      connection.isHop = true
      connection.openingEnded = { [weak self] in self?.assumeIsolated { $0.serve(hop) } }
    }
    hop.attempt = Task(executorPreference: Reactor.shared) {
      do throws(SSHError) {
        try await connection.open()
        await self.loggedIn(hop, connection)
      } catch {
        await self.loginFailed(hop, error)
      }
    }
  }

  private func loggedIn(_ hop: Hop, _ connection: SSHConnection) {
    hop.attempt = nil
    hop.lastLogin = .now
    hop.logins.append(Login(connection))
    connection.assumeIsolated { connection in
      connection.broken = { [weak self, weak connection] in
        guard let connection, let error = connection.assumeIsolated({ $0.failure }) else { return }
        self?.assumeIsolated { $0.noteBroken(hop, error) }
      }
    }
    serve(hop)
    settle(hop)
  }

  private func noteBroken(_ hop: Hop, _ error: SSHError) {
    serve(hop)
    guard error.kind != .closed else { return }
    for observer in hop.observers.values { observer(error) }
  }

  private func loginFailed(_ hop: Hop, _ error: SSHError) {
    hop.attempt = nil
    hop.logins.removeAll(where: \.isBroken)
    let limit = hop.target.loginLimits.perJumpLogin
    if error.kind == .cancelled {
      // Those who wanted it had gone; who has come since wants another.
      serve(hop)
    } else if hop.logins.contains(where: { !$0.isFull && $0.users < limit }) {
      // One more login was a try; the others still serve those that wait.
      hop.restUntil = .now + .seconds(5)
      serve(hop)
    } else {
      fail(hop, error)
    }
    settle(hop)
  }

  private func fail(_ hop: Hop, _ error: SSHError) {
    let waiters = hop.waiters
    hop.waiters = []
    for waiter in waiters {
      waiter.failure = error
      waiter.changed()
    }
  }

  /// Closes the logins that nobody uses, after a moment.
  private func settle(_ hop: Hop) {
    hop.logins.removeAll(where: \.isBroken)
    guard hop.interest == 0, hop.lingering == nil else { return }
    if hop.waiters.isEmpty { hop.attempt?.cancel() }
    guard hop.logins.allSatisfy({ $0.users == 0 }) else { return }
    hop.lingering = Reactor.shared.schedule(at: .now + HopPool.linger) { [weak self] in
      self?.assumeIsolated { $0.expire(hop) }
    }
  }

  private func expire(_ hop: Hop) {
    hop.lingering = nil
    guard hop.interest == 0, hop.logins.allSatisfy({ $0.users == 0 }), hop.attempt == nil else { return }
    if hops[hop.key] === hop { hops[hop.key] = nil }
    let logins = hop.logins
    hop.logins = []
    for login in logins { login.connection.assumeIsolated { $0.close() } }
  }
}
