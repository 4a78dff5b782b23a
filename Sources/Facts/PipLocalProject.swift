public import MartletCore

/// A sum over a Python project or archive on a host, which pip installs from there; nil if nothing is there.
///
///     var observes: PipLocalProject { PipLocalProject("/srv/shop/wheels/shop-1.0-py3-none-any.whl") }
public struct PipLocalProject: ProbedFact, CustomStringConvertible {
  public typealias Value = String?

  /// The project's folder, or the archive.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "local Python project"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.tree(path)] }

  /// A function of the shell that prints the sum of a project: of all its files, or, after `e`, of those beside
  /// `setup.py`, as the rest of an editable project is used where it is. What pip and Python leave there themselves
  /// doesn't count, databases and logs neither.
  package static let sum: ShellCommand = """
    _martlet_sum() {
    if [ -d "$2" ]; then
    IFS=' '; _depth=; [ "$1" != e ] || _depth='-maxdepth 1'
    ( cd "$2" && set +f && find . $_depth \\( -name .git -o -name __pycache__ -o -name '*.egg-info' -o -path ./build \
    -o -path ./dist -o -name venv -o -name .venv -o -name node_modules -o -name .martlet\\* \\) -prune -o \
    -type f ! -name '*.pyc' ! -name '*.sqlite3*' ! -name '*.db' ! -name '*.log' -exec sha256sum {} + |
    LC_ALL=C sort | sha256sum )
    elif [ -f "$2" ]; then sha256sum <"$2"; else echo other; fi | { IFS=' ' read -r _x _; printf %s "$_x"; }
    }
    """

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( \(splice: sum)
    for _p in \(facts.map(\.path)); do
    if [ -e "$_p" ]; then printf '%s %s\\n' "$(_martlet_sum p "$_p")" "$_p"; else printf -- '- %s\\n' "$_p"; fi
    done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    for line in output.lines {
      let parts = line.split(separator: " ", maxSplits: 1)
      guard parts.count == 2 else { throw FactError.malformed(kind, String(line.prefix(200))) }
      let fact = Self(RemotePath(String(parts[1])))
      values.updateValue(parts[0] == "-" ? nil : String(parts[0]), forKey: fact)
    }
    return values
  }
}
