import CLibCrypto
import Glibc
import Synchronization

/// What a private key file holds.
struct KeyFile: Sendable {
  /// Nil where the file can't be read without its passphrase.
  var privateKey: PrivateKey?
  /// The public half. An encrypted file in OpenSSH's format tells it, and an agent may have the rest.
  var publicBlob: [UInt8]?

  struct Failure: Error, Equatable {
    /// What was wrong and what to do, naming the file.
    var message: String
  }

  private static let cache = Mutex<[String: (stamp: LocalFile.Stamp, file: KeyFile)]>([:])

  /// Reads a key file, once a process for as long as the file stays the same.
  static func load(_ path: String) throws(Failure) -> KeyFile {
    if let known = cache.withLock({ $0[path] }), LocalFile.stamp(path) == known.stamp { return known.file }
    let contents: (bytes: [UInt8], stamp: LocalFile.Stamp)
    do {
      contents = try LocalFile.read(path, limit: 1 << 20)
    } catch  where error.code == ENOENT {
      throw Failure(message: "the key file \(path) does not exist")
    } catch {
      throw Failure(message: "the key file \(path) can't be read: \(error.reason)")
    }
    let stamp = contents.stamp
    if stamp.owner == getuid(), stamp.mode & 0o077 != 0 {
      throw Failure(
        message: "others may read the key file \(path), so it is no secret any more; "
          + "if it is still safe: chmod 600 \(shellWord(path))")
    }
    let file = try parse(contents.bytes, path)
    cache.withLock { $0[path] = (stamp, file) }
    return file
  }

  static func parse(_ bytes: [UInt8], _ path: String) throws(Failure) -> KeyFile {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let begin = text[...].range(of: "-----BEGIN "),
      let label = text[begin.upperBound...].range(of: "-----")
    else {
      let isPublic = ["ssh-", "ecdsa-", "sk-"].contains { text.hasPrefix($0) }
      throw Failure(
        message: isPublic
          ? "\(path) is a public key; give the file without .pub"
          : "\(path) is not a private key file (it has no BEGIN line)")
    }
    switch text[begin.upperBound..<label.lowerBound] {
    case "OPENSSH PRIVATE KEY":
      guard let end = text[label.upperBound...].range(of: "-----END "),
        let body = Base64.decode(text[label.upperBound..<end.lowerBound].utf8.filter { $0 > 0x20 })
      else { throw damaged(path) }
      return try openSSH(body, path)
    case "ENCRYPTED PRIVATE KEY": throw encrypted(path)
    default:
      if text.contains("Proc-Type: 4,ENCRYPTED") { throw encrypted(path) }
      return try pem(bytes, path)
    }
  }

  private static func damaged(_ path: String) -> Failure {
    Failure(message: "the key file \(path) is damaged")
  }

  static func encrypted(_ path: String) -> Failure {
    Failure(
      message: "the key file \(path) is encrypted; "
        + "let an agent hold it: eval \"$(ssh-agent)\" && ssh-add \(shellWord(path))")
  }

