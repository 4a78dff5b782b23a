/// A value in a configuration of supervisor (Supervisor's documentation, "Configuration File").
struct SupervisorText {
  let text: String

  init(_ text: String) { self.text = text }

  /// Whether supervisor reads it as it stands: it takes what follows a blank and `;` or `#` for a comment, also between
  /// quotes, a line break for the end, and other characters by a locale that nobody knows.
  var isPlain: Bool {
    text.utf8.allSatisfy { (0x20...0x7e).contains($0) }
      && !zip(text.utf8, text.utf8.dropFirst()).contains { $0 == 0x20 && ($1 == 0x3b || $1 == 0x23) }
  }

  /// A percent sign begins an expansion, so it is doubled.
  var escaped: String { text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%") }

  /// For `printf %b`: what means nothing to supervisor, to its shlex and between a shell's double quotes, and octal
  /// numbers for all else.
  var octal: String {
    var result = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
      if isPlain || " _./:=,@+-".unicodeScalars.contains(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        let digits = String(byte, radix: 8)
        result += "\\0" + String(repeating: "0", count: 3 - digits.count) + digits
      }
    }
    return result
  }
}
