import CLibSSH2

/// What the libssh2 that is loaded can do: one built against 1.10 also runs with 1.11.
enum SSHLibrary {
  /// Since 1.11 it knows RSA with SHA-2 and signs with every type of certificate; 1.10 writes the blob's type
  /// into the signature, which servers refuse for all certificates but those of ECDSA keys.
  static let isModern = libssh2_version(0x010b00) != nil

  static var version: String { String(cString: libssh2_version(0)) }

  /// Whether it can log in with such a public key or certificate, if given its signatures.
  static func canUse(_ type: String) -> Bool {
    if type.hasSuffix(Certificate.suffix) {
      let plain = String(type.dropLast(Certificate.suffix.count))
      return plainTypes.contains(plain) && (isModern || plain.hasPrefix("ecdsa-"))
    }
    return plainTypes.contains(type)
  }

  private static let plainTypes: Set = [
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
  ]

  /// Why it can't log in with such a key or certificate.
  static func reason(_ type: String) -> String {
    if type.hasPrefix("sk-") {
      return "keys on a security key are beyond this client; use the system's ssh (transport: openssh)"
    }
    if type.hasSuffix(Certificate.suffix) {
      return
        "libssh2 \(version) can't sign with certificates of type \(printable(type, limit: 60)) (1.11 can); "
        + "use the system's ssh (transport: openssh)"
    }
    return "keys of type \(printable(type, limit: 60)) are not supported"
  }

  /// The public key under the name by which a server is asked to take it. On libssh2 1.10 an RSA key goes
  /// under `rsa-sha2-256`: it signs with the algorithm that the blob names, servers have given up `ssh-rsa`'s
  /// SHA-1, and OpenSSH reads this name as that of an RSA key.
  static func authenticationBlob(_ blob: [UInt8]) -> [UInt8] {
    var reader = WireReader(blob)
    guard !isModern, reader.text() == "ssh-rsa" else { return blob }
    var writer = WireWriter()
    writer.string("rsa-sha2-256".utf8)
    return writer.bytes + reader.remaining
  }

  /// The name of the signature algorithm in what is to be signed (RFC 4252 section 7): libssh2 chooses it.
  static func algorithm(in data: [UInt8]) -> String? {
    var reader = WireReader(data)
    guard reader.string() != nil, reader.byte() == 50, reader.string() != nil, reader.string() != nil,
      reader.string() != nil, reader.byte() == 1
    else { return nil }
    return reader.text()
  }
}

extension SSHTarget {
  /// Why this client can't log in with a key or a certificate that the target names, while the system's `ssh`
  /// can; nil where there is nothing of the kind. Looks only at files, so that another transport can be chosen
  /// before anything is connected.
  ///
  ///     if let reason = target.unsupportedReason { log("using the system's ssh: \(reason)") }
  public var unsupportedReason: String? {
    guard methods.contains(.publicKey) else { return nil }
    for path in certificates + identities.map({ "\($0.path)-cert.pub" }) {
      if let blob = PublicKeyFile.load(path), !SSHLibrary.canUse(blobType(blob)) {
        return "\(path): \(SSHLibrary.reason(blobType(blob)))"
      }
    }
    for identity in identities {
      do throws(KeyFile.Failure) {
        _ = try KeyFile.load(identity.path)
      } catch {
        if error.kind == .securityKey { return error.message }
        for path in [identity.path, "\(identity.path).pub"] {
          if let blob = PublicKeyFile.load(path), blobType(blob).hasPrefix("sk-") {
            return "\(path): \(SSHLibrary.reason(blobType(blob)))"
          }
        }
      }
    }
    return nil
  }
}

extension KeySource {
  var path: String {
    switch self {
    case .file(let path): path
    }
  }
}
