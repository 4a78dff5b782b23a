public import MartletCore
internal import MartletEngine
internal import MartletSSH

/// Ports of this machine that lead to where a host can connect: the production database from a laptop.
///
///     let tunnel = try await HostTunnel.open(to: host, by: HostTransport())
///     let places = try await tunnel.listen(try TunnelForward("5433:localhost:5432")) { print($0) }
///     try await tunnel.waitUntilBroken()
public struct HostTunnel: Sendable {
  private let way: any TunnelWay

  /// Why there is no tunnel, or no longer.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Logs in on the host, by libssh2 or by the system's `ssh` as for a run.
  ///
  /// - Parameters:
  ///   - host: As the inventory has it.
  ///   - transport: What reaches hosts otherwise, and asks what it must know.
  /// - Throws: ``Failure``, also for a host that isn't reached over SSH.
  public static func open(to host: InventoryHost, by transport: HostTransport) async throws -> HostTunnel {
    try await explained { HostTunnel(way: try await transport.tunnel(to: host)) }
  }

  /// Takes connections here and carries them on.
  ///
  /// - Parameters:
  ///   - forward: From where to where.
  ///   - report: Is told why a single connection could not be carried; the others go on.
  /// - Returns: Where connections are taken: addresses with the ports that were chosen, or a path.
  public func listen(
    _ forward: TunnelForward, report: @escaping @Sendable (String) -> Void = { _ in }
  ) async throws -> [String] {
    try await Self.explained { try await way.listen(forward, report: report) }
  }

  /// Returns when the task is cancelled; throws when the connection to the host has broken. Listening goes on
  /// then, and a connection that is taken later makes a new login.
  public func waitUntilBroken() async throws {
    try await Self.explained { try await way.waitUntilBroken() }
  }

  /// Ends listening and all connections.
  public func close() async { await way.close() }

  private static func explained<T>(_ body: () async throws -> T) async throws -> T {
    do {
      return try await body()
    } catch let error as TransportError {
      throw Failure(description: error.description)
    }
  }
}

/// What a tunnel is made of: a login, and the places where connections are taken that it carries.
///
/// All errors are ``TransportError``, or `CancellationError`.
protocol TunnelWay: Sendable {
  func listen(_ forward: TunnelForward, report: @escaping @Sendable (String) -> Void) async throws -> [String]
  func waitUntilBroken() async throws
  func close() async
}

/// A tunnel that this process makes itself.
struct SSHTunnel: TunnelWay {
  let forwarding: PortForwarding

  func listen(_ forward: TunnelForward, report: @escaping @Sendable (String) -> Void) async throws -> [String]
  {
    do throws(SSHError) {
      return try await forwarding.listen(on: forward.listener, to: forward.host, port: forward.hostPort) {
        report($0.description)
      }
    } catch {
      throw error.kind == .local ? TransportError(error.message) : error.forEngine
    }
  }

  func waitUntilBroken() async throws {
    do throws(SSHError) {
      try await forwarding.waitUntilBroken()
    } catch {
      throw error.forEngine
    }
  }

  func close() async { await forwarding.close() }
}

extension TunnelForward {
  /// Where connections are taken.
  var listener: PortForwarding.Listener { path.map { .socket($0) } ?? .port(port, address: bind) }
}
