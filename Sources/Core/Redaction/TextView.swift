/// A text as somebody reads it who takes back what a program has done to it: without colours, or with its escapes
/// undone. Each byte knows where in the original it comes from.
struct TextView {
  /// A way of undoing.
  enum Decoder: CaseIterable {
    /// `\"`, `\/`, `\n`, `\x41`, `\101`, `\u0041`, `\u{41}`: JSON, Python, C, `printf %q`, `$'…'`.
    case backslashes
    /// The same, with `\xe9` being a byte of UTF-8 and not a character, as in Python's `bytes`.
    case backslashedBytes
    /// `%41`, some characters or all.
    case percent
    /// The same with `+` for a blank, as forms are sent.
    case form
    /// `&quot;`, `&#34;`, `&#x22;`.
    case html
    /// `'\''` and `'"'"'`, for a quote within quotes.
    case quotes
    /// Without colours, cursor movements and what has no width.
    case invisible
    /// Without line breaks and what indents the next line: base64 is printed in lines of 64 or 76.
    case lines
    /// Pairs of hexadecimal digits without what stands between: `74:6f:6b`, `746f 6b65`.
    case hexPairs
  }

  let bytes: [UInt8]
  /// Where each byte begins and ends in the original; empty while nothing has been taken back.
  private let origins: [Int32]
  private let limits: [Int32]

  init(_ bytes: [UInt8]) { self.init(bytes: bytes, origins: [], limits: []) }

  private init(bytes: [UInt8], origins: [Int32], limits: [Int32]) {
    (self.bytes, self.origins, self.limits) = (bytes, origins, limits)
  }

  /// The bytes of the original that a range of this view stands for.
  func original(_ range: Range<Int>) -> Range<Int> {
    guard !origins.isEmpty, !range.isEmpty else { return range }
    return Int(origins[range.lowerBound])..<Int(limits[range.upperBound - 1])
  }

  /// The view with one more thing undone; nil where there is nothing to undo.
  func decoded(by decoder: Decoder) -> TextView? {
    let triggers = decoder.triggers
    return bytes.withUnsafeBufferPointer { bytes in
      guard bytes.contains(where: { triggers[Int($0)] }) else { return nil }
      // What is undone is never shorter than what it stands for. One array each, filled by index: this is what all the
      // time of a redaction goes into.
      var output = [UInt8](repeating: 0, count: bytes.count)
      var starts = [Int32](repeating: 0, count: bytes.count)
      var ends = starts
      var count = 0
      var isChanged = false
      var index = 0
      while index < bytes.count {
        var meaning = Escapes.Meaning(bytes[index], end: index + 1)
        if triggers[Int(bytes[index])], let found = decoder.meaning(in: bytes, at: index) {
          meaning = found
          isChanged = true
        }
        let start = origins.isEmpty ? Int32(truncatingIfNeeded: index) : origins[index]
        let end = limits.isEmpty ? Int32(truncatingIfNeeded: meaning.end) : limits[meaning.end - 1]
        for _ in 0..<meaning.count {
          output[count] = UInt8(truncatingIfNeeded: meaning.bytes)
          starts[count] = start
          ends[count] = end
          meaning.bytes >>= 8
          count += 1
        }
        index = meaning.end
      }
      guard isChanged else { return nil }
      output.removeLast(bytes.count - count)
      return TextView(bytes: output, origins: starts, limits: ends)
    }
  }
}

extension TextView.Decoder {
  /// The bytes that something of its kind can begin with.
  var triggers: [Bool] { Self.tables[self] ?? [] }

  private static let tables = Dictionary(
    uniqueKeysWithValues: allCases.map { decoder in
      (decoder, (0...255).map { decoder.canBegin(with: UInt8($0)) })
    })

  private func canBegin(with byte: UInt8) -> Bool {
    switch self {
    case .backslashes, .backslashedBytes: byte == UInt8(ascii: "\\")
    case .percent: byte == UInt8(ascii: "%")
    case .form: byte == UInt8(ascii: "+") || byte == UInt8(ascii: "%")
    case .html: byte == UInt8(ascii: "&")
    case .quotes: byte == UInt8(ascii: "'")
    case .invisible:
      byte < 0x20 && byte != 0x0a && byte != 0x09 || [0x7f, 0xc2, 0xcd, 0xe2, 0xef].contains(byte)
    case .lines: byte == 0x0a || byte == 0x0d
    case .hexPairs: byte == 0x20 || byte == UInt8(ascii: ":")
    }
  }

  /// What stands for the bytes from a place on; nil for a byte that stands for itself.
  func meaning(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) -> Escapes.Meaning? {
    switch self {
    case .backslashes: Escapes.backslash(in: bytes, at: index, isByte: false)
    case .backslashedBytes: Escapes.backslash(in: bytes, at: index, isByte: true)
    case .percent: Escapes.percent(in: bytes, at: index)
    case .form:
      bytes[index] == UInt8(ascii: "+")
        ? Escapes.Meaning(0x20, end: index + 1) : Escapes.percent(in: bytes, at: index)
    case .html: Escapes.entity(in: bytes, at: index)
    case .quotes: Escapes.quote(in: bytes, at: index)
    case .invisible: Escapes.invisible(in: bytes, at: index)
    case .lines: Escapes.lineBreak(in: bytes, at: index)
    case .hexPairs: Escapes.betweenHexPairs(in: bytes, at: index)
    }
  }
}
