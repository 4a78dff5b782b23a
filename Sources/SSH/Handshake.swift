import CLibSSH2
import Glibc

/// From a name to a session that is logged in.
extension SSHConnection {
  /// Connects, trying again where the server drops connections before it has introduced itself: that is how
  /// sshd says that too many are being set up at once (MaxStartups).
  func open() async throws(SSHError) {
    let deadline = ContinuousClock.now + target.connectTimeout
    do throws(SSHError) {
      try await withScope(timeout: target.connectTimeout) { scope throws(SSHError) in
        var attempts = 0
        while true {
          do throws(SSHError) {
            try await openOnce(scope, deadline)
            return
          } catch {
            guard error.kind == .disconnected(.banner) else { throw error }
            dropLink()
            attempts += 1
            try await backOff(scope, attempts, deadline, after: error)
          }
        }
      }
      phase = .idle
    } catch {
      fail(error)
      throw error
    }
  }

  private func openOnce(_ scope: Scope, _ deadline: ContinuousClock.Instant) async throws(SSHError) {
    try await dial(scope, deadline: deadline)
    try await agreeOnKeys(scope)
    phase = .authenticating
    try await authenticate(scope, deadline: deadline)
  }

  private func backOff(
    _ scope: Scope, _ attempts: Int, _ deadline: ContinuousClock.Instant, after error: SSHError
  ) async throws(SSHError) {
    let base = min(200 << min(attempts - 1, 5), 5000)
    let pause = Duration.milliseconds(Int.random(in: base / 2...base * 3 / 2))
    guard ContinuousClock.now + pause < deadline else {
      throw SSHError(
        error.kind, target,
        "the server dropped the connection before its SSH banner, \(attempts) times in "
          + "\(target.connectTimeout.inSeconds); it may be limiting logins (sshd's MaxStartups or "
          + "PerSourcePenalties), or the port may not be that of an SSH server")
    }
    try await sleep(scope, pause)
  }

  /// Exchanges keys and checks that of the host.
  private func agreeOnKeys(_ scope: Scope) async throws(SSHError) {
    phase = .banner
    guard let link, let session = link.session else { throw breakDown(0) }
    let socket = link.socket
    let preference = preferredMethods(
      session, knownTypes: try knownHosts().types(host: target.host, port: target.port))
    if !preference.isEmpty { libssh2_session_method_pref(session, LIBSSH2_METHOD_HOSTKEY, preference) }
    let code = try await call(scope) { session in
      let code = libssh2_session_handshake(session, socket)
      // A server may say something else before; sshd does where MaxStartups is exceeded.
      if phase == .banner, let banner = libssh2_session_banner_get(session), strncmp(banner, "SSH-", 4) == 0 {
        phase = .keyExchange
      }
      return Int(code)
    }
    guard code == 0 else {
      if code == Int(LIBSSH2_ERROR_KEX_FAILURE), link.socketError == nil {
        throw SSHError(
          .noCommonAlgorithm, target,
          "client and server have no algorithm in common (\(link.lastMessage)); libssh2 "
            + "\(String(cString: libssh2_version(0))) can't use RSA host keys with servers that refuse SHA-1 before "
            + "1.11, and knows no post-quantum key exchange")
      }
      throw breakDown(code)
    }
    link.isHandshakeOver = true
    try verifyHostKey(session)
  }

  private func knownHosts() throws(SSHError) -> KnownHosts {
    do throws(KnownHostsStore.Failure) {
      return try KnownHostsStore.load(target.knownHosts.files)
    } catch {
      throw SSHError(.knownHostsFile, target, error.message)
    }
  }

