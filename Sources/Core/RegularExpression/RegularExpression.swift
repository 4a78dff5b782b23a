/// A regular expression as Python's `re` has them, so that what works in an `ansible.builtin.lineinfile` means the
/// same here.
///
///     let pattern = try RegularExpression(#"^#?\s*PermitRootLogin\b"#)
///     pattern.matches("#PermitRootLogin yes")       // true
///
/// Swift's own `Regex` follows Unicode's rules for words, where `10.0.0.5` is one, and has no look-behind; that of
/// Foundation is built on ICU, whose `$`, `.` and `\w` differ again. What can't be honoured here is refused with
/// its position, and never means something else. On top of Python's syntax, `(?<name>…)` and `\z` are understood.
///
/// Text is matched by Unicode scalars, as in Python; a byte that isn't UTF-8 is a character of its own, which only
/// `.`, `[^…]`, `\W`, `\S` and `\D` match (PEP 383).
package struct RegularExpression: Sendable, CustomReflectable {
  /// The expression as it was written.
  package let pattern: String
  let program: RegexProgram

  /// - Throws: ``RegularExpressionError`` if it is wrong, or has something in it that isn't supported.
  package init(_ pattern: String) throws {
    self.pattern = pattern
    var parser = RegexParser(pattern)
    let node = try parser.parse()
    program = try RegexProgram(node, groups: parser.groups, names: parser.names, pattern: pattern)
  }

  /// The steps of it are nothing that anybody should look through.
  package var customMirror: Mirror { Mirror(self, children: [:]) }

  /// Whether it matches anywhere in the text.
  ///
  /// - Throws: ``RegularExpressionError`` if that takes more than ``RegexMatcher/stepLimit`` steps.
  package func matches(_ text: some Sequence<UInt8>) throws -> Bool { try firstMatch(in: text) != nil }

  /// Whether it matches anywhere in the text.
  package func matches(_ text: String) throws -> Bool { try matches(text.utf8) }

  /// The first match; its ranges count scalars of `RegexText.scalars(of:)`.
  package func firstMatch(in text: some Sequence<UInt8>) throws -> RegexMatch? {
    var matcher = RegexMatcher(program)
    return try matcher.firstMatch(in: RegexText.scalars(of: text))
  }
}

/// Where an expression matched: the whole, then its groups; nil for a group that took no part.
package struct RegexMatch: Sendable, Equatable {
  package let groups: [Range<Int>?]
}

/// Why a regular expression can't be used.
package struct RegularExpressionError: Error, CustomStringConvertible, Equatable {
  /// What is wrong.
  package let problem: String
  /// The character at which it is wrong, counted from one; nil if it is no single one.
  package let position: Int?
  /// The expression.
  package let pattern: String

  package var description: String {
    let place = position.map { " at character \($0)" } ?? ""
    return "the regular expression \(pattern.debugDescription) can't be used\(place): \(problem)"
  }
}

/// Text as expressions see it.
package enum RegexText {
  /// The scalars of UTF-8 bytes. A byte that is no part of any becomes U+DC80 to U+DCFF, which no text can hold
  /// otherwise, as Python's `surrogateescape` does.
  package static func scalars(of bytes: some Sequence<UInt8>) -> [UInt32] {
    let bytes = Array(bytes)
    var scalars: [UInt32] = []
    scalars.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      let byte = bytes[index]
      if byte < 0x80 {
        scalars.append(UInt32(byte))
        index += 1
      } else if let (scalar, length) = sequence(in: bytes, at: index) {
        scalars.append(scalar)
        index += length
      } else {
        scalars.append(0xdc00 + UInt32(byte))
        index += 1
      }
    }
    return scalars
  }

  /// The bytes of scalars, those that aren't UTF-8 as they were.
  package static func bytes(of scalars: some Sequence<UInt32>) -> [UInt8] {
    var bytes: [UInt8] = []
    for scalar in scalars {
      if (0xdc80...0xdcff).contains(scalar) {
        bytes.append(UInt8(scalar - 0xdc00))
      } else if let scalar = Unicode.Scalar(scalar) {
        bytes += UTF8.encode(scalar).map(Array.init) ?? []
      }
    }
    return bytes
  }

  private static func sequence(in bytes: [UInt8], at index: Int) -> (scalar: UInt32, length: Int)? {
    let lead = bytes[index]
    let length: Int
    let least: UInt32
    switch lead {
    case 0xc2...0xdf: (length, least) = (2, 0x80)
    case 0xe0...0xef: (length, least) = (3, 0x800)
    case 0xf0...0xf4: (length, least) = (4, 0x10000)
    default: return nil
    }
    guard index + length <= bytes.count else { return nil }
    var scalar = UInt32(lead) & (0x7f >> UInt32(length))
    for byte in bytes[(index + 1)..<(index + length)] {
      guard byte & 0xc0 == 0x80 else { return nil }
      scalar = scalar << 6 | UInt32(byte & 0x3f)
    }
    guard scalar >= least, Unicode.Scalar(scalar) != nil else { return nil }
    return (scalar, length)
  }
}
