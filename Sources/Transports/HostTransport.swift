public import MartletCore
public import MartletEngine
package import MartletSSH

/// Reaches every host in its own way: as its ``ConnectionSettings/transport`` says. Where that says nothing it is
/// libssh2, and the system's `ssh` where only that can do what the configuration or the host asks for.
public struct HostTransport: Transport {
  private let ssh: SSHTransport
  private let systemSSH: OpenSSHTransport

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
    ssh = SSHTransport(
      connectTimeout: connectTimeout, configuration: configuration, hostKeyQuestions: hostKeyQuestions,
      questions: questions)
    systemSSH = OpenSSHTransport(
      connectTimeout: connectTimeout, configuration: configuration, questions: questions)
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
        // What this client can't honour, that one does.
        continue
      }
      for option in resolved.ignored where told.insert(option).inserted {
        notices.append(TransportNotice("ssh's configuration: not honoured: \(option)", verboseOnly: true))
      }
    }
    return try await notices + ssh.prepare(for: own)
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    switch host.connection.transport {
    case nil: return try await connectAsFits(host)
    case .ssh: return try await ssh.connect(to: host)
    case .openssh: return try await systemSSH.connect(to: host, try? await ssh.resolve(host))
    case .local: return try await LocalTransport().connect(to: host)
    case .container(let engine): return try await ContainerTransport(engine).connect(to: host)
    }
  }

  private func connectAsFits(_ host: InventoryHost) async throws -> any TransportSession {
    try await asFits(host) { resolved throws(SSHError) in
      try await ssh.session(resolved)
    } bySystemSSH: { resolved in
      try await systemSSH.connect(to: host, resolved)
    }
  }

  /// Does by libssh2 what needs a login, and by the system's `ssh` where only that can.
  private func asFits<T>(
    _ host: InventoryHost, bySSH own: (ResolvedHost) async throws(SSHError) -> T,
    bySystemSSH system: (ResolvedHost) async throws -> T
  ) async throws -> T {
    var resolved = try await ssh.resolve(host)
    if resolved.reasonForSystemSSH != nil { return try await system(resolved) }
    resolved.target.leavesQuestionsToOpenSSH = true
    do throws(SSHError) {
      return try await own(resolved)
    } catch {
      guard await resolved.mayHelp(after: error) else { throw error.forEngine }
      do {
        return try await system(resolved)
      } catch let other as TransportError {
        throw TransportError("\(error); and the system's ssh says: \(other)")
      }
    }
  }

  /// Opens a tunnel to a host, with the host's key known or asked about.
  ///
  /// - Throws: ``TransportError``, also for a host that isn't reached over SSH.
  func tunnel(to host: InventoryHost) async throws -> any TunnelWay {
    switch host.connection.transport {
    case .local, .container:
      throw TransportError("\(host.name) is not reached over SSH: there is no tunnel to it")
    case .openssh: return try await systemSSH.tunnel(to: host, try? await ssh.resolve(host))
    case nil, .ssh: break
    }
    // As for a run: whoever isn't known is asked about first.
    for notice in try await ssh.prepare(for: [host]) where !notice.verboseOnly {
      throw TransportError(notice.message)
    }
    if host.connection.transport == .ssh {
      let target = try await ssh.resolve(host).target
      do throws(SSHError) {
        return SSHTunnel(forwarding: try await PortForwarding.connect(to: target))
      } catch {
        throw error.forEngine
      }
    }
    return try await asFits(host) { resolved throws(SSHError) -> any TunnelWay in
      SSHTunnel(forwarding: try await PortForwarding.connect(to: resolved.target))
    } bySystemSSH: { resolved in
      try await systemSSH.tunnel(to: host, resolved)
    }
  }
}
