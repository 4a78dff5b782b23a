import CLibSSH2

/// Who the server is.
extension SSHConnection {
  /// The key by which the server has just proved itself.
  func hostKey(_ session: OpaquePointer) throws(SSHError) -> HostKey {
    var count = 0
    var kind: Int32 = 0
    guard let bytes = libssh2_session_hostkey(session, &count, &kind) else {
      throw SSHError(.protocolError(.keyExchange), target, "the server showed no host key")
    }
    guard let key = HostKey(blob: Array(UnsafeRawBufferPointer(start: bytes, count: count))) else {
      throw SSHError(.protocolError(.keyExchange), target, "the server's host key is malformed")
    }
    return key
  }

  /// Checks the server's key, and learns it where the policy says so.
  ///
  /// - Parameter opening: What the server said first, which takes longer to read than all else here.
  func verify(_ key: HostKey, _ opening: [UInt8]) async throws(SSHError) {
    var verdict = try target.verdict(on: key)
    let isNew =
      switch verdict {
      case .unknown: target.knownHosts.mode == .acceptNew || target.knownHosts.mode == .off
      case .certificateNeeded: target.knownHosts.mode == .off
      default: false
      }
    if isNew {
      let request = KnownHostsWriter.Request(key: key, name: target.knownName, policy: target.knownHosts)
      do throws(KnownHostsStore.Failure) {
        verdict = try await KnownHostsWriter.learn(request)
      } catch {
        guard target.knownHosts.mode == .off else {
          throw SSHError(.knownHostsFile, target, error.message)
        }
        verdict = .trusted
      }
    }
    guard verdict != .trusted else { return }
    let report = HostKeyReport(target: target, key: key, opening: ServerOpening(opening))
    if let error = report.error(for: verdict) { throw error }
  }
}

extension SSHTarget {
  /// What to make of a key that the host has shown.
  func verdict(on key: HostKey) throws(SSHError) -> KnownHosts.Verdict {
    let verdict = try knownKeys().check(key.blob)
    switch verdict {
    case .unknown, .certificateNeeded: return knownHosts.confirmed.contains(key) ? .trusted : verdict
    default: return verdict
    }
  }
}
