/// What takes the place of a match, with what the groups of the expression matched in it: `\1`, `\g<1>`, `\g<name>`,
/// `\g<0>` for the whole match, `\\` for a backslash. It is the syntax of Python's `re.sub`.
package struct RegexTemplate: Sendable {
  private enum Part {
    case text([UInt8])
    case group(Int)
  }

  private var parts: [Part] = []

  /// - Throws: ``RegularExpressionError`` if it names a group that the expression doesn't have.
  package init(_ template: String, of expression: RegularExpression) throws {
    func failure(_ problem: String, _ index: Int) -> RegularExpressionError {
      RegularExpressionError(problem: problem, position: index + 1, pattern: template)
    }
    let characters = Array(template.unicodeScalars)
    var text: [UInt8] = []
    var index = 0
    while index < characters.count {
      guard characters[index] == "\\" else {
        text += UTF8.encode(characters[index]).map(Array.init) ?? []
        index += 1
        continue
      }
      let start = index
      index += 1
      guard index < characters.count else {
        throw failure("a backslash stands at the end: write \\\\ for the character", start)
      }
      let letter = characters[index]
      index += 1
      var name = ""
      switch letter {
      case "\\":
        text.append(0x5c)
        continue
      case "t":
        text.append(0x09)
        continue
      case "1"..."9":
        name.unicodeScalars.append(letter)
        if index < characters.count, ("0"..."9").contains(characters[index]) {
          name.unicodeScalars.append(characters[index])
          index += 1
        }
      case "g":
        guard index < characters.count, characters[index] == "<",
          let end = characters[index...].firstIndex(of: ">")
        else { throw failure("\\g must be \\g<1> or \\g<name>", start) }
        name.unicodeScalars.append(contentsOf: characters[(index + 1)..<end])
        index = end + 1
      default:
        throw failure("\\\(letter) means nothing in a replacement: write \\\\ for a backslash", start)
      }
      guard let number = expression.program.names[name] ?? Int(name),
        (0...expression.program.groups).contains(number)
      else { throw failure("there is no group \(name) in \(expression.pattern.debugDescription)", start) }
      parts += [.text(text), .group(number)]
      text = []
    }
    parts.append(.text(text))
  }

  /// The template with the groups of a match; one that took no part is empty.
  package func filled(with match: RegexMatch, in text: [UInt32]) -> [UInt8] {
    parts.flatMap { part in
      switch part {
      case .text(let bytes): bytes
      case .group(let number): match.groups[number].map { RegexText.bytes(of: text[$0]) } ?? []
      }
    }
  }
}
