/// Words for a host key that isn't believed.
struct HostKeyReport {
  var target: SSHTarget
  var key: HostKey
  /// What the server said first.
  var opening: ServerOpening

  private var shown: String { "\(printable(key.type, limit: 40)) \(key.fingerprint)" }
  private var name: String { printable(target.knownName.text, limit: 300) }

  /// The command that adds the host's keys.
  private var scan: String {
    let file = target.knownHosts.files.first ?? "~/.ssh/known_hosts"
    let port = target.port == 22 ? "" : "-p \(target.port) "
    let rename =
      target.hostKeyAlias.map { " | sed \(shellWord("s/^[^ ]*/\($0.replacing("/", with: "\\/"))/"))" } ?? ""
    return "ssh-keyscan \(port)\(shellWord(target.host))\(rename) >> \(shellWord(file))"
  }

  func error(for verdict: KnownHosts.Verdict) -> SSHError? {
    switch verdict {
    case .trusted: nil
    case .unknown: unknown
    case .changed(let keys): unusable(keys) ?? changed(keys)
    case .revoked(let line):
      SSHError(
        .hostKeyRevoked(fingerprint: key.fingerprint), target,
        "the host's key \(shown) is revoked by \(line.file):\(line.line). Whoever has stolen it can pose as the host: "
          + "give the host a new key, or remove that line if it is a mistake")
    case .certificateNeeded(let line):
      SSHError(
        .hostCertificateNeeded(fingerprint: key.fingerprint), target,
        "the host's key \(shown) is not known by itself, and \(line.file):\(line.line) trusts an authority "
          + "(@cert-authority) to vouch for it. libssh2 can't check host certificates; the system's ssh can: "
          + "use the transport openssh for this host, or, if that is the host's fingerprint, add its key: \(scan)"
      )
    }
  }

  private var unknown: SSHError {
    let files = target.knownHosts.allFiles.map { printable($0, limit: 300) }
    let places = files.isEmpty ? "" : " in " + files.joined(separator: ", ")
    return SSHError(
      .hostKeyUnknown(fingerprint: key.fingerprint), target,
      "the host's key is not known: it showed \(shown), and there is no entry for \(name)\(places). "
        + "If that is the host's fingerprint (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the host tells), "
        + "add it: \(scan), or let new keys be believed (--accept-new-host-keys)")
  }

  private func changed(_ keys: [KnownHosts.Key]) -> SSHError {
    let known = keys.prefix(4).map { "\($0.file):\($0.line) has \($0.type) \(fingerprint($0.blob))" }
    let isOtherType = !keys.contains { $0.type == key.type }
    let removal = Set(keys.map(\.file)).sorted()
      .map { "ssh-keygen -R \(shellWord(target.knownName.text)) -f \(shellWord($0))" }.joined(
        separator: " && ")
    return SSHError(
      .hostKeyChanged(fingerprint: key.fingerprint), target,
      "THE HOST'S KEY HAS CHANGED: it showed \(shown), but \(known.joined(separator: ", "))"
        + (isOtherType ? " (the known type was not offered)" : "")
        + ". Someone may be in between, or the host was set up anew. If you know that it was: "
        + "\(removal) && \(scan)")
  }

  /// The server has keys of a known type, but libssh2 can't check them: it isn't the host that has changed.
  private func unusable(_ keys: [KnownHosts.Key]) -> SSHError? {
    guard !keys.contains(where: { SSHAlgorithms.canCheck($0.type) }),
      let offered = opening.offer?.lists[.hostKeys]
    else { return nil }
    let types = Set(keys.map(\.type)).filter { type in
      SSHAlgorithms.methods(for: type).contains(where: offered.contains)
    }.sorted()
    guard !types.isEmpty else { return nil }
    return SSHError(
      .hostKeyTypeUnusable(fingerprint: key.fingerprint), target,
      "the host is known only by its \(types.map { printable($0, limit: 40) }.joined(separator: ", ")) key "
        + "(\(keys[0].file):\(keys[0].line)), which libssh2 \(SSHAlgorithms.libraryVersion) can't check. The system's "
        + "ssh can: use the transport openssh for this host. Or, if its other key \(shown) is right "
        + "(ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub on the host tells), add that one: \(scan)")
  }
}
