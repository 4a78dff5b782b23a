import MartletCore
import MartletFacts

/// The lines of one requirements file, read as pip reads them ("Requirements File Format" in its documentation).
struct PipRequirements: Sendable, Equatable {
  /// A file that is named in another.
  struct Include: Sendable, Equatable {
    /// As it is written; nil where that can't be read for sure: a URL, a variable, a form of quoting.
    var path: String?
    /// Whether it is named by `-c`.
    var isConstraint: Bool
  }

  /// A line that pip is going to refuse.
  struct Problem: Sendable, Equatable {
    var line: Int
    var text: String
  }

  private(set) var requirements: [PipRequirement] = []
  private(set) var includes: [Include] = []
  private(set) var problems: [Problem] = []

  /// Reads a file's text. Whatever is in it, nothing is refused: pip is the judge.
  init(text: String) {
    for (number, line) in Self.logicalLines(text) {
      if let include = Self.include(line) {
        includes.append(include)
        continue
      }
      let requirement = PipRequirement(line)
      requirements.append(requirement)
      if let problem = requirement.problem {
        problems.append(Problem(line: number, text: "\"\(requirement.text)\" is no requirement: \(problem)"))
      }
    }
  }

  /// The lines without comments, with continued ones joined, and the number of each one's first line. As with pip, a
  /// comment line ends what was continued into it.
  private static func logicalLines(_ text: String) -> [(Int, String)] {
    var lines: [(Int, String)] = []
    var pending: (number: Int, text: String)?
    func finish(_ number: Int, _ line: String) {
      let line = withoutComment(line).trimmed
      if !line.isEmpty { lines.append((number, line)) }
    }
    for (index, line) in splitLines(text).enumerated() {
      let isComment = line.trimmed.hasPrefix("#")
      if line.hasSuffix("\\"), !isComment {
        var part = line
        while part.hasSuffix("\\") { part.removeLast() }
        pending = (pending?.number ?? index + 1, (pending?.text ?? "") + part)
        continue
      }
      finish(pending?.number ?? index + 1, (pending?.text ?? "") + (isComment ? " " : "") + line)
      pending = nil
    }
    if let pending { finish(pending.number, pending.text) }
    return lines
  }

  /// Where Python's `str.splitlines` ends lines.
  private static func splitLines(_ text: String) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      defer { previous = scalar }
      if scalar == "\n", previous == "\r" { continue }
      switch scalar.value {
      case 0x0a...0x0d, 0x1c...0x1e, 0x85, 0x2028, 0x2029:
        lines.append(String(line))
        line = String.UnicodeScalarView()
      default: line.append(scalar)
      }
    }
    return lines + [String(line)]
  }

  /// A comment begins at a `#` that follows a blank, or begins the line.
  private static func withoutComment(_ line: String) -> String {
    var previous: Character = " "
    for index in line.indices {
      if line[index] == "#", previous.isWhitespace { return String(line[..<index]) }
      previous = line[index]
    }
    return line
  }

  private static func include(_ line: String) -> Include? {
    for (option, isConstraint) in [
      ("--requirement", false), ("--constraint", true), ("-r", false), ("-c", true),
    ] where line.hasPrefix(option) {
      var rest = line.dropFirst(option.count)
      if option.hasPrefix("--") {
        guard let next = rest.first, next == "=" || next.isWhitespace else { continue }
        rest = rest.dropFirst()
      }
      return Include(path: word(rest.trimmed), isConstraint: isConstraint)
    }
    return nil
  }

  /// The one word that a text is, without its quotes; nil if it isn't surely one.
  private static func word(_ text: String) -> String? {
    var word = Substring(text)
    if let quote = word.first, "\"'".contains(quote) {
      guard word.count > 1, word.last == quote else { return nil }
      word = word.dropFirst().dropLast()
      if word.contains(quote) { return nil }
    } else if word.contains(where: { $0.isWhitespace || "\"'".contains($0) }) {
      return nil
    }
    let isPlain = !word.isEmpty && !word.contains("\\") && !word.contains("$") && !word.contains("://")
    return isPlain && !word.hasPrefix("file:") ? String(word) : nil
  }
}
