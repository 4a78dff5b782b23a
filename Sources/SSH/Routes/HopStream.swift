extension SSHConnection {
  /// Waits until there is a login on the jump host, or until it is this connection's turn at one.
  func wait(for hop: HopPool.Hop, turn: Bool, _ scope: Scope) async throws(SSHError) -> HopPool.Login {
    let waiter = HopPool.Waiter(wantsTurn: turn) { [weak self] in self?.assumeIsolated { $0.wake() } }
    HopPool.join(hop, waiter)
    do throws(SSHError) {
      while true {
        try check(scope)
        if let error = waiter.failure { throw error.onTheWay(to: target) }
        if let login = waiter.login { return login }
        await pause()
      }
    } catch {
      HopPool.withdraw(hop, waiter)
      throw error
    }
  }
}

extension HopPool {
  /// Uses the turn at a login for a stream; nil where the server carries no more on this login.
  static func openStream(
    _ hop: Hop, _ login: Login, to target: SSHTarget, timeout: Duration
  ) async throws(SSHError) -> TunnelStream? {
    let answer: StreamAnswer
    do throws(SSHError) {
      answer = try await login.connection.openStream(host: target.host, port: target.port, timeout: timeout)
    } catch {
      finishTurn(hop, login, hasStream: false)
      switch error.kind {
      case .timedOut:
        throw SSHError(
          .timedOut(.connecting), target,
          "gave up after \(target.connectTimeout.inSeconds) while \(hop.target.name) connected to it: "
            + "is it up, and can it be reached from there?")
      case .cancelled: throw SSHError(.cancelled, target, "cancelled while connecting")
      default: throw error.onTheWay(to: target)
      }
    }
    switch answer {
    case .opened(let stream):
      finishTurn(hop, login, hasStream: true)
      stream.ended = { shared.assumeIsolated { $0.leave(hop, login) } }
      return stream
    case .refused(let refusal):
      // Only one that carries others already can be full.
      let isFull = refusal == .shortage && login.users > 1
      finishTurn(hop, login, hasStream: false, isFull: isFull)
      if isFull { return nil }
      throw SSHError(
        .unreachable, target,
        refusal.explanation(hop: "the jump host \(hop.target.name)", destination: target.name))
    }
  }
}
