import CLibCrypto
import Glibc
import Synchronization

/// What a private key file holds.
struct KeyFile: Sendable {
  /// Nil where the file can't be read without its passphrase.
  var privateKey: PrivateKey?
  /// How to read it with the passphrase; nil where it needs none.
  var sealed: SealedKey?
  /// The public half. Of encrypted files only those in OpenSSH's format tell it.
  var publicBlob: [UInt8]?
  /// Which version of the file this is.
  var stamp: LocalFile.Stamp?

  struct Failure: Error, Equatable {
    enum Kind { case missing, publicKey, securityKey, other }

    /// What was wrong and what to do, naming the file.
    var message: String
    var kind = Kind.other
  }

  private static let cache = Mutex<[String: (stamp: LocalFile.Stamp, file: KeyFile)]>([:])

  /// Reads a key file, once a process for as long as the file stays the same.
  static func load(_ path: String) throws(Failure) -> KeyFile {
    if let known = cache.withLock({ $0[path] }), LocalFile.stamp(path) == known.stamp { return known.file }
    let contents: (bytes: [UInt8], stamp: LocalFile.Stamp)
    do {
      contents = try LocalFile.read(path, limit: 1 << 20)
    } catch  where error.code == ENOENT {
      throw Failure(message: "the key file \(path) does not exist", kind: .missing)
    } catch {
      throw Failure(message: "the key file \(path) can't be read: \(error.reason)")
    }
    let stamp = contents.stamp
    if PublicKeyFile.parse(contents.bytes) != nil { throw publicKey(path) }
    if stamp.owner == getuid(), stamp.mode & 0o077 != 0 {
      throw Failure(
        message: "others may read the key file \(path), so it is no secret any more; "
          + "if it is still safe: chmod 600 \(shellWord(path))")
    }
    var file = try parse(contents.bytes, path)
    file.stamp = stamp
    cache.withLock { [file] in $0[path] = (stamp, file) }
    return file
  }

  private static func publicKey(_ path: String) -> Failure {
    Failure(message: "\(path) is a public key; give the file without .pub", kind: .publicKey)
  }

  static func parse(_ bytes: [UInt8], _ path: String) throws(Failure) -> KeyFile {
    let text = String(decoding: bytes, as: UTF8.self)
    guard let begin = text[...].range(of: "-----BEGIN "),
      let label = text[begin.upperBound...].range(of: "-----")
    else {
      if PublicKeyFile.parse(bytes) != nil { throw publicKey(path) }
      throw Failure(message: "\(path) is not a private key file (it has no BEGIN line)")
    }
    switch text[begin.upperBound..<label.lowerBound] {
    case "OPENSSH PRIVATE KEY":
      guard let end = text[label.upperBound...].range(of: "-----END "),
        let body = Base64.decode(text[label.upperBound..<end.lowerBound].utf8.filter { $0 > 0x20 })
      else { throw damaged(path) }
      return try openSSH(body, path)
    case "ENCRYPTED PRIVATE KEY": return KeyFile(sealed: SealedKey(form: .pem(bytes)))
    default:
      if text.contains("Proc-Type: 4,ENCRYPTED") { return KeyFile(sealed: SealedKey(form: .pem(bytes))) }
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

  static func unsupported(_ path: String) -> Failure {
    Failure(message: "the key in \(path) is neither Ed25519, ECDSA (P-256, P-384, P-521) nor RSA")
  }

  private static func pem(_ bytes: [UInt8], _ path: String) throws(Failure) -> KeyFile {
    guard let source = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { throw damaged(path) }
    defer { BIO_free(source) }
    // Without a callback OpenSSL would ask for a passphrase on the terminal.
    guard let key = PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil) else {
      ERR_clear_error()
      throw damaged(path)
    }
    guard let privateKey = PrivateKey(taking: key) else { throw unsupported(path) }
    return KeyFile(privateKey: privateKey, publicBlob: privateKey.blob)
  }

  /// The format of OpenSSH's PROTOCOL.key.
  private static func openSSH(_ body: [UInt8], _ path: String) throws(Failure) -> KeyFile {
    var reader = WireReader(body)
    guard reader.bytes(15) == Array("openssh-key-v1\0".utf8), let cipher = reader.text(),
      let function = reader.text(), let parameters = reader.string(), reader.uint32() == 1,
      let publicBlob = reader.string(), let secret = reader.string()
    else { throw damaged(path) }
    var head = WireReader(publicBlob)
    guard let type = head.text() else { throw damaged(path) }
    if type.hasPrefix("sk-") {
      throw Failure(
        message: "the key in \(path) lives on a security key, which this client can't use; "
          + "use a key of another type, or the system's ssh (transport: openssh)", kind: .securityKey)
    }
    guard ["ssh-ed25519", "ssh-rsa"].contains(type) || type.hasPrefix("ecdsa-sha2-nistp") else {
      throw Failure(
        message: "the key in \(path) is of type \(printable(type, limit: 40)), which is not supported; "
          + "make one with: ssh-keygen -t ed25519")
    }
    guard cipher == "none" else {
      guard let known = KeyCipher(rawValue: cipher), function == "bcrypt" else {
        throw Failure(
          message: "the key file \(path) is encrypted with \(printable(cipher, limit: 40)), which is not "
            + "supported; change that with: ssh-keygen -p -Z aes256-ctr -f \(shellWord(path))")
      }
      var parameters = WireReader(parameters)
      guard let salt = parameters.string(), !salt.isEmpty, let rounds = parameters.uint32(), rounds > 0,
        let tag = reader.bytes(known.tagLength)
      else { throw damaged(path) }
      // OpenSSH's own default is 16 to 24; this many take minutes.
      guard rounds <= 10_000 else {
        throw Failure(
          message: "the key file \(path) wants \(rounds) rounds of bcrypt, which would take hours")
      }
      let form = SealedKey.Form.openSSH(
        cipher: known, salt: salt, rounds: Int(rounds), secret: secret, tag: tag)
      return KeyFile(sealed: SealedKey(form: form, publicBlob: publicBlob), publicBlob: publicBlob)
    }
    return KeyFile(privateKey: try readOpenSSH(secret, publicBlob: publicBlob, path), publicBlob: publicBlob)
  }

  /// Reads the part of OpenSSH's format that may be encrypted.
  static func readOpenSSH(
    _ secret: [UInt8], publicBlob: [UInt8]?, _ path: String
  ) throws(Failure) -> PrivateKey {
    var fields = WireReader(secret)
    guard let check = fields.uint32(), fields.uint32() == check, let type = fields.text(),
      let key = makeKey(type, &fields), let privateKey = PrivateKey(taking: key),
      privateKey.blob == publicBlob
    else {
      ERR_clear_error()
      throw damaged(path)
    }
    return privateKey
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
