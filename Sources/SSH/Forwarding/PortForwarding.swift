import Glibc

/// Ports here that lead to ports there (ssh's LocalForward): connections made to a listener on this machine go
/// on from the SSH server to a destination that it can reach.
///
///     let forwarding = try await PortForwarding.connect(to: target)
///     let places = try await forwarding.listen(on: .port(5433), to: "localhost", port: 5432)
///     try await forwarding.waitUntilBroken()
///
/// All share one login, which is made anew when a connection comes after it has broken.
public final class PortForwarding: Sendable {
  /// Where connections are taken.
  public enum Listener: Sendable, Hashable {
    /// A TCP port; 0 is one that is free. `address` is a name or an address of this machine, `*` means all of
    /// them, and nil only the loopback ones, which no other machine reaches.
    case port(Int, address: String? = nil)
    /// A socket in the file system, which only this user may connect to.
    case socket(String)
  }

  private let hop: HopPool.Hop
  private let listeners = ListenerSet()
  private let breaks: AsyncStream<SSHError>
  private let observer: Int

  private init(_ hop: HopPool.Hop) {
    self.hop = hop
    let (stream, continuation) = AsyncStream<SSHError>.makeStream(bufferingPolicy: .bufferingNewest(1))
    breaks = stream
    observer = HopPool.observe(hop) { continuation.yield($0) }
  }

  deinit {
    let (hop, listeners, observer) = (hop, listeners, observer)
    Reactor.shared.perform {
      listeners.close()
      HopPool.unobserve(hop, observer)
      HopPool.leave(hop)
    }
  }

  /// Logs in on the server that makes the connections.
  public static func connect(to target: SSHTarget) async throws(SSHError) -> PortForwarding {
    try await SSHConnection(target).logInForForwarding { PortForwarding($0) }
  }

  /// Takes connections here, until ``close()``.
  ///
  /// - Parameters:
  ///   - listener: Where.
  ///   - host: Where they lead: a name or an address, as the server sees it. `localhost` is the server itself.
  ///   - port: The TCP port there.
  ///   - report: Is told why a connection can't be carried; the others go on. It is called on the thread that
  ///     serves all.
  /// - Returns: The addresses, with their ports, or the path on which connections are taken.
  /// - Throws: ``SSHError`` of the kind `local` where it can't be listened there.
  public func listen(
    on listener: Listener, to host: String, port: Int,
    report: @escaping @Sendable (SSHError) -> Void = { _ in }
  ) async throws(SSHError) -> [String] {
    var destination = SSHTarget(host: host, port: port, user: hop.target.user)
    destination.connectTimeout = hop.target.connectTimeout
    destination.loginLimits = hop.target.loginLimits
    let final = destination
    let hop = hop
    return try await listeners.open(listener, final) { [weak listeners] socket in
      let connection = SSHConnection(final)
      guard let listeners, let relay = Relay(socket, ended: { [weak listeners] in listeners?.remove($0) })
      else { return }
      listeners.add(relay)
      Task(executorPreference: Reactor.shared) {
        do throws(SSHError) {
          relay.begin(try await connection.stream(through: hop))
        } catch {
          relay.abort()
          report(error)
        }
      }
    }
  }

  /// Returns when the task is cancelled.
  ///
  /// - Throws: Why a login broke that served the connections. Those that it carried are broken too; listening
  ///   goes on, and the next connection makes a new login.
  public func waitUntilBroken() async throws(SSHError) {
    for await error in breaks { throw error }
  }

  /// Ends listening and all connections.
  public func close() async {
    await withCheckedContinuation { done in listeners.end { done.resume() } }
  }
}

extension SSHConnection {
  /// Has a login made, without being connected itself.
  fileprivate nonisolated func logInForForwarding(
    _ body: @escaping @Sendable (HopPool.Hop) -> PortForwarding
  ) async throws(SSHError) -> PortForwarding {
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await firstLogin(body)
    }
  }

  private func firstLogin(_ body: (HopPool.Hop) -> PortForwarding) async throws(SSHError) -> PortForwarding {
    let hop = HopPool.enter(target)
    do throws(SSHError) {
      _ = try await withScope(timeout: target.loginLimits.patience) { scope throws(SSHError) in
        try await wait(for: hop, turn: false, scope)
      }
      return body(hop)
    } catch {
      HopPool.leave(hop)
      throw error
    }
  }

  /// A connection to the target that `hop` makes, with nothing on it yet.
  fileprivate func stream(through hop: HopPool.Hop) async throws(SSHError) -> TunnelStream {
    phase = .connecting
    while true {
      let login = try await withScope(timeout: target.loginLimits.patience) { scope throws(SSHError) in
        try await wait(for: hop, turn: true, scope)
      }
      let timeout = target.connectTimeout
      if let stream = try await HopPool.openStream(hop, login, to: target, timeout: timeout) { return stream }
    }
  }
}
