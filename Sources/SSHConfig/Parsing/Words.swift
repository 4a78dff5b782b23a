/// How OpenSSH 9.2 takes a line apart: two ways, which differ.
///
/// All of it works on bytes, as OpenSSH does: `\r\n` is one `Character`, and a file may not be UTF-8.
enum Words {
  static let whitespace: [UInt8] = [0x20, 0x09, 0x0d, 0x0a]

  static func isWhitespace(_ byte: UInt8) -> Bool { whitespace.contains(byte) }

  /// The arguments of most keywords (OpenSSH's `argv_split`).
  ///
  /// ssh_config(5): "Arguments may optionally be enclosed in double quotes (") in order to represent arguments
  /// containing spaces." Since 8.7 also in single ones; a backslash escapes a quote, a backslash, and outside of
  /// quotes a space. A word that begins with `#` ends the line.
  ///
  /// - Returns: nil if a quote isn't closed.
  static func split(_ text: [UInt8]) -> [[UInt8]]? {
    let space = UInt8(ascii: " "), tab = UInt8(ascii: "\t"), backslash = UInt8(ascii: "\\")
    let single = UInt8(ascii: "'"), double = UInt8(ascii: "\"")
    var words: [[UInt8]] = []
    var index = 0
    while index < text.count {
      if text[index] == space || text[index] == tab {
        index += 1
        continue
      }
      if text[index] == UInt8(ascii: "#") { break }
      var word: [UInt8] = []
      var quote: UInt8?
      while index < text.count {
        let byte = text[index]
        if byte == backslash {
          let next = index + 1 < text.count ? text[index + 1] : 0
          if next == single || next == double || next == backslash || (quote == nil && next == space) {
            index += 1
            word.append(next)
          } else {
            word.append(byte)
          }
        } else if quote == nil, byte == space || byte == tab {
          break
        } else if quote == nil, byte == single || byte == double {
          quote = byte
        } else if byte == quote {
          quote = nil
        } else {
          word.append(byte)
        }
        index += 1
      }
      guard quote == nil else { return nil }
      words.append(word)
      index += 1
    }
    return words
  }

  /// A keyword, and the criteria of `Match` (OpenSSH's `strdelim`): separated by whitespace, or by one `=` with
  /// whitespace around it; only double quotes, which may begin inside of a word.
  struct Delimited {
    /// What is left; nil when nothing is.
    private(set) var rest: ArraySlice<UInt8>?

    init(_ text: [UInt8]) { rest = text[...] }

    var isAtEnd: Bool { rest?.isEmpty ?? true }

    /// The next word; empty where the text begins with whitespace or a pair of quotes is empty.
    ///
    /// - Returns: nil at the end, and where a quote isn't closed.
    mutating func next() -> [UInt8]? {
      guard let text = rest else { return nil }
      let double = UInt8(ascii: "\""), equals = UInt8(ascii: "=")
      guard let end = text.firstIndex(where: { isWhitespace($0) || $0 == double || $0 == equals }) else {
        rest = nil
        return Array(text)
      }
      if text[end] == double {
        let quoted = text[(end + 1)...]
        guard let close = quoted.firstIndex(of: double) else {
          rest = nil
          return nil
        }
        rest = text[(close + 1)...].drop(while: isWhitespace)
        return Array(text[..<end] + quoted[..<close])
      }
      var after = text[(end + 1)...].drop(while: isWhitespace)
      if text[end] != equals, after.first == equals { after = after.dropFirst().drop(while: isWhitespace) }
      rest = after
      return Array(text[..<end])
    }
  }
}

extension [UInt8] {
  /// As ASCII's lower case; other bytes stay.
  var asciiLowercased: [UInt8] { map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 } }
}

extension String {
  init(bytes: some Sequence<UInt8>) { self = String(decoding: Array(bytes), as: UTF8.self) }

  var asciiLowercased: String { String(bytes: Array(utf8).asciiLowercased) }

  /// Whether it is this word in any case, as C's `strcasecmp` says in the C locale.
  func isWord(_ word: String) -> Bool { utf8.count == word.utf8.count && asciiLowercased == word }
}
