/// Reads a command as a POSIX shell does, as far as it must to know where the values in it stand.
///
/// The grammar, from POSIX.1-2017, Shell Command Language:
///
/// - 2.2 quoting: `\c`; `'…'` to the next quote; `"…"` with `\`, `$` and `` ` `` in it.
/// - 2.3 tokens: words end at blanks, line breaks and `; & | ( ) < >`; `#` begins a comment where a word could begin.
/// - 2.6 expansions: `$name`, `${…}`, `$((…))`, `$(…)`, which is a command of its own, and `` `…` ``. `~` up to the first
///   slash of a word.
/// - 2.7.4 here-documents: the lines after the next line break up to one that is the delimiter; expanded unless a part of
///   the delimiter is quoted.
/// - 2.9.4 and 2.10 `case`: a pattern's `)` closes nothing, so `case`, `in` and `esac` are recognised where reserved words
///   are.
///
/// What shells other than POSIX's add (`<<<`, `$'…\'…'`) is not followed: a value after it is refused, as where it stands
/// can't be told. The time is linear: every byte is read once.
struct ShellScanner {
  /// Why a command can't be used.
  enum Verdict: Error {
    case problem(String)
    /// Where the rest is can't be told.
    case doubt(String)
  }

  /// A part of a nest that a `)` has a meaning in.
  enum Nest: Equatable {
    case paren
    /// `case`, waiting for its word, and for `in`.
    case caseWord, caseIn
    /// Up to the `)` of a pattern; whether it has begun.
    case casePattern(hasBegun: Bool)
    case caseBody
  }

  struct HereDocument {
    var delimiter: [UInt8]
    var isStripped: Bool
    var isQuoted: Bool
  }

  let bytes: [UInt8]
  let holes: [ShellHole]
  var index = 0
  /// The next hole.
  var hole = 0
  var depth = 0
  /// The here-documents that wait for a line break of an outer command.
  var outerDocuments = 0
  /// Whether everything before the place was shown in `$name`, which a digit would make another name.
  var endsVariable = false

  static let depthLimit = 100

  private init(_ text: String, holes: [ShellHole]) {
    bytes = Array(text.utf8)
    self.holes = holes
  }

  /// What is wrong with a command; nil if nothing is.
  static func problem(in text: String, holes: [ShellHole]) -> String? {
    var scanner = ShellScanner(text, holes: holes)
    do throws(Verdict) {
      try scanner.command(untilParenthesis: false, from: 0)
      return nil
    } catch {
      switch error {
      case .problem(let text): return text
      case .doubt(let what):
        guard scanner.hole < holes.count else { return nil }
        return
          "where the value behind \(what) stands can't be told, as shells differ: put the value before it, "
          + "or into a variable of the environment"
      }
    }
  }

  var byte: UInt8? { index < bytes.count && !isAtHole ? bytes[index] : nil }
  var isAtHole: Bool { hole < holes.count && holes[hole].range.lowerBound == index }
  var isAtEnd: Bool { index >= bytes.count && !isAtHole }

  func peek(_ offset: Int) -> UInt8? {
    let place = index + offset
    if hole < holes.count, holes[hole].range.lowerBound <= place { return nil }
    return place < bytes.count ? bytes[place] : nil
  }

  func peek(_ text: StaticString) -> Bool {
    (0..<text.utf8CodeUnitCount).allSatisfy { peek($0) == text.utf8Start[$0] }
  }

  mutating func passHole() {
    index = holes[hole].range.upperBound
    hole += 1
  }

