public import MartletCore

/// What a one-line file holds that a task left behind to know its own work again; nil if there is none.
///
/// For what no other fact can show, such as with which options a package was installed.
public struct Stamp: ProbedFact, CustomStringConvertible {
  public typealias Value = String?

  /// The file. It lies inside what it speaks of, so that it goes when that does.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "stamp"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.path(path)] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( for _f in \(facts.map(\.path)); do
    printf '= %s\\n' "$_f"
    if [ -r "$_f" ]; then _l=; IFS= read -r _l <"$_f"; printf '|%s\\n' "$_l"; fi
    done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var current: Self?
    for line in output.lines {
      if line.hasPrefix("= ") {
        let fact = Self(RemotePath(String(line.dropFirst(2))))
        current = fact
        values[fact] = .some(nil)
      } else if let current, line.hasPrefix("|") {
        values[current] = String(line.dropFirst())
      } else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    return values
  }
}
