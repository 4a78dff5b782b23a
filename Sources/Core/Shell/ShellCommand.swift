/// A command for a POSIX shell on a host, in which values can't break out of their quotes.
///
///     let command: ShellCommand = "install -d -- \(path)"       // path: RemotePath or String, quoted
///
/// What stands in the literal is trusted; every interpolated value becomes one quoted word (an array, one
/// word an element). A `String` can't be turned into a command by itself: the way to say that a text is a
/// command already is the named hole `\(raw: text)`.
public struct ShellCommand: Sendable, Hashable, Checked, ExpressibleByStringInterpolation {
  /// The text that the shell reads.
  public private(set) var text: String
  public private(set) var problem: String?

  public init(stringLiteral value: String) { text = value }

  public init(stringInterpolation: StringInterpolation) {
    text = stringInterpolation.text
    problem = stringInterpolation.problem
  }

  /// Several commands, one after the other whatever their results.
  public init(lines: [ShellCommand]) {
    text = lines.map(\.text).joined(separator: "\n")
    problem = lines.lazy.compactMap(\.problem).first
  }

  /// Joins two pieces of a command as they stand.
  public static func + (first: ShellCommand, second: ShellCommand) -> ShellCommand {
    var both = first
    both.text += second.text
    both.problem = first.problem ?? second.problem
    return both
  }

  public static func += (first: inout ShellCommand, second: ShellCommand) { first = first + second }

  /// Builds a command from a literal with values in it.
  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""
    fileprivate var problem: String?

    public init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + interpolationCount * 16)
    }

    public mutating func appendLiteral(_ literal: String) { text += literal }

    /// A value as one quoted word.
    public mutating func appendInterpolation(_ value: String) {
      if value.utf8.contains(0) {
        problem =
          "a value for a command has a NUL in it, which no argument can hold: \(value.debugDescription)"
      }
      text += Shell.quote(value)
    }

    /// A path as one quoted word.
    public mutating func appendInterpolation(_ path: RemotePath) {
      problem = problem ?? path.problem
      appendInterpolation(path.string)
    }

    /// A mode in octal.
    public mutating func appendInterpolation(_ mode: FileMode) { text += mode.description }

    /// A number.
    public mutating func appendInterpolation(_ number: some BinaryInteger & Sendable) {
      text += String(number)
    }

    /// Every element as a quoted word of its own, with blanks between them.
    public mutating func appendInterpolation(_ words: [String]) {
      for (index, word) in words.enumerated() {
        if index > 0 { text += " " }
        appendInterpolation(word)
      }
    }

    /// Every path as a quoted word of its own, with blanks between them.
    public mutating func appendInterpolation(_ paths: [RemotePath]) {
      appendInterpolation(paths.map(\.string))
      problem = problem ?? paths.lazy.compactMap(\.problem).first
    }

    /// Another command as one quoted word, as `sh -c` takes it.
    public mutating func appendInterpolation(word command: ShellCommand) {
      problem = problem ?? command.problem
      appendInterpolation(command.text)
    }

    /// Another command spliced in as it stands.
    public mutating func appendInterpolation(splice command: ShellCommand) {
      problem = problem ?? command.problem
      text += command.text
    }

    /// A text that is shell code already. Nothing is quoted: never pass what comes from outside.
    public mutating func appendInterpolation(raw code: String) { text += code }
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
        + value.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: #"'\''"#) + "'"
  }
}
