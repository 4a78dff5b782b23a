internal import MartletCore

/// Text of a host made harmless for a terminal and for logs.
///
/// A host may print anything: escape sequences that retitle the terminal or move the cursor over other lines,
/// or characters that turn the direction of the text. Colours and cursor movement are dropped; what else is no
/// printable character is shown by its number.
package enum DisplayText {
  /// The lines of a text. A carriage return ends a line too, as progress bars use it.
  package static func lines(_ text: String) -> [String] {
    var lines: [String] = []
    var current = String.UnicodeScalarView()
    let plain = withoutSequences(text)
    var scalars = Substring(plain).unicodeScalars
    while let scalar = scalars.popFirst() {
      switch scalar.value {
      case 0x0a:
        lines.append(String(current))
        current.removeAll()
      case 0x0d:
        if scalars.first?.value == 0x0a { continue }
        lines.append(String(current))
        current.removeAll()
      case 0x09: current.append(scalar)
      default: append(scalar, to: &current)
      }
    }
    if !current.isEmpty { lines.append(String(current)) }
    return lines
  }

  /// A text that is to stay on one line: line breaks and tabs become blanks.
  package static func line(_ text: String) -> String {
    lines(text).joined(separator: " ").replacing("\t", with: " ")
  }

  /// The text without escape sequences.
  private static func withoutSequences(_ text: String) -> String {
    var bytes = Array(text.utf8)
    guard bytes.contains(0x1b) else { return text }
    bytes = bytes.withUnsafeBufferPointer { bytes in
      var kept: [UInt8] = []
      var index = 0
      while index < bytes.count {
        if bytes[index] == 0x1b {
          index = ControlSequence.end(in: bytes, at: index)
        } else {
          kept.append(bytes[index])
          index += 1
        }
      }
      return kept
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func append(_ scalar: Unicode.Scalar, to text: inout String.UnicodeScalarView) {
    if isHarmful(scalar) {
      text.append(contentsOf: "\\u{\(String(scalar.value, radix: 16))}".unicodeScalars)
    } else {
      text.append(scalar)
    }
  }

  /// Whether a character is none that a reader sees as it is: it moves something, turns a text, or shows nothing.
  static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
      // Joiners and variation selectors make up emoji and are harmless.
      scalar.value != 0x200d
    default: false
    }
  }

  /// How many columns of a terminal a text takes, nearly: East Asian wide characters and emoji count two.
  package static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  /// The text cut to a number of columns, with an ellipsis where something is missing.
  package static func fit(_ text: String, columns: Int) -> String {
    guard width(text) > columns else { return text }
    guard columns > 0 else { return "" }
    var result = ""
    var used = 1
    for character in text {
      used += width(character)
      if used > columns { break }
      result.append(character)
    }
    return result + "…"
  }

  /// The text followed by blanks up to a number of columns.
  package static func pad(_ text: String, columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - width(text)))
  }

  private static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    switch scalar.value {
    case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff,
      0xfe30...0xfe6f, 0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1faff, 0x20000...0x3fffd:
      return 2
    default: return 1
    }
  }
}