  private static func pem(_ bytes: [UInt8], _ path: String) throws(Failure) -> KeyFile {
    guard let source = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { throw damaged(path) }
    defer { BIO_free(source) }
    // Without a callback OpenSSL would ask for a passphrase on the terminal.
    guard let key = PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil) else {
      ERR_clear_error()
      throw damaged(path)
    }
    guard let privateKey = PrivateKey(taking: key) else {
      throw Failure(message: "the key in \(path) is neither Ed25519, ECDSA (P-256, P-384, P-521) nor RSA")
    }
    return KeyFile(privateKey: privateKey, publicBlob: privateKey.blob)
  }

  /// The format of OpenSSH's PROTOCOL.key.
  private static func openSSH(_ body: [UInt8], _ path: String) throws(Failure) -> KeyFile {
    var reader = WireReader(body)
    guard reader.bytes(15) == Array("openssh-key-v1\0".utf8), let cipher = reader.text(),
      reader.string() != nil, reader.string() != nil, reader.uint32() == 1,
      let publicBlob = reader.string(), let secret = reader.string()
    else { throw damaged(path) }
    guard cipher == "none" else { return KeyFile(privateKey: nil, publicBlob: publicBlob) }
    var fields = WireReader(secret)
    guard let check = fields.uint32(), fields.uint32() == check, let type = fields.text() else {
      throw damaged(path)
    }
    if type.hasPrefix("sk-") {
      throw Failure(
        message: "the key in \(path) lives on a security key, which this client can't use; "
          + "use a key of another type, or the system's ssh as the transport")
    }
    guard ["ssh-ed25519", "ssh-rsa"].contains(type) || type.hasPrefix("ecdsa-sha2-nistp") else {
      throw Failure(
        message: "the key in \(path) is of type \(printable(type, limit: 40)), which is not supported; "
          + "make one with: ssh-keygen -t ed25519")
    }
    guard let key = makeKey(type, &fields), let privateKey = PrivateKey(taking: key),
      privateKey.blob == publicBlob
    else {
      ERR_clear_error()
      throw damaged(path)
    }
    return KeyFile(privateKey: privateKey, publicBlob: publicBlob)
  }

  private static func makeKey(_ type: String, _ fields: inout WireReader) -> OpaquePointer? {
    switch type {
    case "ssh-ed25519":
      guard fields.string() != nil, let secret = fields.string(), secret.count == 64 else { return nil }
      return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, secret, 32)
    case "ssh-rsa":
      guard let n = fields.string(), let e = fields.string(), let d = fields.string(),
        let inverse = fields.string(), let p = fields.string(), let q = fields.string(),
        let dp = remainder(d, p), let dq = remainder(d, q)
      else { return nil }
      // RSAPrivateKey, RFC 8017 appendix A.1.2. Without dp and dq signing takes 3.6 times as long.
      return decode(
        DER.sequence(
          DER.integer([0]), DER.integer(n), DER.integer(e), DER.integer(d), DER.integer(p), DER.integer(q),
          DER.integer(dp), DER.integer(dq), DER.integer(inverse)), EVP_PKEY_RSA)
    default:
      guard let curve = fields.text(), let point = fields.string(), let scalar = fields.string(),
        let (oid, size) = [
          "nistp256": ([0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07] as [UInt8], 32),
          "nistp384": ([0x2B, 0x81, 0x04, 0x00, 0x22], 48), "nistp521": ([0x2B, 0x81, 0x04, 0x00, 0x23], 66),
        ][curve]
      else { return nil }
      let digits = Array(scalar.drop { $0 == 0 })
      guard digits.count <= size else { return nil }
      // ECPrivateKey, RFC 5915 section 3: the scalar has the curve's full length.
      return decode(
        DER.sequence(
          DER.integer([1]), DER.element(0x04, [UInt8](repeating: 0, count: size - digits.count) + digits),
          DER.element(0xA0, DER.element(0x06, oid)), DER.element(0xA1, DER.element(0x03, [0] + point))),
        EVP_PKEY_EC)
    }
  }

  private static func decode(_ der: [UInt8], _ type: Int32) -> OpaquePointer? {
    der.withUnsafeBufferPointer { buffer in
      var position = buffer.baseAddress
      return d2i_PrivateKey(type, nil, &position, buffer.count)
    }
  }

  /// `dividend mod (prime - 1)`.
  private static func remainder(_ dividend: [UInt8], _ prime: [UInt8]) -> [UInt8]? {
    guard let context = BN_CTX_new() else { return nil }
    defer { BN_CTX_free(context) }
    guard let a = BN_bin2bn(dividend, Int32(dividend.count), nil) else { return nil }
    defer { BN_clear_free(a) }
    guard let b = BN_bin2bn(prime, Int32(prime.count), nil) else { return nil }
    defer { BN_clear_free(b) }
    guard BN_sub_word(b, 1) == 1, BN_is_zero(b) == 0, let r = BN_new() else { return nil }
    defer { BN_clear_free(r) }
    guard BN_div(nil, r, a, b, context) == 1 else { return nil }
    var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(r) + 7) / 8)
    BN_bn2bin(r, &bytes)
    return bytes
  }
}

extension Substring {
  func range(of part: String) -> Range<Index>? {
    var start = startIndex
    while let candidate = self[start...].firstIndex(of: part[part.startIndex]) {
      if self[candidate...].hasPrefix(part) { return candidate..<index(candidate, offsetBy: part.count) }
      start = index(after: candidate)
    }
    return nil
  }
}
