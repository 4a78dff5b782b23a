/// A host of which no key is known, and the key that it has shown.
public struct UnknownHost: Sendable, Hashable {
  /// What known_hosts files call it: `name`, `[name]:port` or the alias.
  public let name: String
  /// The key.
  public let key: HostKey
}

/// What a look at a host's key has brought to light.
public enum HostKeyFinding: Sendable {
  /// It is known and right: there is nothing to ask.
  case known
  /// Nothing is known about the host.
  case unknown(UnknownHost)
  /// The host would be refused whatever anyone says: its key has changed or is revoked, or only its
  /// certificate would tell.
  case refused(SSHError)
}

/// Finds out by which key a host would prove itself, without logging in.
public enum HostKeyProbe {
  /// Connects, exchanges keys and hangs up.
  ///
  /// - Parameter target: The host. Nothing is learned, whatever the mode of its policy.
  /// - Throws: ``SSHError`` where the host can't be reached within the target's deadline, or speaks no SSH.
  public static func probe(_ target: SSHTarget) async throws(SSHError) -> HostKeyFinding {
    let connection = SSHConnection(target, isProbe: true)
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await connection.open()
    }
    let key = await connection.shownKey
    await connection.close()
    guard let key else {
      throw SSHError(.protocolError(.keyExchange), target, "the server showed no host key")
    }
    let verdict = try target.verdict(on: key)
    switch verdict {
    case .trusted: return .known
    case .unknown: return .unknown(UnknownHost(name: target.knownName.text, key: key))
    case .changed, .revoked, .certificateNeeded:
      let report = HostKeyReport(target: target, key: key, opening: ServerOpening([]))
      return report.error(for: verdict).map { .refused($0) } ?? .known
    }
  }

  /// Writes keys that a person has confirmed to the first file of each target's policy; all that go to one file
  /// at once, in one piece.
  ///
  /// - Returns: For each, why it couldn't be written or isn't believed after all; nil where all is well.
  public static func learn(_ keys: [(key: HostKey, target: SSHTarget)]) async -> [SSHError?] {
    await withTaskGroup(of: (Int, SSHError?).self) { group in
      for (index, entry) in keys.enumerated() {
        group.addTask { (index, await learn(entry.key, entry.target)) }
      }
      var errors = [SSHError?](repeating: nil, count: keys.count)
      for await (index, error) in group { errors[index] = error }
      return errors
    }
  }

  private static func learn(_ key: HostKey, _ target: SSHTarget) async -> SSHError? {
    let request = KnownHostsWriter.Request(key: key, name: target.knownName, policy: target.knownHosts)
    do throws(KnownHostsStore.Failure) {
      let verdict = try await KnownHostsWriter.learn(request)
      return HostKeyReport(target: target, key: key, opening: ServerOpening([])).error(for: verdict)
    } catch {
      return SSHError(.knownHostsFile, target, error.message)
    }
  }
}
