/// Public keys and certificates as files hold them, and what their blobs tell.
enum PublicKeyFile {
  /// Reads `TYPE BASE64 COMMENT`, the first line that isn't empty; nil where it is anything else.
  static func parse(_ bytes: [UInt8]) -> [UInt8]? {
    let lines = bytes.split { $0 == 10 || $0 == 13 }
    guard let line = lines.first(where: { !$0.allSatisfy { $0 <= 0x20 } }) else { return nil }
    let words = line.split { $0 == 0x20 || $0 == 9 }
    guard words.count >= 2, let blob = Base64.decode(words[1]), blobType(blob).utf8.elementsEqual(words[0])
    else { return nil }
    return blob
  }

  /// The blob in a file; nil where there is no such file or something else in it.
  static func load(_ path: String) -> [UInt8]? {
    (try? LocalFile.read(path, limit: 1 << 20)).flatMap { parse($0.bytes) }
  }
}

/// The name with which a public key begins; empty where it is malformed.
func blobType(_ blob: [UInt8]) -> String {
  var reader = WireReader(blob)
  return reader.text() ?? ""
}

/// An OpenSSH certificate (PROTOCOL.certkeys).
struct Certificate: Equatable {
  static let suffix = "-cert-v01@openssh.com"

  var blob: [UInt8]
  /// The public key that it is about, as a key of its own.
  var key: [UInt8]

  /// Nil where the blob is anything else than a user's certificate.
  init?(_ blob: [UInt8]) {
    var reader = WireReader(blob)
    guard let type = reader.text(), type.hasSuffix(Certificate.suffix), reader.string() != nil else {
      return nil
    }
    let plain = String(type.dropLast(Certificate.suffix.count))
    let counts = ["ssh-ed25519": 1, "ssh-rsa": 2, "sk-ssh-ed25519": 2, "sk-ecdsa-sha2-nistp256": 3]
    var writer = WireWriter()
    writer.string((plain.hasPrefix("sk-") ? plain + "@openssh.com" : plain).utf8)
    for _ in 0..<(counts[plain] ?? 2) {
      guard let field = reader.string() else { return nil }
      writer.string(field)
    }
    // The serial number, then the kind, of which 1 is a user's.
    guard reader.bytes(8) != nil, reader.uint32() == 1 else { return nil }
    self.blob = blob
    key = writer.bytes
  }
}
