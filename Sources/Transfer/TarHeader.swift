/// One header of a tar archive: ustar (POSIX.1-1988, pax, "ustar Interchange Format") with GNU's numbers.
struct TarHeader: Equatable {
  /// What kind of thing a header announces.
  enum Kind: Equatable {
    case file, hardLink, symbolicLink, folder
    /// A device or a pipe.
    case special
    /// The contents are the path, or the link's target, of the next header (GNU).
    case longPath, longTarget
    /// The contents are `length key=value` lines for the next header, or for all (pax).
    case extended, extendedForAll
    /// GNU's name of the volume, which means nothing.
    case volume
    case unknown(UInt8)
  }

  static let size = 512

  var kind: Kind
  var path: [UInt8]
  var target: [UInt8] = []
  var mode: UInt16
  var count: Int
  var modified: Int

  init(_ kind: Kind, _ path: [UInt8], target: [UInt8] = [], mode: UInt16, count: Int = 0, modified: Int = 0) {
    self.kind = kind
    self.path = path
    self.target = target
    self.mode = mode
    self.count = count
    self.modified = modified
  }

  /// Reads a block; nil if it is none of tar's, as its sum shows.
  init?(_ block: ArraySlice<UInt8>) {
    let block = Array(block)
    guard block.count == Self.size, let sum = Self.number(block[148..<156]) else { return nil }
    let actual = block.reduce(0) { $0 + Int($1) } - block[148..<156].reduce(0) { $0 + Int($1) } + 8 * 32
    guard sum == actual, let mode = Self.number(block[100..<108]), let count = Self.number(block[124..<136]),
      count >= 0
    else { return nil }
    self.mode = UInt16(truncatingIfNeeded: mode & 0o7777)
    self.count = count
    modified = Self.number(block[136..<148]) ?? 0
    target = Self.text(block[157..<257])
    let name = Self.text(block[0..<100])
    // GNU uses the space of the prefix for other things, and tells itself by its magic.
    let prefix = Array(block[257..<263]) == Array("ustar\0".utf8) ? Self.text(block[345..<500]) : []
    path = prefix.isEmpty ? name : prefix + [0x2f] + name
    switch block[156] {
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): kind = path.last == 0x2f ? .folder : .file
    case UInt8(ascii: "1"): kind = .hardLink
    case UInt8(ascii: "2"): kind = .symbolicLink
    case UInt8(ascii: "3"), UInt8(ascii: "4"), UInt8(ascii: "6"): kind = .special
    case UInt8(ascii: "5"): kind = .folder
    case UInt8(ascii: "L"): kind = .longPath
    case UInt8(ascii: "K"): kind = .longTarget
    case UInt8(ascii: "x"): kind = .extended
    case UInt8(ascii: "g"): kind = .extendedForAll
    case UInt8(ascii: "V"): kind = .volume
    default: kind = .unknown(block[156])
    }
    // Only what has contents is followed by some, whatever its size says.
    if [.hardLink, .symbolicLink, .folder, .special].contains(kind) { self.count = 0 }
  }

  private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

  /// Octal digits between blanks and NULs, or GNU's base 256 where the first bit is set.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      var value = first & 0x40 != 0 ? -1 : 0
      for byte in [first & 0x7f | (first & 0x40 != 0 ? 0x80 : 0)] + field.dropFirst() {
        guard value < 1 << 54, value >= -1 << 54 else { return nil }
        value = value << 8 | Int(byte)
      }
      return value
    }
    let digits = field.drop { $0 == 0x20 || $0 == 0 }.prefix { $0 != 0x20 && $0 != 0 }
    if digits.isEmpty { return 0 }
    return Int(String(decoding: digits, as: UTF8.self), radix: 8)
  }

  /// The header as blocks, with those for a long path or target in front of it. BusyBox knows no others than GNU's.
  var blocks: [UInt8] {
    var bytes: [UInt8] = []
    for (text, kind) in [(path, UInt8(ascii: "L")), (target, UInt8(ascii: "K"))] where text.count > 100 {
      let contents = text + [0]
      bytes += Self.block(
        Array("././@LongLink".utf8), [], kind, mode: 0o644, count: contents.count, modified: 0)
      bytes += contents + Self.padding(contents.count)
    }
    let type =
      switch kind {
      case .folder: UInt8(ascii: "5")
      case .symbolicLink: UInt8(ascii: "2")
      default: UInt8(ascii: "0")
      }
    return bytes + Self.block(path, target, type, mode: mode, count: count, modified: modified)
  }

  /// What fills the last block of so many bytes.
  static func padding(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: (size - count % size) % size) }

  private static func block(
    _ path: [UInt8], _ target: [UInt8], _ type: UInt8, mode: UInt16, count: Int, modified: Int
  ) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: size)
    func put(_ bytes: some Collection<UInt8>, at offset: Int, width: Int) {
      for (index, byte) in bytes.prefix(width).enumerated() { block[offset + index] = byte }
    }
    func put(_ number: Int, at offset: Int, width: Int) {
      let digits = String(number, radix: 8)
      if number >= 0, digits.utf8.count < width {
        put(
          (String(repeating: "0", count: width - 1 - digits.utf8.count) + digits).utf8, at: offset,
          width: width)
      } else {
        for index in 0..<width {
          block[offset + width - 1 - index] =
            index < 8 ? UInt8(truncatingIfNeeded: number >> (8 * index)) : number < 0 ? 0xff : 0
        }
        block[offset] |= 0x80
      }
    }
    put(path, at: 0, width: 100)
    put(Int(mode), at: 100, width: 8)
    put(0, at: 108, width: 8)
    put(0, at: 116, width: 8)
    put(count, at: 124, width: 12)
    put(modified, at: 136, width: 12)
    put("        ".utf8, at: 148, width: 8)
    block[156] = type
    put(target, at: 157, width: 100)
    put("ustar\u{0}00".utf8, at: 257, width: 8)
    put("root".utf8, at: 265, width: 32)
    put("root".utf8, at: 297, width: 32)
    let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
    put((String(repeating: "0", count: 6 - sum.utf8.count) + sum + "\u{0} ").utf8, at: 148, width: 8)
    return block
  }
}