  /// The host key algorithms in the order in which the server is asked for them. The known types come
  /// first: a server has a key of each type, and one that isn't in the file would look like a changed one.
  private func preferredMethods(_ session: OpaquePointer, knownTypes: [String]) -> String {
    var list: UnsafeMutablePointer<UnsafePointer<CChar>?>?
    let count = libssh2_session_supported_algs(session, LIBSSH2_METHOD_HOSTKEY, &list)
    guard count > 0, let list else { return "" }
    defer { libssh2_free(session, list) }
    let supported = Set((0..<Int(count)).compactMap { list[$0].map { String(cString: $0) } })
    let types = [
      "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa",
    ]
    var methods: [String] = []
    for type in knownTypes.filter(types.contains) + types {
      for method in type == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
      where supported.contains(method) && !methods.contains(method) { methods.append(method) }
    }
    return methods.joined(separator: ",")
  }

  private func verifyHostKey(_ session: OpaquePointer) throws(SSHError) {
    var count = 0
    var kind: Int32 = 0
    guard let key = libssh2_session_hostkey(session, &count, &kind) else {
      throw SSHError(.protocolError(.keyExchange), target, "the server showed no host key")
    }
    let blob = Array(UnsafeRawBufferPointer(start: key, count: count))
    var reader = WireReader(blob)
    guard let type = reader.text() else {
      throw SSHError(.protocolError(.keyExchange), target, "the server's host key is malformed")
    }
    var verdict = try knownHosts().check(blob, host: target.host, port: target.port)
    if verdict == .unknown, target.knownHosts.mode == .acceptNew {
      do throws(KnownHostsStore.Failure) {
        verdict = try KnownHostsStore.learn(
          blob, type: type, host: target.host, port: target.port, files: target.knownHosts.files)
      } catch {
        throw SSHError(.knownHostsFile, target, error.message)
      }
    }
    if let error = HostKeyReport(target: target, type: type, blob: blob).error(for: verdict) { throw error }
  }
}

/// Words for a host key that isn't believed.
struct HostKeyReport {
  var target: SSHTarget
  var type: String
  var blob: [UInt8]

  func error(for verdict: KnownHosts.Verdict) -> SSHError? {
    let shown = "\(printable(type, limit: 40)) \(fingerprint(blob))"
    let name = KnownHosts.name(host: target.host, port: target.port)
    let file = target.knownHosts.files.first ?? "~/.ssh/known_hosts"
    let port = target.port == 22 ? "" : "-p \(target.port) "
    let scan = "ssh-keyscan \(port)\(shellWord(target.host)) >> \(shellWord(file))"
    switch verdict {
    case .trusted: return nil
    case .unknown:
      let files =
        target.knownHosts.files.isEmpty ? "" : " in " + target.knownHosts.files.joined(separator: ", ")
      return SSHError(
        .hostKeyUnknown(fingerprint: fingerprint(blob)), target,
        "the host's key is not known: it showed \(shown), and there is no entry for \(name)\(files). "
          + "If that is the host's fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the host tells), "
          + "add it: \(scan)")
    case .changed(let keys):
      let known = keys.prefix(4).map { "\($0.file):\($0.line) has \($0.type) \(fingerprint($0.blob))" }
      let isOtherType = !keys.contains { $0.type == type }
      let removal = Set(keys.map(\.file)).sorted()
        .map { "ssh-keygen -R \(shellWord(name)) -f \(shellWord($0))" }.joined(separator: " && ")
      return SSHError(
        .hostKeyChanged(fingerprint: fingerprint(blob)), target,
        "THE HOST'S KEY HAS CHANGED: it showed \(shown), but \(known.joined(separator: ", "))"
          + (isOtherType ? " (the known type was not offered)" : "")
          + ". Someone may be in between, or the host was set up anew. If you know that it was: "
          + "\(removal) && \(scan)")
    case .revoked(let key):
      return SSHError(
        .hostKeyRevoked(fingerprint: fingerprint(blob)), target,
        "the host's key \(shown) is revoked by \(key.file):\(key.line). Whoever has stolen it can pose as the host: "
          + "give the host a new key, or remove that line if it is a mistake")
    }
  }
}
