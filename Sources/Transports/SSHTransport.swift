public import MartletCore
public import MartletEngine
internal import MartletSSH

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Reaches hosts over SSH, one session a host for a whole run.
public struct SSHTransport: Transport {
  private let connectTimeout: Duration
  /// Who is asked about the keys of unknown hosts.
  let hostKeyQuestions: (any HostKeyQuestions)?
  /// What they said.
  let confirmed = ConfirmedHostKeys()

  /// - Parameters:
  ///   - connectTimeout: How long looking up, connecting and logging in may take together.
  ///   - hostKeyQuestions: Who is asked about the keys of unknown hosts; nil: they are refused.
  public init(
    connectTimeout: Duration = .seconds(30), hostKeyQuestions: (any HostKeyQuestions)? = nil
  ) {
    self.connectTimeout = connectTimeout
    self.hostKeyQuestions = hostKeyQuestions
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    do {
      return SSHSession(connection: try await SSHConnection.connect(to: target(for: host)))
    } catch {
      throw error.forEngine
    }
  }

  func target(for host: InventoryHost) -> SSHTarget {
    let settings = host.connection
    var target = SSHTarget(host: settings.address, port: settings.port ?? 22, user: settings.loginUser)
    let environment = ProcessInfo.processInfo.environment
    let folder = (environment["HOME"] ?? "/root") + "/.ssh"
    let files =
      settings.keys.isEmpty
      ? ["id_ed25519", "id_ecdsa", "id_rsa"].map { "\(folder)/\($0)" }
        .filter { FileManager.default.isReadableFile(atPath: $0) }
      : settings.keys
    target.identities = files.map { .file($0) }
    target.agentSocket = environment["SSH_AUTH_SOCK"].flatMap { $0.isEmpty ? nil : $0 }
    let standard = ["known_hosts", "known_hosts2"]
    target.knownHosts = KnownHostsPolicy(
      files: settings.knownHosts.isEmpty ? standard.map { "\(folder)/\($0)" } : settings.knownHosts,
      globalFiles: settings.knownHosts.isEmpty ? standard.map { "/etc/ssh/ssh_\($0)" } : [],
      mode: settings.acceptsNewHostKey ? .acceptNew : hostKeyQuestions == nil ? .strict : .ask)
    target.knownHosts.confirmed = confirmed.keys(of: host.name)
    target.connectTimeout = connectTimeout
    return target
  }
}

private struct SSHSession: TransportSession {
  let connection: SSHConnection

  func run(
    _ command: String, exchange: any ExchangeHandler, deadline: Duration
  ) async throws -> MartletEngine.ExitStatus {
    do {
      let status = try await connection.run(
        command, stdin: .pull { try await exchange.input() }, limits: CommandLimits(timeout: deadline)
      ) { chunk in
        switch chunk.stream {
        case .stdout: exchange.output(chunk.bytes)
        case .stderr: exchange.errorOutput(chunk.bytes)
        }
      }
      switch status {
      case .code(let code): return .code(code)
      case .signal(let name): return .signal(name)
      }
    } catch {
      throw error.forEngine
    }
  }

  func close() async { await connection.close() }
}

extension SSHError {
  /// The same error in the engine's terms: a cancelled wait is the run's own doing, not the host's.
  fileprivate var forEngine: any Error {
    if case .cancelled = kind { return CancellationError() }
    return TransportError(description)
  }
}
