public import MartletCore
public import MartletEngine
package import MartletSSH
internal import Synchronization

/// Reaches every host in its own way: as its ``ConnectionSettings/transport`` says. Where that says nothing it is
/// libssh2, and the system's `ssh` where only that can do what the configuration asks for.
public struct HostTransport: Transport {
  private let connectTimeout: Duration
  private let configuration: String?
  private let ssh: SSHTransport
  private let asksOnTerminal: Bool

  /// - Parameters:
  ///   - connectTimeout: How long reaching a host and logging in may take together.
  ///   - configuration: The file that takes the place of `~/.ssh/config` and the system's; nil: those.
  ///   - hostKeyQuestions: Who is asked about the keys of unknown hosts; nil: they are refused.
  public init(
    connectTimeout: Duration = .seconds(30), configuration: String? = nil,
    hostKeyQuestions: (any HostKeyQuestions)? = nil
  ) {
    self.init(
      connectTimeout: connectTimeout, configuration: configuration, hostKeyQuestions: hostKeyQuestions,
      questions: nil)
  }

  /// - Parameter questions: Who is asked for passwords and passphrases.
  package init(
    connectTimeout: Duration = .seconds(30), configuration: String? = nil,
    hostKeyQuestions: (any HostKeyQuestions)?, questions: (any SSHQuestions)?
  ) {
    self.connectTimeout = connectTimeout
    self.configuration = configuration
    asksOnTerminal = hostKeyQuestions != nil
    ssh = SSHTransport(
      connectTimeout: connectTimeout, configuration: configuration, hostKeyQuestions: hostKeyQuestions,
      questions: questions)
  }

  /// Asks about unknown hosts, and tells which options of ssh's configuration have no effect.
  public func prepare(for hosts: [InventoryHost]) async throws -> [TransportNotice] {
    let own = hosts.filter { [nil, .ssh].contains($0.connection.transport) }
    var told: Set<String> = []
    var notices: [TransportNotice] = []
    for host in own {
      guard let resolved = try? await ssh.resolve(host) else { continue }
      if let reason = resolved.reasonForSystemSSH, host.connection.transport == nil {
        notices.append(
          TransportNotice("reached by the system's ssh: \(reason)", host: host.name, verboseOnly: true))
      }
      for option in resolved.ignored where told.insert(option).inserted {
        notices.append(TransportNotice("ssh's configuration: not honoured: \(option)", verboseOnly: true))
      }
    }
    return try await notices + ssh.prepare(for: own)
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    switch host.connection.transport {
    case nil:
      let resolved = try await ssh.resolve(host)
      if resolved.reasonForSystemSSH != nil {
        var host = host
        host.connection.user = resolved.target.user
        return try await systemSSH.connect(to: host)
      }
      return try await ssh.connect(to: host, resolved)
    case .ssh: return try await ssh.connect(to: host)
    case .openssh: return try await systemSSH.connect(to: host)
    case .local: return try await LocalTransport().connect(to: host)
    case .container(let engine): return try await ContainerTransport(engine).connect(to: host)
    }
  }

  private var systemSSH: OpenSSHTransport {
    OpenSSHTransport(
      connectTimeout: connectTimeout, configuration: configuration, asksOnTerminal: asksOnTerminal)
  }
}
