package import MartletCore
internal import MartletEngine
package import MartletSSH

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
  ///   - connectTimeout: How long looking up, connecting and logging in may take together, and later a single
  ///     connection from the host to where it leads.
  ///   - hostKeyQuestions: Who is asked about the key of an unknown host.
  ///   - questions: Who is asked for passwords and passphrases.
  package static func open(
    to host: InventoryHost, connectTimeout: Duration = .seconds(30),
    hostKeyQuestions: (any HostKeyQuestions)? = nil, questions: (any SSHQuestions)? = nil
  ) async throws -> HostTunnel {
    let transport = SSHTransport(
      connectTimeout: connectTimeout, configuration: nil, hostKeyQuestions: hostKeyQuestions,
      questions: questions)
    let resolved: ResolvedHost
    do {
      for notice in try await transport.prepare(for: [host]) where !notice.verboseOnly {
        throw Failure(description: notice.message)
      }
      resolved = try await transport.resolve(host)
    } catch let error as TransportError {
      throw Failure(description: error.description)
    }
    let target = resolved.target
    do throws(SSHError) {
      return HostTunnel(forwarding: try await PortForwarding.connect(to: target))
    } catch {
      throw forCaller(error)
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
