/// From a name to a session that is logged in.
extension SSHConnection {
  /// Connects, trying again where the server drops connections before it has introduced itself: that is how
  /// sshd says that too many are being set up at once (MaxStartups).
  func open() async throws(SSHError) {
    let deadline = ContinuousClock.now + target.connectTimeout
    do throws(SSHError) {
      try await withScope(timeout: target.connectTimeout) { scope throws(SSHError) in
        var attempts = 0
        while true {
          do throws(SSHError) {
            try await openOnce(scope, deadline)
            return
          } catch {
            guard error.kind == .disconnected(.banner) else { throw error }
            dropLink()
            attempts += 1
            try await backOff(scope, attempts, deadline, after: error)
          }
        }
      }
      phase = .idle
    } catch {
      fail(error)
      throw error
    }
  }

  private func openOnce(_ scope: Scope, _ deadline: ContinuousClock.Instant) async throws(SSHError) {
    try checkAlgorithms()
    try await dial(scope, deadline: deadline)
    try await agreeOnKeys(scope)
    if isProbe { return }
    phase = .authenticating
    try await authenticate(scope)
  }

  private func backOff(
    _ scope: Scope, _ attempts: Int, _ deadline: ContinuousClock.Instant, after error: SSHError
  ) async throws(SSHError) {
    let base = min(200 << min(attempts - 1, 5), 5000)
    let pause = Duration.milliseconds(Int.random(in: base / 2...base * 3 / 2))
    guard ContinuousClock.now + pause < deadline else {
      throw SSHError(
        error.kind, target,
        "the server dropped the connection before its SSH banner, \(attempts) times in "
          + "\(target.connectTimeout.inSeconds); it may be limiting logins (sshd's MaxStartups or "
          + "PerSourcePenalties), or the port may not be that of an SSH server")
    }
    try await sleep(scope, pause)
  }
}
