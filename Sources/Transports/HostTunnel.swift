public import MartletCore
internal import MartletEngine
internal import MartletSSH

/// Ports of this machine that lead to where a host can connect: the production database from a laptop.
///
///     let tunnel = try await HostTunnel.open(to: host)
///     let places = try await tunnel.listen(try TunnelForward("5433:localhost:5432")) { print($0) }
///     try await tunnel.waitUntilBroken()
public struct HostTunnel: Sendable {
  private let forwarding: PortForwarding

  /// Why there is no tunnel, or no longer.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Logs in on the host.
  ///
  /// - Parameters:
  ///   - host: As the inventory has it.
  ///   - transport: What reaches hosts otherwise, and asks what it must know.
  /// - Throws: ``Failure``, also for a host that isn't reached over SSH by this process.
  public static func open(to host: InventoryHost, by transport: HostTransport) async throws -> HostTunnel {
    do {
      let target = try await transport.targetOfTunnel(to: host)
      do throws(SSHError) {
        return HostTunnel(forwarding: try await PortForwarding.connect(to: target))
      } catch {
        throw forCaller(error)
      }
    } catch let error as TransportError {
      throw Failure(description: error.description)
    }
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
    do {
      return try await forwarding.listen(
        on: forward.path.map { .socket($0) } ?? .port(forward.port, address: forward.bind),
        to: forward.host, port: forward.hostPort
      ) { report($0.description) }
    } catch {
      throw error.kind == .local ? Failure(description: error.message) : Self.forCaller(error)
    }
  }

  /// Returns when the task is cancelled; throws when the connection to the host has broken. Listening goes on
  /// then, and a connection that is taken later makes a new login.
  public func waitUntilBroken() async throws {
    do {
      try await forwarding.waitUntilBroken()
    } catch {
      throw Self.forCaller(error)
    }
  }

  /// Ends listening and all connections.
  public func close() async { await forwarding.close() }

  private static func forCaller(_ error: SSHError) -> any Error {
    error.kind == .cancelled ? CancellationError() : Failure(description: error.description)
  }
}
