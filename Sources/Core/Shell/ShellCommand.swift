/// A command for a POSIX shell on a host, in which values can't break out of their quotes.
///
///     let command: ShellCommand = "install -d -- \(path)"       // path: RemotePath or String, quoted
///     let wrong: ShellCommand = "echo '\(name)'"                // refused: a value is quoted already
///
/// What stands in the literal is trusted; every interpolated value becomes one quoted word (an array, one
/// word an element). Where it could not be one, as within quotes, a here-document or a comment, the command is refused
/// when the playbook is planned (``problem``), and so is one that isn't complete. A `String` can't be turned into a
/// command by itself: the way to say that a text is a command already is the named hole `\(raw: text)`.
public struct ShellCommand: Sendable, Hashable, Checked, ExpressibleByStringInterpolation {
  /// The text that the shell reads.
  public private(set) var text: String
  /// The places of the values in it, in order.
  private var holes: [ShellHole] = []
  /// What is wrong with one of the values itself.
  private var valueProblem: String?

  public init(stringLiteral value: String) { text = value }

  public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.command }

  /// Several commands, one after the other whatever their results.
  public init(lines: [ShellCommand]) {
    text = ""
    for (index, line) in lines.enumerated() {
      if index > 0 { text += "\n" }
      append(line)
    }
  }

  /// What is wrong with it: a value that can't be in a command, or stands where it can't be a word of its own; quotes or
  /// parentheses that aren't closed, which would swallow what follows on the host. Pieces that are going to be joined need
  /// not be right by themselves.
  ///
  /// It is found by reading the command once.
  public var problem: String? { valueProblem ?? ShellScanner.problem(in: text, holes: holes) }

  /// Joins two pieces of a command as they stand. A value of the second is one in the quotes that the first leaves open.
  public static func + (first: ShellCommand, second: ShellCommand) -> ShellCommand {
    var both = first
    both.append(second)
    return both
  }

  public static func += (first: inout ShellCommand, second: ShellCommand) { first.append(second) }

  private mutating func append(_ other: ShellCommand) {
    let offset = text.utf8.count
    text += other.text
    holes += other.holes.map { $0.moved(by: offset) }
    valueProblem = valueProblem ?? other.valueProblem
  }

  private mutating func append(_ value: String, as kind: ShellHole.Kind) {
    let start = text.utf8.count
    text += value
    holes.append(ShellHole(range: start..<text.utf8.count, kind: kind))
  }

  private mutating func append(quoted value: String, as kind: ShellHole.Kind) {
    noteNUL(in: value)
    append(Shell.quote(value), as: kind)
  }

  private mutating func noteNUL(in value: String) {
    guard value.utf8.contains(0) else { return }
    valueProblem =
      "a value for a command has a NUL in it, which no argument can hold: \(value.debugDescription)"
  }

  /// Builds a command from a literal with values in it.
  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var command = ShellCommand(stringLiteral: "")

    public init(literalCapacity: Int, interpolationCount: Int) {
      command.text.reserveCapacity(literalCapacity + interpolationCount * 16)
    }

    public mutating func appendLiteral(_ literal: String) { command.text += literal }

    /// A value as one quoted word.
    public mutating func appendInterpolation(_ value: String) { command.append(quoted: value, as: .value) }

    /// A path as one quoted word.
    public mutating func appendInterpolation(_ path: RemotePath) {
      command.valueProblem = command.valueProblem ?? path.problem
      appendInterpolation(path.string)
    }

    /// A mode in octal.
    public mutating func appendInterpolation(_ mode: FileMode) {
      command.append(mode.description, as: .number)
    }

    /// A number; its digits may also stand within quotes.
    public mutating func appendInterpolation(_ number: some BinaryInteger & Sendable) {
      command.append(String(number), as: .number)
    }

    /// Every element as a quoted word of its own, with blanks between them. Nothing may be glued to them.
    public mutating func appendInterpolation(_ words: [String]) {
      for word in words { command.noteNUL(in: word) }
      command.append(words.map(Shell.quote).joined(separator: " "), as: .list)
    }

    /// Every path as a quoted word of its own, with blanks between them.
    public mutating func appendInterpolation(_ paths: [RemotePath]) {
      appendInterpolation(paths.map(\.string))
      command.valueProblem = command.valueProblem ?? paths.lazy.compactMap(\.problem).first
    }

    /// Another command as one quoted word, as `sh -c` takes it.
    public mutating func appendInterpolation(word command: ShellCommand) {
      self.command.valueProblem = self.command.valueProblem ?? command.problem
      self.command.append(quoted: command.text, as: .command)
    }

    /// Another command spliced in as it stands. Its own values are judged by where they come to stand: within quotes they
    /// are refused.
    public mutating func appendInterpolation(splice command: ShellCommand) { self.command.append(command) }

    /// A text that is shell code already. Nothing is quoted: never pass what comes from outside.
    public mutating func appendInterpolation(raw code: String) { command.text += code }
  }
}

/// The place of a value in a command.
struct ShellHole: Sendable, Hashable {
  enum Kind: Sendable {
    /// One quoted word.
    case value
    /// A command as one quoted word.
    case command
    /// Quoted words, or none.
    case list
    /// Digits, perhaps with a minus.
    case number
  }

  /// In bytes of the text.
  var range: Range<Int>
  var kind: Kind

  func moved(by offset: Int) -> ShellHole {
    ShellHole(range: (range.lowerBound + offset)..<(range.upperBound + offset), kind: kind)
  }
}

/// The quoting rules of the POSIX shell (POSIX.1-2017, Shell Command Language, 2.2.2).
public enum Shell {
  /// One word that any POSIX shell, and csh and fish, reads back as exactly this value.
  ///
  /// Single quotes only: nothing is special between them but the quote itself.
  public static func quote(_ value: String) -> String {
    let isPlainPath =
      value.utf8.first == UInt8(ascii: "/")
      && value.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
    return isPlainPath
      ? value
      : "'"
        // By code points: to Swift a quote with an accent after it is another character than a quote.
        + value.unicodeScalars.split(separator: "'", omittingEmptySubsequences: false).map(String.init)
        .joined(separator: #"'\''"#) + "'"
  }
}
