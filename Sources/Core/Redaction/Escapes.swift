/// What single escapes mean, in the notations that programs print values in.
enum Escapes {
  typealias Bytes = UnsafeBufferPointer<UInt8>

  /// What an escape stands for: at most four bytes, the first one lowest, and where it ends.
  struct Meaning {
    var bytes: UInt32
    var count: Int
    var end: Int

    /// One byte.
    init(_ byte: UInt8, end: Int) { (bytes, count, self.end) = (UInt32(byte), 1, end) }

    /// Nothing.
    init(nothingUpTo end: Int) { (bytes, count, self.end) = (0, 0, end) }

    /// The UTF-8 form of a character.
    init(character: UInt32, end: Int) {
      (bytes, count, self.end) = (0, 0, end)
      for byte in UTF8.encode(Unicode.Scalar(character) ?? "\u{fffd}") ?? UTF8.EncodedScalar() {
        bytes |= UInt32(byte) << UInt32(8 * count)
        count += 1
      }
    }

    /// One byte several times.
    init(_ byte: UInt8, times: Int, end: Int) {
      (bytes, count, self.end) = (UInt32(byte) &* 0x0101_0101, times, end)
    }
  }

  /// A backslash with what it escapes; nil where no backslash stands, or nothing after it.
  ///
  /// - Parameter isByte: Whether `\xe9` and `\351` are bytes, and not characters of that number.
  static func backslash(in bytes: Bytes, at start: Int, isByte: Bool) -> Meaning? {
    guard bytes[start] == UInt8(ascii: "\\"), start + 1 < bytes.count else { return nil }
    let letter = bytes[start + 1]
    switch letter {
    case UInt8(ascii: "x"):
      guard let value = number(in: bytes, from: start + 2, digits: 2...2, radix: 16) else { break }
      return isByte
        ? Meaning(UInt8(truncatingIfNeeded: value.value), end: value.end)
        : Meaning(character: value.value, end: value.end)
    case UInt8(ascii: "u"):
      if let unit = number(in: bytes, from: start + 2, digits: 4...4, radix: 16) {
        return utf16(unit, in: bytes)
      }
      guard start + 2 < bytes.count, bytes[start + 2] == UInt8(ascii: "{"),
        let value = number(in: bytes, from: start + 3, digits: 1...6, radix: 16), value.end < bytes.count,
        bytes[value.end] == UInt8(ascii: "}")
      else { break }
      return Meaning(character: value.value, end: value.end + 1)
    case UInt8(ascii: "U"):
      guard let value = number(in: bytes, from: start + 2, digits: 8...8, radix: 16) else { break }
      return Meaning(character: value.value, end: value.end)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      guard let value = number(in: bytes, from: start + 1, digits: 1...3, radix: 8), value.value < 256 else {
        break
      }
      return isByte
        ? Meaning(UInt8(truncatingIfNeeded: value.value), end: value.end)
        : Meaning(character: value.value, end: value.end)
    case UInt8(ascii: "n"): return Meaning(0x0a, end: start + 2)
    case UInt8(ascii: "r"): return Meaning(0x0d, end: start + 2)
    case UInt8(ascii: "t"): return Meaning(0x09, end: start + 2)
    case UInt8(ascii: "b"): return Meaning(0x08, end: start + 2)
    case UInt8(ascii: "f"): return Meaning(0x0c, end: start + 2)
    case UInt8(ascii: "v"): return Meaning(0x0b, end: start + 2)
    case UInt8(ascii: "a"): return Meaning(0x07, end: start + 2)
    case UInt8(ascii: "e"), UInt8(ascii: "E"): return Meaning(0x1b, end: start + 2)
    default: break
    }
    return Meaning(letter, end: start + 2)
  }

  /// A character of JSON's `\uXXXX`, which may be the first half of one.
  private static func utf16(_ unit: (value: UInt32, end: Int), in bytes: Bytes) -> Meaning {
    if (0xd800..<0xdc00).contains(unit.value), unit.end + 1 < bytes.count,
      bytes[unit.end] == UInt8(ascii: "\\"), bytes[unit.end + 1] == UInt8(ascii: "u"),
      let second = number(in: bytes, from: unit.end + 2, digits: 4...4, radix: 16),
      (0xdc00..<0xe000).contains(second.value)
    {
      return Meaning(
        character: 0x10000 + (unit.value - 0xd800) << 10 + (second.value - 0xdc00), end: second.end)
    }
    return Meaning(character: unit.value, end: unit.end)
  }

  static func percent(in bytes: Bytes, at start: Int) -> Meaning? {
    guard bytes[start] == UInt8(ascii: "%"),
      let value = number(in: bytes, from: start + 1, digits: 2...2, radix: 16)
    else { return nil }
    return Meaning(UInt8(truncatingIfNeeded: value.value), end: value.end)
  }

  private static let entities: [(name: [UInt8], byte: UInt8)] = [
    ("amp;", UInt8(ascii: "&")), ("lt;", UInt8(ascii: "<")), ("gt;", UInt8(ascii: ">")),
    ("quot;", UInt8(ascii: "\"")), ("apos;", UInt8(ascii: "'")), ("sol;", UInt8(ascii: "/")),
    ("plus;", UInt8(ascii: "+")), ("equals;", UInt8(ascii: "=")), ("grave;", UInt8(ascii: "`")),
    ("bsol;", UInt8(ascii: "\\")), ("dollar;", UInt8(ascii: "$")), ("commat;", UInt8(ascii: "@")),
  ].map { (name: Array($0.0.utf8), byte: $0.1) }

