public import MartletCore
public import MartletEngine

/// Reaches every host in its own way: as its ``ConnectionSettings/transport`` says, over SSH where it says nothing.
public struct HostTransport: Transport {
  private let connectTimeout: Duration

  /// - Parameter connectTimeout: How long reaching a host and logging in may take together.
  public init(connectTimeout: Duration = .seconds(30)) { self.connectTimeout = connectTimeout }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    try await transport(for: host.connection).connect(to: host)
  }

  private func transport(for settings: ConnectionSettings) -> any Transport {
    switch settings.transport {
    case nil, .ssh: SSHTransport(connectTimeout: connectTimeout)
    case .openssh: OpenSSHTransport(connectTimeout: connectTimeout)
    case .local: LocalTransport()
    case .container(let engine): ContainerTransport(engine)
    }
  }
}
