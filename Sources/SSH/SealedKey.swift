import CLibCrypto

/// A private key that can't be read without its passphrase.
struct SealedKey: Sendable {
  enum Form: Sendable {
    /// OpenSSH's format (PROTOCOL.key).
    case openSSH(cipher: KeyCipher, salt: [UInt8], rounds: Int, secret: [UInt8], tag: [UInt8])
    /// PEM encrypted as a whole, or PKCS#8: OpenSSL opens them.
    case pem([UInt8])
  }

  var form: Form
  /// Nil where the file doesn't tell.
  var publicBlob: [UInt8]?

  /// Tries a passphrase, which takes a noticeable time: not for the reactor's thread.
  ///
  /// - Returns: Nil: it isn't the right one.
  func open(_ passphrase: [UInt8], _ path: String) throws(KeyFile.Failure) -> PrivateKey? {
    guard !passphrase.isEmpty, !passphrase.contains(0) else { return nil }
    switch form {
    case .openSSH(let cipher, let salt, let rounds, let secret, let tag):
      guard
        let key = Bcrypt.derive(
          passphrase, salt: salt, rounds: rounds, count: cipher.keyLength + cipher.vectorLength),
        let plain = cipher.decrypt(secret, key: key, tag: tag)
      else { return nil }
      // Two equal numbers stand at the front so that a wrong passphrase is noticed.
      var fields = WireReader(plain)
      guard let check = fields.uint32(), fields.uint32() == check else { return nil }
      return try KeyFile.readOpenSSH(plain, publicBlob: publicBlob, path)
    case .pem(let bytes):
      guard let source = BIO_new_mem_buf(bytes, Int32(bytes.count)) else { return nil }
      defer { BIO_free(source) }
      var text = passphrase + [0]
      guard let key = PEM_read_bio_PrivateKey(source, nil, nil, &text) else {
        ERR_clear_error()
        return nil
      }
      guard let privateKey = PrivateKey(taking: key) else { throw KeyFile.unsupported(path) }
      return privateKey
    }
  }
}

/// The ciphers of private key files in OpenSSH's format.
enum KeyCipher: String, Sendable, CaseIterable {
  case aes256ctr = "aes256-ctr"
  case aes192ctr = "aes192-ctr"
  case aes128ctr = "aes128-ctr"
  case aes256cbc = "aes256-cbc"
  case aes192cbc = "aes192-cbc"
  case aes128cbc = "aes128-cbc"
  case tripleDES = "3des-cbc"
  case aes256gcm = "aes256-gcm@openssh.com"
  case aes128gcm = "aes128-gcm@openssh.com"
  case chacha20poly1305 = "chacha20-poly1305@openssh.com"

  private var algorithm: OpaquePointer? {
    switch self {
    case .aes256ctr: EVP_aes_256_ctr()
    case .aes192ctr: EVP_aes_192_ctr()
    case .aes128ctr: EVP_aes_128_ctr()
    case .aes256cbc: EVP_aes_256_cbc()
    case .aes192cbc: EVP_aes_192_cbc()
    case .aes128cbc: EVP_aes_128_cbc()
    case .tripleDES: EVP_des_ede3_cbc()
    case .aes256gcm: EVP_aes_256_gcm()
    case .aes128gcm: EVP_aes_128_gcm()
    case .chacha20poly1305: EVP_chacha20()
    }
  }

  /// In bytes. ChaCha20 has two keys, of which the second is for the length field of packets.
  var keyLength: Int {
    self == .chacha20poly1305 ? 64 : Int(EVP_CIPHER_get_key_length(algorithm))
  }

  var vectorLength: Int {
    self == .chacha20poly1305 ? 0 : Int(EVP_CIPHER_get_iv_length(algorithm))
  }

  var tagLength: Int {
    switch self {
    case .aes256gcm, .aes128gcm, .chacha20poly1305: 16
    default: 0
    }
  }

  /// - Parameter key: The cipher's key, and the initialization vector behind it.
  /// - Returns: Nil where the tag or the length is wrong.
  func decrypt(_ bytes: [UInt8], key: [UInt8], tag: [UInt8]) -> [UInt8]? {
    guard key.count == keyLength + vectorLength, tag.count == tagLength else { return nil }
    if self == .chacha20poly1305 {
      // PROTOCOL.chacha20poly1305 with sequence number 0: block 0 is Poly1305's key, the text starts at block 1.
      var counter = [UInt8](repeating: 0, count: 16)
      guard let mac = run(Array(repeating: 0, count: 32), Array(key[..<32]), counter, nil),
        let own = KeyCipher.poly1305(bytes, key: mac), CRYPTO_memcmp(own, tag, 16) == 0
      else { return nil }
      counter[0] = 1
      return run(bytes, Array(key[..<32]), counter, nil)
    }
    return run(bytes, Array(key[..<keyLength]), Array(key[keyLength...]), tagLength > 0 ? tag : nil)
  }

  private func run(_ bytes: [UInt8], _ key: [UInt8], _ vector: [UInt8], _ tag: [UInt8]?) -> [UInt8]? {
    guard let context = EVP_CIPHER_CTX_new() else { return nil }
    defer {
      EVP_CIPHER_CTX_free(context)
      ERR_clear_error()
    }
    guard EVP_DecryptInit_ex2(context, algorithm, key, vector, nil) == 1 else { return nil }
    // The padding is of OpenSSH's own kind.
    EVP_CIPHER_CTX_set_padding(context, 0)
    if var tag { EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) }
    var plain = [UInt8](repeating: 0, count: bytes.count + 64)
    var (count, more): (Int32, Int32) = (0, 0)
    guard EVP_DecryptUpdate(context, &plain, &count, bytes, Int32(bytes.count)) == 1 else { return nil }
    let start = Int(count)
    let isRight = plain.withUnsafeMutableBufferPointer { buffer in
      EVP_DecryptFinal_ex(context, buffer.baseAddress.map { $0 + start }, &more) == 1
    }
    return isRight ? Array(plain[..<(start + Int(more))]) : nil
  }

  private static func poly1305(_ bytes: [UInt8], key: [UInt8]) -> [UInt8]? {
    var tag = [UInt8](repeating: 0, count: 16)
    var count = 0
    let result = EVP_Q_mac(
      nil, "POLY1305", nil, nil, nil, key, key.count, bytes, bytes.count, &tag, tag.count, &count)
    return result != nil && count == 16 ? tag : nil
  }
}
