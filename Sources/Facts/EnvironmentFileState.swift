public import MartletCore

/// A file of environment variables, without the values: none of its secrets leaves the host.
///
///     var observes: EnvironmentFileState { EnvironmentFileState("/srv/shop/env", apartFrom: ["SECRET_KEY"]) }
public struct EnvironmentFileState: ProbedFact, CustomStringConvertible {
  public typealias Value = EnvironmentFileStatus

  /// The file.
  public let path: RemotePath
  /// The variables whose values are not part of the sum: the host has made them itself.
  public let generated: [String]

  public init(_ path: RemotePath, apartFrom generated: [String] = []) {
    self.path = path
    self.generated = generated
  }

  public static let kind = "environment file"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.path(path)] }

  public func dependencies(of value: Value) -> [Resource] {
    value == .absent ? dependsOn + path.sourcesOfAbsence : dependsOn
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    let arguments = facts.flatMap { [$0.path.string, $0.list] }
    return """
      ( set -- \(arguments)
      while [ $# -gt 1 ]; do
      printf '= %s\\n' "$1"; printf '? %s\\n' "$2"
      if [ -L "$1" ] || { [ -e "$1" ] && ! [ -f "$1" ]; }; then echo other
      elif [ -r "$1" ]; then
      printf 'stat %s\\n' "$(stat -c '%a %U %G' -- "$1")"
      awk -v generated="$2" '\(raw: reader)' <"$1"
      elif [ -e "$1" ]; then echo unreadable
      else echo absent; fi
      shift 2
      done ) 2>/dev/null
      """
  }

  /// The generated variables, with a blank around each.
  private var list: String { " " + generated.joined(separator: " ") + " " }

  /// Prints the sum of all but the generated variables, and the names. A value may have line breaks in it, and what
  /// looks like a variable inside its quotes is none.
  private static let reader = """
    BEGIN { sum = "sha256sum | sed \\"s/^/sum /\\""; printf "" | sum }
    function scan(text,  i, c) {
    for (i = 1; i <= length(text); i++) {
    c = substr(text, i, 1)
    if (quote == "\\047") { if (c == quote) quote = "" }
    else if (c == "\\\\") i++
    else if (quote == "\\042") { if (c == quote) quote = "" }
    else if (c == "\\042" || c == "\\047") quote = c
    }
    }
    {
    if (quote == "") {
    skip = 0
    if (match($0, /^[A-Za-z_][A-Za-z0-9_]*=/)) {
    name = substr($0, 1, RLENGTH - 1)
    names = names "name " name "\\n"
    if (index(generated, " " name " ")) skip = 1
    }
    if ($0 !~ /^[ \\t]*#/) scan($0)
    } else scan($0)
    if (!skip) print | sum
    }
    END { close(sum); printf "%s", names }
    """

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var path: RemotePath?
    var current: Self?
    for line in output.lines {
      let words = line.split(separator: " ").map(String.init)
      if line.hasPrefix("= ") {
        path = RemotePath(String(line.dropFirst(2)))
      } else if line.hasPrefix("? ") {
        current = facts.first { $0.path == path && line.dropFirst(2) == $0.list }
      } else if let fact = current {
        switch words.first {
        case "absent": values[fact] = .absent
        case "other": values[fact] = .notAFile
        case "unreadable": throw FactError.malformed(kind, "\(fact.path) can't be read: run as root (become)")
        case "stat" where words.count == 4:
          values[fact] = .file(
            .init(mode: FileMode(UInt16(words[1], radix: 8) ?? 0), owner: words[2], group: words[3]))
        case "sum" where words.count > 1:
          values[fact] = values[fact]?.changed { $0.sum = words[1] }
        case "name" where words.count == 2:
          values[fact] = values[fact]?.changed { $0.names.append(words[1]) }
        default: throw FactError.malformed(kind, String(line.prefix(200)))
        }
      } else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    return values
  }
}

/// What was found where a file of environment variables is wanted.
@frozen public enum EnvironmentFileStatus: Sendable, Hashable {
  case absent
  /// Something that is no regular file.
  case notAFile
  case file(File)

  /// What is known of the file.
  public struct File: Sendable, Hashable {
    public var mode: FileMode
    public var owner: String
    public var group: String
    /// The SHA-256 sum of all lines but those of the generated variables.
    public var sum: String
    /// The variables that it sets, in order.
    public var names: [String]

    public init(
      mode: FileMode, owner: String, group: String, sum: String = "", names: [String] = []
    ) {
      self.mode = mode
      self.owner = owner
      self.group = group
      self.sum = sum
      self.names = names
    }
  }

  fileprivate func changed(_ change: (inout File) -> Void) -> EnvironmentFileStatus {
    guard case .file(var file) = self else { return self }
    change(&file)
    return .file(file)
  }
}
