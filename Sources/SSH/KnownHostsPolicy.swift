/// Which host keys are believed.
///
///     target.knownHosts = KnownHostsPolicy(
///       files: ["/home/me/.ssh/known_hosts"], globalFiles: ["/etc/ssh/ssh_known_hosts"], mode: .acceptNew)
///
/// A key that differs from the known one is refused in every mode, and so is a revoked one. (OpenSSH goes on
/// in the mode ``Mode/off``, without passwords; whoever is in between would see every command all the same.)
public struct KnownHostsPolicy: Sendable {
  /// What is done about a host of which no key is known, as ssh_config(5) has it for `StrictHostKeyChecking`.
  @frozen public enum Mode: Sendable {
    /// `yes`: it is refused.
    case strict
    /// `ask`: it is refused by the connection itself; whoever connects may ask a person beforehand
    /// (``HostKeyProbe``) and then have the key learned.
    case ask
    /// `accept-new`: its key is written to the first of ``KnownHostsPolicy/files`` and believed from then on. It
    /// is refused where that can't be done, and where the files name an authority for the host.
    case acceptNew
    /// `no`, `off`: as `accept-new`, but it is believed even where its key can't be written down, or where only
    /// an authority is known for it.
    case off
  }

  /// The user's known_hosts files. Only the first is written to. One that doesn't exist is an empty one, and so
  /// is `/dev/null`.
  public var files: [String]
  /// The system's known_hosts files, which are never written to.
  public var globalFiles: [String]
  /// What is done about a host of which no key is known.
  public var mode: Mode
  /// Whether names are written hashed, so that the file doesn't tell which hosts it is about (`HashKnownHosts`).
  public var hashesNames: Bool
  /// Keys that are believed where the files know none, such as those that a person has just confirmed.
  public var confirmed: [HostKey] = []

  /// A policy; without arguments no host is believed.
  ///
  /// - Parameters:
  ///   - files: The user's files, of which the first is written to.
  ///   - globalFiles: The system's files.
  ///   - mode: What is done about a host of which no key is known.
  ///   - hashesNames: Whether names are written hashed.
  public init(
    files: [String] = [], globalFiles: [String] = [], mode: Mode = .strict, hashesNames: Bool = false
  ) {
    self.files = files
    self.globalFiles = globalFiles
    self.mode = mode
    self.hashesNames = hashesNames
  }

  var allFiles: [String] { files + globalFiles }
}

/// A host's public key.
public struct HostKey: Sendable, Hashable {
  /// As known_hosts has it: `ssh-ed25519`, `ssh-rsa`, ….
  public let type: String
  /// As RFC 4253 section 6.6 encodes it.
  public let blob: [UInt8]

  /// Nil where the bytes don't begin with the name of a type.
  init?(blob: [UInt8]) {
    var reader = WireReader(blob)
    guard let type = reader.text(), !type.isEmpty,
      type.utf8.allSatisfy({ $0.isASCIIAlphanumeric || "-@._".utf8.contains($0) })
    else { return nil }
    self.type = type
    self.blob = blob
  }

  /// `SHA256:…`, as `ssh-keygen -l` shows it.
  public var fingerprint: String { MartletSSH.fingerprint(blob) }
}

/// What the known_hosts files say about a host, before anything is sent to it.
public struct KnownHostKeys: Sendable, Equatable {
  /// The types of the keys that are known for it, in the order of the files; those for its name on any port too.
  public var types: [String]
  /// Whether nothing but an authority (`@cert-authority`) is known for it: its certificate would have to be
  /// checked, which libssh2 can't do.
  public var needsCertificate: Bool

  /// Whether something is known about this very host: name and port, or the alias. What is known for the name
  /// alone may be about another server, on another port.
  public var isKnown: Bool

  /// Why the host can only be recognized by the system's `ssh`; nil where this client will do.
  public var reasonForSystemSSH: String? {
    if needsCertificate {
      return "only an authority (@cert-authority) is known for it, and libssh2 can't check host certificates"
    }
    guard !types.isEmpty, !types.contains(where: SSHAlgorithms.canCheck) else { return nil }
    return
      "only keys of the type \(types.map { printable($0, limit: 40) }.joined(separator: ", ")) are known for it, "
      + "which libssh2 \(SSHAlgorithms.libraryVersion) can't check"
  }
}

extension SSHTarget {
  /// Looks the host up in the known_hosts files.
  ///
  ///     if let reason = try target.knownHostKeys().reasonForSystemSSH { … use the system's ssh … }
  ///
  /// - Throws: ``SSHError`` of the kind ``SSHError/Kind/knownHostsFile`` where a file can't be read.
  public func knownHostKeys() throws(SSHError) -> KnownHostKeys {
    let known = try knownKeys()
    return KnownHostKeys(
      types: known.types, needsCertificate: known.needsCertificate,
      isKnown: !known.plain.isEmpty || known.needsCertificate)
  }

  /// What known_hosts files call the host.
  var knownName: KnownHosts.Name { KnownHosts.Name(host: host, port: port, alias: hostKeyAlias) }

  func knownKeys() throws(SSHError) -> KnownKeys {
    do throws(KnownHostsStore.Failure) {
      return try KnownHostsStore.load(knownHosts.allFiles).keys(of: knownName)
    } catch {
      throw SSHError(.knownHostsFile, self, error.message)
    }
  }
}
