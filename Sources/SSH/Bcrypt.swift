import CLibCrypto
import Glibc

/// bcrypt_pbkdf, by which OpenSSH makes a cipher's key of a passphrase. OpenSSL has neither it nor the Blowfish
/// variant below. It takes as long as the file's round count says: tenths of a second, which is its purpose.
///
/// Source: bcrypt_pbkdf.c and blowfish.c of OpenBSD; Provos and Mazières, "A Future-Adaptable Password Scheme".
enum Bcrypt {
  /// - Returns: `count` bytes; nil for parameters that the function isn't made for.
  static func derive(_ passphrase: [UInt8], salt: [UInt8], rounds: Int, count: Int) -> [UInt8]? {
    guard rounds >= 1, !passphrase.isEmpty, !salt.isEmpty, (1...1024).contains(count) else { return nil }
    guard let initial = piDigits, let secret = sha512(passphrase) else { return nil }
    let blocks = (count + 31) / 32
    let amount = (count + blocks - 1) / blocks
    var key = [UInt8](repeating: 0, count: count)
    for block in 1...blocks {
      let number = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: block >> $0) }
      guard var hashed = sha512(salt + number) else { return nil }
      var sum = [UInt8](repeating: 0, count: 32)
      for _ in 0..<rounds {
        let piece = hash(secret, hashed, initial)
        for index in sum.indices { sum[index] ^= piece[index] }
        guard let next = sha512(piece) else { return nil }
        hashed = next
      }
      // The bytes of the blocks take turns in the key.
      for index in 0..<amount {
        let place = index * blocks + block - 1
        if place < count { key[place] = sum[index] }
      }
    }
    return key
  }

  private static func sha512(_ bytes: [UInt8]) -> [UInt8]? {
    var digest = [UInt8](repeating: 0, count: 64)
    return EVP_Digest(bytes, bytes.count, &digest, nil, EVP_sha512(), nil) == 1 ? digest : nil
  }

  private static func words(_ bytes: some Sequence<UInt8>) -> [UInt32] {
    var words: [UInt32] = []
    var word: UInt32 = 0
    for (index, byte) in bytes.enumerated() {
      word = word << 8 | UInt32(byte)
      if index % 4 == 3 { words.append(word) }
    }
    return words
  }

  private static func hash(_ secret: [UInt8], _ salt: [UInt8], _ initial: [UInt32]) -> [UInt8] {
    let (secret, salt) = (words(secret), words(salt))
    var text = words("OxychromaticBlowfishSwatDynamite".utf8)
    var state = initial
    state.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      let cipher = Blowfish(state: base)
      cipher.expand(key: secret, salt: salt)
      let none = [UInt32](repeating: 0, count: 16)
      for _ in 0..<64 {
        cipher.expand(key: salt, salt: none)
        cipher.expand(key: secret, salt: none)
      }
      for pair in stride(from: 0, to: text.count, by: 2) {
        var (left, right) = (text[pair], text[pair + 1])
        for _ in 0..<64 { cipher.encrypt(&left, &right) }
        (text[pair], text[pair + 1]) = (left, right)
      }
    }
    return text.flatMap { word in [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: word >> $0) } }
  }

  /// Blowfish's subkeys (18 words) and S-boxes (four of 256 words), one after the other.
  private struct Blowfish {
    let state: UnsafeMutablePointer<UInt32>
    private static let stateCount = 18 + 4 * 256

    @inline(__always)
    func encrypt(_ left: inout UInt32, _ right: inout UInt32) {
      var (l, r) = (left, right)
      let boxes = state + 18
      var round = 0
      while round < 16 {
        l ^= state[round]
        r ^=
          ((boxes[Int(l >> 24)] &+ boxes[256 + Int(l >> 16 & 255)]) ^ boxes[512 + Int(l >> 8 & 255)])
          &+ boxes[768 + Int(l & 255)]
        (l, r) = (r, l)
        round += 1
      }
      left = r ^ state[17]
      right = l ^ state[16]
    }

    /// `key` and `salt` are 16 words, which go round.
    func expand(key: [UInt32], salt: [UInt32]) {
      key.withUnsafeBufferPointer { key in
        salt.withUnsafeBufferPointer { salt in
          var index = 0
          while index < 18 {
            state[index] ^= key[index & 15]
            index += 1
          }
          var (left, right): (UInt32, UInt32) = (0, 0)
          index = 0
          while index < Blowfish.stateCount {
            left ^= salt[index & 15]
            right ^= salt[(index + 1) & 15]
            encrypt(&left, &right)
            state[index] = left
            state[index + 1] = right
            index += 2
          }
        }
      }
    }
  }

  /// What Blowfish starts from: the first bits of the fraction of π. Calculated, in some milliseconds, instead
  /// of being written down: π = 16 arctan(1/5) - 4 arctan(1/239) (Machin).
  static let piDigits: [UInt32]? = {
    let (wanted, spare) = (1042 * 32, 64)
    func arctan(ofInverse divisor: UInt, times factor: UInt) -> OpaquePointer? {
      guard let sum = BN_new(), let power = BN_new(), let term = BN_new() else { return nil }
      defer {
        BN_free(power)
        BN_free(term)
      }
      BN_set_word(sum, 0)
      BN_set_word(power, factor)
      BN_lshift(power, power, Int32(wanted + spare))
      BN_div_word(power, divisor)
      var number: UInt = 1
      while BN_is_zero(power) == 0 {
        guard BN_copy(term, power) != nil else { return nil }
        BN_div_word(term, number)
        if number % 4 == 1 { BN_add(sum, sum, term) } else { BN_sub(sum, sum, term) }
        BN_div_word(power, divisor * divisor)
        number += 2
      }
      return sum
    }
    guard let pi = arctan(ofInverse: 5, times: 16) else { return nil }
    defer { BN_free(pi) }
    guard let rest = arctan(ofInverse: 239, times: 4) else { return nil }
    defer { BN_free(rest) }
    BN_sub(pi, pi, rest)
    BN_rshift(pi, pi, Int32(spare))
    BN_mask_bits(pi, Int32(wanted))
    var bytes = [UInt8](repeating: 0, count: wanted / 8)
    guard BN_bn2binpad(pi, &bytes, Int32(bytes.count)) == Int32(bytes.count) else { return nil }
    return words(bytes)
  }()
}
