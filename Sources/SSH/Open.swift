import Glibc

/// From a target to a session that is logged in.
extension SSHConnection {
  /// What is left of `connectTimeout`, and how often was tried.
  private struct Effort {
    var left: Duration
    var drops = 0
    var refusals = 0
  }

  /// Connects by the target's route, trying again where the server drops connections before it has introduced
  /// itself: that is how sshd says that too many are being set up at once (MaxStartups).
  func open() async throws(SSHError) {
    do throws(SSHError) {
      try checkTarget()
      try checkAlgorithms()
      if case .jump(through: let target) = self.target.route {
        let hop = HopPool.enter(target)
        defer { HopPool.leave(hop) }
        try await open(through: hop)
      } else {
        try await open(through: nil)
      }
      phase = .idle
    } catch {
      fail(error)
      throw error
    }
  }

  private func open(through hop: HopPool.Hop?) async throws(SSHError) {
    var effort = Effort(left: target.connectTimeout)
    var addresses: [SocketAddress] = []
    if case .direct = target.route {
      addresses = try await spend(&effort) { scope throws(SSHError) in try await self.addresses(scope) }
    }
    while true {
      do throws(SSHError) {
        return try await attempt(hop, addresses, &effort)
      } catch {
        let proxy = link?.carrier as? ProxyProcess
        let hasFarewell = link?.farewell != nil
        var error = error
        if let proxy { error = await explain(error, by: proxy) }
        dropLink()
        switch error.kind {
        case .disconnected(.banner):
          if hasFarewell || proxy?.hasFailed == true { throw error }
          effort.drops += 1
          try await backOff(&effort, after: error)
        case .refused, .unreachable:
          effort.refusals += 1
          guard target.connectionAttempts > effort.refusals, .seconds(1) < effort.left else { throw error }
          try await spend(&effort) { scope throws(SSHError) in try await self.sleep(scope, .seconds(1)) }
        default: throw error
        }
      }
    }
  }

  /// Runs a part of connecting that counts against `connectTimeout`.
  private func spend<T>(
    _ effort: inout Effort, _ body: (Scope) async throws(SSHError) -> T
  ) async throws(SSHError) -> T {
    let start = ContinuousClock.now
    defer { effort.left -= .now - start }
    return try await withScope(timeout: effort.left, of: target.connectTimeout, body)
  }

  /// Runs a part of connecting that waits for others.
  private func queue<T>(_ body: (Scope) async throws(SSHError) -> T) async throws(SSHError) -> T {
    phase = .waiting
    return try await withScope(timeout: target.loginLimits.patience, body)
  }

  /// One login from the start.
  private func attempt(
    _ hop: HopPool.Hop?, _ addresses: [SocketAddress], _ effort: inout Effort
  ) async throws(SSHError) {
    if let hop {
      _ = try await queue { scope throws(SSHError) in try await self.wait(for: hop, turn: false, scope) }
    }
    let ticket = LoginGate.Ticket(address: gateAddress(addresses), limits: target.loginLimits, isHop: isHop) {
      [weak self] in self?.assumeIsolated { $0.wake() }
    }
    LoginGate.enter(ticket)
    var wasDropped = false
    defer { LoginGate.leave(ticket, wasDropped: wasDropped) }
    if !ticket.isGranted {
      try await queue { scope throws(SSHError) in
        while !ticket.isGranted {
          try check(scope)
          await pause()
        }
      }
    }
    do throws(SSHError) {
      if let hop {
        try await jump(hop, &effort)
      }
      let deadline = ContinuousClock.now + effort.left
      try await spend(&effort) { scope throws(SSHError) in
        if case .command(let command) = target.route { try start(command) }
        if case .direct = target.route { try await dial(addresses, scope) }
        try await agreeOnKeys(scope)
        if isProbe { return }
        phase = .authenticating
        try await authenticate(scope, deadline: deadline)
      }
    } catch {
      wasDropped = error.kind == .disconnected(.banner)
      throw error
    }
  }

  /// Whose limit on logins counts: two names of one server are one server.
  private func gateAddress(_ addresses: [SocketAddress]) -> String {
    switch target.route {
    case .direct: addresses.first.map { "\($0.text) \(target.port)" } ?? target.name
    case .jump(through: let hop): "\(target.name) through \(HopPool.key(hop))"
    case .command(let command): "\(target.name) by \(command)"
    }
  }

  /// Has the jump host connect to the host.
  private func jump(_ hop: HopPool.Hop, _ effort: inout Effort) async throws(SSHError) {
    while true {
      let login = try await queue { scope throws(SSHError) in try await self.wait(for: hop, turn: true, scope)
      }
      phase = .connecting
      let start = ContinuousClock.now
      defer { effort.left -= .now - start }
      guard let stream = try await HopPool.openStream(hop, login, to: target, timeout: effort.left) else {
        continue
      }
      guard let link = Link(taking: stream) else {
        throw SSHError(.local, target, "no memory for an SSH session")
      }
      self.link = link
      stream.changed = { [weak self] in self?.assumeIsolated { $0.socketChanged() } }
      return
    }
  }

  /// Starts the program that connects.
  private func start(_ command: String) throws(SSHError) {
    phase = .connecting
    do throws(ProxyProcess.Failure) {
      let process = try ProxyProcess(command)
      guard let link = Link(taking: process) else {
        throw ProxyProcess.Failure(reason: "no memory for an SSH session")
      }
      process.changed = { [weak self] in self?.assumeIsolated { $0.socketChanged() } }
      self.link = link
    } catch {
      throw SSHError(.local, target, "its ProxyCommand can't be started: \(error.reason)")
    }
  }

  /// The error with what the program that connects has said and how it ended.
  private func explain(_ error: SSHError, by proxy: ProxyProcess) async -> SSHError {
    switch error.kind {
    case .disconnected, .timedOut, .protocolError: break
    default: return error
    }
    if case .disconnected = error.kind {
      // Its last words and its status may come after the end of its output.
      try? await withScope(timeout: .milliseconds(500)) { scope throws(SSHError) in
        while !proxy.isOver { try await sleep(scope, .milliseconds(5)) }
      }
    }
    let account = proxy.account
    let what = "the ProxyCommand" + (account.isEmpty ? " said nothing" : ": \(account)")
    return SSHError(error.kind, target, "\(error.message) (\(what))")
  }

  private func backOff(_ effort: inout Effort, after error: SSHError) async throws(SSHError) {
    let base = min(200 << min(effort.drops - 1, 5), 5000)
    let pause = Duration.milliseconds(Int.random(in: base / 2...base * 3 / 2))
    guard pause < effort.left else {
      throw SSHError(
        error.kind, target,
        "the server dropped the connection before its SSH banner, \(effort.drops) times in "
          + "\(target.connectTimeout.inSeconds); it may be limiting logins (sshd's MaxStartups or "
          + "PerSourcePenalties), or the port may not be that of an SSH server. The last time: \(error.message)"
      )
    }
    try await spend(&effort) { scope throws(SSHError) in try await sleep(scope, pause) }
  }
}