  /// Reads commands to the end, or to the `)` of `$(`.
  mutating func command(untilParenthesis: Bool, from opening: Int) throws(Verdict) {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthLimit else {
      throw .problem("the command is nested more than \(Self.depthLimit) deep")
    }
    var reader = CommandReader()
    while !isAtEnd {
      guard let byte else {
        try word(&reader)
        continue
      }
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"): index += 1
      case UInt8(ascii: "\\") where peek(1) == UInt8(ascii: "\n"): index += 2
      case UInt8(ascii: "\n"):
        index += 1
        try lineBreak(&reader)
      case UInt8(ascii: "#"): try comment()
      case UInt8(ascii: ";"):
        index += 1
        if self.byte == UInt8(ascii: ";") || self.byte == UInt8(ascii: "&") {
          index += 1
          if reader.nests.last == .caseBody { reader.replaceNest(.casePattern(hasBegun: false)) }
        }
        reader.beginCommand()
      case UInt8(ascii: "&"), UInt8(ascii: "|"):
        index += 1
        if case .casePattern = reader.nests.last { continue }
        reader.beginCommand()
      case UInt8(ascii: "("):
        index += 1
        if case .casePattern(false) = reader.nests.last {
          reader.replaceNest(.casePattern(hasBegun: true))
        } else {
          reader.nests.append(.paren)
        }
        reader.beginCommand()
      case UInt8(ascii: ")"):
        index += 1
        switch reader.nests.last {
        case .paren: reader.nests.removeLast()
        case .casePattern: reader.replaceNest(.caseBody)
        case nil where untilParenthesis:
          if !reader.documents.isEmpty {
            throw .doubt("a here-document that begins in $( ) and ends behind it")
          }
          return
        default: throw .problem("a ) closes nothing in \(shown(to: index))")
        }
        reader.beginCommand()
      case UInt8(ascii: "<"), UInt8(ascii: ">"): try redirection(&reader)
      default: try word(&reader)
      }
    }
    if let document = reader.documents.first {
      throw .problem("the here-document <<\(String(decoding: document.delimiter, as: UTF8.self)) has no end")
    }
    if untilParenthesis { throw notClosed("$(", from: opening) }
    if let open = reader.nests.last {
      throw .problem(open == .paren ? "a ( is not closed" : "a case has no esac")
    }
  }

  mutating func lineBreak(_ reader: inout CommandReader) throws(Verdict) {
    if outerDocuments > 0 { throw .doubt("a line break in $( ) before the lines of a here-document") }
    for document in reader.documents { try body(of: document) }
    reader.documents = []
    reader.beginCommand()
  }

  mutating func comment() throws(Verdict) {
    while !isAtEnd, byte != UInt8(ascii: "\n") {
      if isAtHole { try value("in a comment", "take it out, or move it before the #") } else { index += 1 }
    }
  }

  mutating func redirection(_ reader: inout CommandReader) throws(Verdict) {
    let isInput = byte == UInt8(ascii: "<")
    if peek("<<<") { throw .doubt("<<<, which POSIX's sh doesn't know,") }
    if peek(1) == UInt8(ascii: "(") { throw .doubt("<( ) or >( ), which POSIX's sh doesn't know,") }
    if isInput, peek(1) == UInt8(ascii: "<") {
      index += 2
      let isStripped = byte == UInt8(ascii: "-")
      if isStripped { index += 1 }
      reader.documents.append(try delimiter(isStripped: isStripped))
      return
    }
    index += 1
    if let byte, [UInt8(ascii: ">"), UInt8(ascii: "&"), UInt8(ascii: "|")].contains(byte) { index += 1 }
    reader.isRedirecting = true
  }

  static let leaveOut = "the value is quoted already: leave the quotes out"

  /// Passes a number, which is safe wherever its digits are; refuses any other value.
  mutating func value(_ place: String, _ advice: String) throws(Verdict) {
    guard holes[hole].kind == .number else { try refuse(place, advice) }
    if endsVariable { try refuse("right behind the name of a variable", "write ${name}") }
    passHole()
  }

  func refuse(_ place: String, _ advice: String) throws(Verdict) -> Never {
    throw .problem("a value stands \(place) in \(shown(to: index)): \(advice)")
  }

  func notClosed(_ what: String, from start: Int) -> Verdict {
    .problem("\(what) is not closed in \(shown(to: min(start + what.utf8.count, bytes.count)))")
  }

  /// The line of the command up to a place, without its values.
  func shown(to end: Int) -> String {
    var start = end
    while start > 0, end - start < 60, bytes[start - 1] != UInt8(ascii: "\n") { start -= 1 }
    var text: [UInt8] = []
    var place = start
    for hole in holes where hole.range.upperBound > start && hole.range.lowerBound <= end {
      if hole.range.lowerBound > place { text += bytes[place..<hole.range.lowerBound] }
      text += Array(#"\(…)"#.utf8)
      place = max(place, hole.range.upperBound)
    }
    if place < end { text += bytes[place..<end] }
    return "«\(start > 0 ? "…" : "")\(String(decoding: text, as: UTF8.self))»"
  }
}
