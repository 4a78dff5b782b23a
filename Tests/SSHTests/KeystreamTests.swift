import CKeystream
import CLibCrypto
import TestSupport
import Testing

extension SSHTests {
  /// The provider against OpenSSL's own.
  @Suite(.enabled(if: martlet_keystream_install() == 1, "OpenSSL has no providers, or only validated ones"))
  struct KeystreamTests {
    static let names = ["AES-128-CTR", "AES-192-CTR", "AES-256-CTR"]

    /// What libssh2 asks for is this.
    @Test func isWhatLibrariesGet() throws {
      for cipher in [EVP_aes_128_ctr(), EVP_aes_192_ctr(), EVP_aes_256_ctr()] {
        let context = try #require(EVP_CIPHER_CTX_new())
        defer { EVP_CIPHER_CTX_free(context) }
        let key = [UInt8](repeating: 1, count: 32)
        #expect(EVP_CipherInit_ex(context, cipher, nil, key, key, 1) == 1)
        let provider = EVP_CIPHER_get0_provider(EVP_CIPHER_CTX_get0_cipher(context))
        #expect(provider.map { String(cString: OSSL_PROVIDER_get0_name($0)) } == MARTLET_KEYSTREAM_PROVIDER)
        #expect(EVP_CIPHER_CTX_get_block_size(context) == 1)
        #expect(EVP_CIPHER_CTX_get_iv_length(context) == 16)
      }
      let cbc = try #require(EVP_CIPHER_fetch(nil, "AES-128-CBC", nil))
      defer { EVP_CIPHER_free(cbc) }
      #expect(EVP_CIPHER_get0_provider(cbc).map { String(cString: OSSL_PROVIDER_get0_name($0)) } == "default")
    }

    /// In calls of all lengths, with a counter that overflows at any of its words.
    @Test(arguments: names, 0..<20)
    func isTheSame(name: String, seed: UInt64) throws {
      var dice = Dice(seed: seed)
      let key = dice.bytes(32)
      var start = dice.bytes(16)
      let overflowing = dice.number(0...16)
      for index in (16 - overflowing)..<16 { start[index] = 0xff }
      let ours = try Stream(name, MARTLET_KEYSTREAM_PROVIDER, key, start)
      let theirs = try Stream(name, "default", key, start)
      for _ in 0..<40 {
        let sizes = [0, 1, 15, 16, 16, 16, 17, 100, 4080, 4095, 4096, 4097, 8192, 70_000]
        let size = dice.one(sizes)
        let text = dice.bytes(size)
        let result = ours.update(text)
        #expect(result == theirs.update(text))
        #expect(result.count == size)
      }
    }

    /// The blocks of a packet, one by one and in place.
    @Test(arguments: names)
    func blocksInPlace(name: String) throws {
      var dice = Dice(seed: 7)
      let (key, start) = (dice.bytes(32), dice.bytes(16))
      let ours = try Stream(name, MARTLET_KEYSTREAM_PROVIDER, key, start)
      let text = dice.bytes(100_000 / 16 * 16)
      var result = text
      for offset in stride(from: 0, to: text.count, by: 16) { ours.updateBlock(of: &result, at: offset) }
      #expect(try result == Stream(name, "default", key, start).update(text))
    }

    @Test func startsAgainWithANewKeyOrCounter() throws {
      var dice = Dice(seed: 3)
      let (key, start, text) = (dice.bytes(16), dice.bytes(16), dice.bytes(100))
      let ours = try Stream("AES-128-CTR", MARTLET_KEYSTREAM_PROVIDER, key, start)
      let first = ours.update(text)
      #expect(ours.update(text) != first)
      ours.restart(nil, start)
      #expect(ours.update(text) == first)
      let other = dice.bytes(16)
      ours.restart(other, start)
      #expect(try ours.update(text) == Stream("AES-128-CTR", "default", other, start).update(text))
    }

    @Test func aCopyGoesOnByItself() throws {
      var dice = Dice(seed: 5)
      let (key, start, text) = (dice.bytes(32), dice.bytes(16), dice.bytes(1000))
      let ours = try Stream("AES-256-CTR", MARTLET_KEYSTREAM_PROVIDER, key, start)
      _ = ours.update(text)
      let copy = try Stream(copying: ours)
      let next = ours.update(text)
      #expect(copy.update(text) == next)
      #expect(ours.update(text) == copy.update(text))
    }

    /// A key of the wrong length is refused by whoever calls the provider's functions.
    @Test func lengthsOfKeys() throws {
      for (name, length) in zip(Self.names, [16, 24, 32] as [Int32]) {
        let cipher = try #require(EVP_CIPHER_fetch(nil, name, "provider=" + MARTLET_KEYSTREAM_PROVIDER))
        defer { EVP_CIPHER_free(cipher) }
        #expect(EVP_CIPHER_get_key_length(cipher) == length)
        #expect(EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CTR_MODE)
      }
    }
  }
}

/// A cipher under way.
private final class Stream {
  private let context: OpaquePointer

  init(_ name: String, _ provider: String, _ key: [UInt8], _ start: [UInt8]) throws {
    context = try #require(EVP_CIPHER_CTX_new())
    let cipher = try #require(EVP_CIPHER_fetch(nil, name, "provider=" + provider))
    defer { EVP_CIPHER_free(cipher) }
    try #require(EVP_EncryptInit_ex2(context, cipher, key, start, nil) == 1)
  }

  init(copying other: Stream) throws {
    context = try #require(EVP_CIPHER_CTX_new())
    try #require(EVP_CIPHER_CTX_copy(context, other.context) == 1)
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  func restart(_ key: [UInt8]?, _ start: [UInt8]) {
    #expect(EVP_EncryptInit_ex2(context, nil, key, start, nil) == 1)
  }

  func update(_ text: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: text.count + 16) { buffer, count in
      var written: Int32 = 0
      #expect(EVP_EncryptUpdate(context, buffer.baseAddress, &written, text, Int32(text.count)) == 1)
      count = Int(written)
    }
  }

  /// As libssh2 calls it.
  func updateBlock(of text: inout [UInt8], at offset: Int) {
    text.withUnsafeMutableBytes { bytes in
      let block = bytes.baseAddress?.advanced(by: offset).assumingMemoryBound(to: UInt8.self)
      #expect(EVP_Cipher(context, block, block, 16) == 16)
    }
  }
}
