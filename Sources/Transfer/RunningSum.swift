internal import CLibCrypto

/// A sum over bytes that come piece by piece, of the kind that the other side can make too.
///
/// Unchecked, because of the pointer: there is one owner of it at a time, as this can't be copied.
struct RunningSum: ~Copyable, @unchecked Sendable {
  /// What the host makes its sums with.
  enum Kind: Sendable, Equatable {
    case sha256
    /// The CRC of POSIX's `cksum`, which every host has.
    case cksum
    /// No sum is wanted, or none can be made.
    case none

    /// - Parameter tool: The program as a host names it.
    init(tool: some StringProtocol) {
      self = tool == "cksum" ? .cksum : tool == "none" ? .none : .sha256
    }

    var verification: TransferSummary.Verification {
      switch self {
      case .sha256: .sha256
      case .cksum: .cksum
      case .none: .none
      }
    }
  }

  private let kind: Kind
  private let context: OpaquePointer?
  private var crc: UInt32 = 0
  private var count = 0

  init(_ kind: Kind) {
    self.kind = kind
    context = kind == .sha256 ? EVP_MD_CTX_new() : nil
    if let context { EVP_DigestInit_ex(context, EVP_sha256(), nil) }
  }

  deinit { EVP_MD_CTX_free(context) }

  mutating func add(_ bytes: some Sequence<UInt8>) {
    let done: Void? = bytes.withContiguousStorageIfAvailable { add(UnsafeRawBufferPointer($0)) }
    if done == nil { Array(bytes).withUnsafeBytes { add($0) } }
  }

  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    if let context {
      EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    } else if kind == .cksum {
      crc = CRC.extend(crc, bytes)
      count += bytes.count
    }
  }

  /// The sum so far as the host prints it: hexadecimal digits of SHA-256, the decimal number of cksum.
  var text: String {
    if kind == .none { return "0" }
    if let context {
      var sum = [UInt8](repeating: 0, count: 32)
      let copy = EVP_MD_CTX_new()
      defer { EVP_MD_CTX_free(copy) }
      EVP_MD_CTX_copy_ex(copy, context)
      EVP_DigestFinal_ex(copy, &sum, nil)
      return sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    // cksum appends the length, its lowest byte first, without the zeros at the end (POSIX, cksum).
    var length: [UInt8] = []
    var rest = count
    while rest > 0 {
      length.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
    return String(~length.withUnsafeBytes { CRC.extend(crc, $0) })
  }
}

/// The cyclic redundancy check of POSIX's `cksum`: polynomial 0x04C11DB7, the highest bit first.
enum CRC {
  private static let tables: [[UInt32]] = {
    var tables = [[UInt32]](repeating: [UInt32](repeating: 0, count: 256), count: 4)
    for index in 0..<256 {
      var value = UInt32(index) << 24
      for _ in 0..<8 { value = value & 0x8000_0000 != 0 ? value << 1 ^ 0x04c1_1db7 : value << 1 }
      tables[0][index] = value
    }
    for table in 1..<4 {
      for index in 0..<256 {
        let value = tables[table - 1][index]
        tables[table][index] = value << 8 ^ tables[0][Int(value >> 24)]
      }
    }
    return tables
  }()

  static func extend(_ crc: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = crc
    var index = 0
    let (t0, t1, t2, t3) = (tables[0], tables[1], tables[2], tables[3])
    while index + 4 <= bytes.count {
      let word = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)) ^ crc
      crc =
        t3[Int(word >> 24)] ^ t2[Int(word >> 16 & 0xff)] ^ t1[Int(word >> 8 & 0xff)] ^ t0[Int(word & 0xff)]
      index += 4
    }
    while index < bytes.count {
      crc = crc << 8 ^ t0[Int(crc >> 24 ^ UInt32(bytes[index]))]
      index += 1
    }
    return crc
  }
}
