import CLibSSH2

/// Which algorithms a server is offered, each list in the order of preference; nil: those of
/// ``standard(_:)``.
///
///     target.algorithms.ciphers = ["aes256-ctr"]
///
/// Names that libssh2 doesn't have are left out. A list of which it has none fails with
/// ``SSHError/Kind/noCommonAlgorithm`` before anything is sent.
public struct SSHAlgorithms: Sendable, Equatable {
  /// What an algorithm is for.
  @frozen public enum Purpose: String, Sendable, CaseIterable {
    /// Agreeing on keys (`KexAlgorithms`).
    case kex = "key exchange"
    /// The host's proof of who it is (`HostKeyAlgorithms`).
    case hostKeys = "host key"
    /// Encryption (`Ciphers`).
    case ciphers = "cipher"
    /// Protection against changes (`MACs`).
    case macs = "MAC"
  }

  /// Ways of agreeing on keys.
  public var kex: [String]?
  /// Ciphers, for both directions.
  public var ciphers: [String]?
  /// MACs, for both directions.
  public var macs: [String]?
  /// Types of host keys. Within this list, those of the keys that are known for a host are asked for first.
  public var hostKeys: [String]?

  public init(
    kex: [String]? = nil, ciphers: [String]? = nil, macs: [String]? = nil, hostKeys: [String]? = nil
  ) {
    self.kex = kex
    self.ciphers = ciphers
    self.macs = macs
    self.hostKeys = hostKeys
  }

  /// The list for a purpose.
  public subscript(purpose: Purpose) -> [String]? {
    get {
      switch purpose {
      case .kex: kex
      case .ciphers: ciphers
      case .macs: macs
      case .hostKeys: hostKeys
      }
    }
    set {
      switch purpose {
      case .kex: kex = newValue
      case .ciphers: ciphers = newValue
      case .macs: macs = newValue
      case .hostKeys: hostKeys = newValue
      }
    }
  }

  /// The purposes for which the loaded libssh2 has nothing of what is wanted. A host with such a configuration
  /// can only be reached by the system's `ssh`.
  public var impossible: [Purpose] {
    Purpose.allCases.filter { purpose in
      self[purpose].map { wanted in !wanted.contains(where: SSHAlgorithms.supported(purpose).contains) }
        ?? false
    }
  }

  /// What the loaded libssh2 has, in its order of preference.
  public static func supported(_ purpose: Purpose) -> [String] { all[purpose] ?? [] }

  /// The version of the loaded libssh2, as in `1.10.0`.
  public static var libraryVersion: String { libssh2_version(0).map { String(cString: $0) } ?? "?" }

  /// What a server is offered where nothing is configured: what of libssh2's list `ssh` offers too. The rest, such as
  /// CBC ciphers, RC4 and MD5, is there for who asks for it by name (`Ciphers +3des-cbc`).
  public static func standard(_ purpose: Purpose) -> [String] {
    guard let usual = usual[purpose] else { return supported(purpose) }
    return usual.filter(supported(purpose).contains)
  }

  /// The defaults of OpenSSH 9 (ssh_config(5): KexAlgorithms, Ciphers, MACs), and its later exchanges. GCM comes before
  /// CTR here: libssh2 decrypts it a packet at a time.
  private static let usual: [Purpose: [String]] = [
    .kex: [
      "mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
      "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
      "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512",
      "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
    ],
    .ciphers: [
      "chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr",
      "aes192-ctr", "aes256-ctr",
    ],
    .macs: [
      "umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
      "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com", "umac-64@openssh.com",
      "umac-128@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
    ],
  ]

  private static let all: [Purpose: [String]] = {
    guard libssh2_init(0) == 0, let session = libssh2_session_init_ex(nil, nil, nil, nil) else { return [:] }
    defer { libssh2_session_free(session) }
    var all: [Purpose: [String]] = [:]
    for purpose in Purpose.allCases {
      var list: UnsafeMutablePointer<UnsafePointer<CChar>?>?
      let count = libssh2_session_supported_algs(session, purpose.methods[0], &list)
      guard count > 0, let list else { continue }
      defer { libssh2_free(session, list) }
      all[purpose] = (0..<Int(count)).compactMap { list[$0].map { String(cString: $0) } }
        // It lists ECDSA certificates, and has no code that checks one; and marks of extensions from 1.11 on.
        .filter { !$0.contains("-cert-v0") && !$0.hasPrefix("ext-info-") && !$0.hasPrefix("kex-strict-") }
    }
    return all
  }()

  /// Whether a host's key of this type, as known_hosts names it, can be checked. RSA counts only with SHA-2:
  /// servers have given up the signatures with SHA-1, which are all that libssh2 has before 1.11.
  static func canCheck(_ type: String) -> Bool {
    methods(for: type).contains { $0 != "ssh-rsa" && supported(.hostKeys).contains($0) }
  }

  /// The algorithms by which a host proves that it has a key of this type.
  static func methods(for type: String) -> [String] {
    type == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
  }

  /// What a host is asked for: the algorithms for the types of its known keys first, because a server has a
  /// key of each type, and one that isn't in the file would look like a changed one.
  func hostKeyMethods(knownTypes: [String]) -> [String] {
    let supported = SSHAlgorithms.supported(.hostKeys)
    let standard = [
      "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512",
      "rsa-sha2-256", "ssh-rsa",
    ]
    let allowed = (hostKeys ?? standard).filter(supported.contains)
    let known = Set(knownTypes.flatMap(SSHAlgorithms.methods))
    var methods: [String] = []
    for method in allowed.filter(known.contains) + allowed where !methods.contains(method) {
      methods.append(method)
    }
    return methods
  }

  /// What is offered for a purpose, host keys aside.
  func offered(_ purpose: Purpose) -> [String] {
    self[purpose].map { $0.filter(SSHAlgorithms.supported(purpose).contains) }
      ?? SSHAlgorithms.standard(purpose)
  }
}

extension SSHAlgorithms.Purpose {
  /// libssh2's numbers; both directions are asked for alike.
  var methods: [Int32] {
    switch self {
    case .kex: [LIBSSH2_METHOD_KEX]
    case .hostKeys: [LIBSSH2_METHOD_HOSTKEY]
    case .ciphers: [LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC]
    case .macs: [LIBSSH2_METHOD_MAC_CS, LIBSSH2_METHOD_MAC_SC]
    }
  }
}