  /// A character of HTML or XML that is written by its name or number.
  static func entity(in bytes: Bytes, at start: Int) -> Meaning? {
    guard bytes[start] == UInt8(ascii: "&"), start + 1 < bytes.count else { return nil }
    if bytes[start + 1] == UInt8(ascii: "#") {
      let isHex = start + 2 < bytes.count && bytes[start + 2] | 0x20 == UInt8(ascii: "x")
      guard
        let value = number(
          in: bytes, from: start + (isHex ? 3 : 2), digits: 1...7, radix: isHex ? 16 : 10),
        value.end < bytes.count, bytes[value.end] == UInt8(ascii: ";")
      else { return nil }
      return Meaning(character: value.value, end: value.end + 1)
    }
    for (name, byte) in entities where start + 1 + name.count <= bytes.count {
      if bytes[(start + 1)..<(start + 1 + name.count)].elementsEqual(name) {
        return Meaning(byte, end: start + 1 + name.count)
      }
    }
    return nil
  }

  private static let quotes: [[UInt8]] = [#"'\''"#, #"'"'"'"#].map { Array($0.utf8) }

  /// A quote within the shell's single quotes, as bash, Python's shlex, dash and busybox write it.
  static func quote(in bytes: Bytes, at start: Int) -> Meaning? {
    guard bytes[start] == UInt8(ascii: "'") else { return nil }
    for quote in quotes where start + quote.count <= bytes.count {
      if bytes[start..<(start + quote.count)].elementsEqual(quote) {
        return Meaning(UInt8(ascii: "'"), end: start + quote.count)
      }
    }
    // dash writes several as '"'''"'.
    guard start + 2 < bytes.count, bytes[start + 1] == UInt8(ascii: "\"") else { return nil }
    var end = start + 2
    while end < bytes.count, bytes[end] == UInt8(ascii: "'") { end += 1 }
    let count = end - start - 2
    guard (1...4).contains(count), end + 1 < bytes.count, bytes[end] == UInt8(ascii: "\""),
      bytes[end + 1] == UInt8(ascii: "'")
    else { return nil }
    return Meaning(UInt8(ascii: "'"), times: count, end: end + 2)
  }

  /// Nothing, for what a terminal doesn't show: escape sequences, control characters, joiners.
  static func invisible(in bytes: Bytes, at start: Int) -> Meaning? {
    func next(_ offset: Int) -> UInt8 { start + offset < bytes.count ? bytes[start + offset] : 0 }
    switch bytes[start] {
    case 0x1b: return Meaning(nothingUpTo: ControlSequence.end(in: bytes, at: start))
    case 0x09, 0x0a: return nil
    case 0..<0x20, 0x7f: return Meaning(nothingUpTo: start + 1)
    // CSI in one character, and the other C1 controls.
    case 0xc2 where next(1) == 0x9b:
      return Meaning(nothingUpTo: ControlSequence.parameters(in: bytes, from: start + 2))
    case 0xc2 where (0x80...0x9f).contains(next(1)) || next(1) == 0xad: return Meaning(nothingUpTo: start + 2)
    case 0xcd where next(1) == 0x8f: return Meaning(nothingUpTo: start + 2)
    // U+200B to U+200F and U+202A to U+202E, U+2060 to U+206F, variation selectors, U+FEFF.
    case 0xe2 where next(1) == 0x80 && ((0x8b...0x8f).contains(next(2)) || (0xaa...0xae).contains(next(2))):
      return Meaning(nothingUpTo: start + 3)
    case 0xe2 where next(1) == 0x81 && (0xa0...0xaf).contains(next(2)): return Meaning(nothingUpTo: start + 3)
    case 0xef where next(1) == 0xb8 && (0x80...0x8f).contains(next(2)): return Meaning(nothingUpTo: start + 3)
    case 0xef where next(1) == 0xbb && next(2) == 0xbf: return Meaning(nothingUpTo: start + 3)
    default: return nil
    }
  }

  static func lineBreak(in bytes: Bytes, at start: Int) -> Meaning? {
    guard bytes[start] == 0x0a || bytes[start] == 0x0d else { return nil }
    var end = start + 1
    while end < bytes.count, [0x0a, 0x0d, 0x20, 0x09].contains(bytes[end]) { end += 1 }
    return Meaning(nothingUpTo: end)
  }

  /// Nothing, for a blank or colon between two pairs of hexadecimal digits.
  static func betweenHexPairs(in bytes: Bytes, at start: Int) -> Meaning? {
    guard bytes[start] == 0x20 || bytes[start] == UInt8(ascii: ":") else { return nil }
    var end = start + 1
    if end < bytes.count, bytes[end] == 0x20 { end += 1 }
    guard start >= 2, end + 1 < bytes.count,
      [bytes[start - 2], bytes[start - 1], bytes[end], bytes[end + 1]].allSatisfy({ digit($0) < 16 })
    else { return nil }
    return Meaning(nothingUpTo: end)
  }

  private static func number(
    in bytes: Bytes, from start: Int, digits: ClosedRange<Int>, radix: UInt32
  ) -> (value: UInt32, end: Int)? {
    var value: UInt32 = 0
    var index = start
    while index < bytes.count, index - start < digits.upperBound, digit(bytes[index]) < radix {
      value = value * radix + digit(bytes[index])
      index += 1
    }
    return index - start >= digits.lowerBound ? (value, index) : nil
  }

  private static func digit(_ byte: UInt8) -> UInt32 {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: UInt32.max
    }
  }
}
