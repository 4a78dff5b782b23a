import CLibCrypto

/// A private key that can sign, parsed once: parsing takes OpenSSL longer than all the rest of logging in.
///
/// `@unchecked Sendable`: the EVP_PKEY isn't changed after it was made, and OpenSSL allows several threads to
/// sign with one.
final class PrivateKey: @unchecked Sendable {
  private let key: OpaquePointer
  /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, …, `ssh-rsa`.
  let type: String
  /// The public key as a server's authorized_keys has it.
  let blob: [UInt8]

  /// Takes over `key`; nil where it is of a kind that SSH doesn't use.
  init?(taking key: OpaquePointer) {
    guard let (type, blob) = PrivateKey.describe(key) else {
      EVP_PKEY_free(key)
      return nil
    }
    self.key = key
    self.type = type
    self.blob = blob
  }

  deinit { EVP_PKEY_free(key) }

  /// The signature of `data` as SSH has it, without the algorithm's name (RFC 4253 section 6.6, RFC 5656
  /// section 3.1.2, RFC 8709 section 6).
  ///
  /// - Parameter algorithm: The name under which the signature goes: for RSA keys rsa-sha2-256 or rsa-sha2-512
  ///   (RFC 8332).
  func sign(_ data: [UInt8], _ algorithm: String) -> [UInt8]? {
    guard let context = EVP_MD_CTX_new() else { return nil }
    defer { EVP_MD_CTX_free(context) }
    let digest =
      switch type {
      case "ssh-ed25519": OpaquePointer?.none
      case "ecdsa-sha2-nistp384": EVP_sha384()
      case "ecdsa-sha2-nistp521": EVP_sha512()
      case "ssh-rsa" where algorithm.hasPrefix("rsa-sha2-512"): EVP_sha512()
      default: EVP_sha256()
      }
    guard EVP_DigestSignInit(context, nil, digest, nil, key) == 1 else { return nil }
    var count = Int(EVP_PKEY_get_size(key))
    var signature = [UInt8](repeating: 0, count: count)
    guard EVP_DigestSign(context, &signature, &count, data, data.count) == 1 else { return nil }
    signature.removeLast(signature.count - count)
    return type.hasPrefix("ecdsa-") ? PrivateKey.sshSignature(der: signature) : signature
  }

  /// DER's SEQUENCE of two INTEGERs as two mpints.
  private static func sshSignature(der: [UInt8]) -> [UInt8]? {
    var reader = DERReader(der)
    guard var sequence = reader.sequence(), let r = sequence.integer(), let s = sequence.integer() else {
      return nil
    }
    var writer = WireWriter()
    writer.mpint(r)
    writer.mpint(s)
    return writer.bytes
  }

  private static func describe(_ key: OpaquePointer) -> (type: String, blob: [UInt8])? {
    var writer = WireWriter()
    switch EVP_PKEY_get_base_id(key) {
    case EVP_PKEY_ED25519:
      var count = 32
      var raw = [UInt8](repeating: 0, count: count)
      guard EVP_PKEY_get_raw_public_key(key, &raw, &count) == 1, count == 32 else { return nil }
      writer.string("ssh-ed25519".utf8)
      writer.string(raw)
      return ("ssh-ed25519", writer.bytes)
    case EVP_PKEY_EC:
      var name = [CChar](repeating: 0, count: 64)
      guard EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, &name, name.count, nil) == 1
      else {
        return nil
      }
      let group = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let curves = ["prime256v1": "nistp256", "secp384r1": "nistp384", "secp521r1": "nistp521"]
      var point = [UInt8](repeating: 0, count: 256)
      var count = 0
      guard let curve = curves[group],
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, &point, point.count, &count) == 1
      else { return nil }
      writer.string("ecdsa-sha2-\(curve)".utf8)
      writer.string(curve.utf8)
      writer.string(point[..<count])
      return ("ecdsa-sha2-\(curve)", writer.bytes)
    case EVP_PKEY_RSA:
      guard let e = number(key, OSSL_PKEY_PARAM_RSA_E), let n = number(key, OSSL_PKEY_PARAM_RSA_N) else {
        return nil
      }
      writer.string("ssh-rsa".utf8)
      writer.mpint(e)
      writer.mpint(n)
      return ("ssh-rsa", writer.bytes)
    default: return nil
    }
  }

  private static func number(_ key: OpaquePointer, _ name: String) -> [UInt8]? {
    var number: OpaquePointer?
    guard EVP_PKEY_get_bn_param(key, name, &number) == 1, let number else { return nil }
    defer { BN_free(number) }
    var bytes = [UInt8](repeating: 0, count: Int(BN_num_bits(number) + 7) / 8)
    BN_bn2bin(number, &bytes)
    return bytes
  }
}
