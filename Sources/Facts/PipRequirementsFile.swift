public import MartletCore

/// A pip requirements file on a host, together with those that it names by `-r` and `-c`.
///
/// Its value is the text of each by path, the file itself first; empty if the file isn't there.
public struct PipRequirementsFile: ProbedFact, CustomStringConvertible {
  public typealias Value = [IncludedFile]

  /// One of the files.
  public struct IncludedFile: Sendable, Hashable {
    /// Where it is, with `..` as it was written.
    public var path: String
    /// What it holds; nil if it isn't there.
    public var text: String?

    public init(path: String, text: String?) {
      self.path = path
      self.text = text
    }
  }

  /// The file.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "requirements file"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.tree(path.parent)] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    // A marks a file of its own, every line of which follows a bar; eight levels end a file that names itself.
    """
    ( _martlet_requirements() {
    if ! [ -f "$1" ]; then printf '! %s\\n' "$1"; return; fi
    printf '= %s\\n' "$1"
    sed 's/^/|/' <"$1"; echo
    [ "$2" -lt 8 ] || return
    sed -n 's/^[[:space:]]*\\(-r\\|-c\\|--requirement\\|--constraint\\)[[:space:]=]*\\([^[:space:]#]\\{1,\\}\\).*/\\2/p' <"$1" \
    | while IFS= read -r _r || [ -n "$_r" ]; do
    case $_r in *://*) continue;; /*) ;; *) _r=${1%/*}/$_r;; esac
    _martlet_requirements "$_r" $(($2 + 1)); done; }
    for _f in \(facts.map(\.path)); do printf 'A %s\\n' "$_f"; _martlet_requirements "$_f" 0; done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var current: Self?
    for line in output.lines where !line.isEmpty {
      let rest = String(line.dropFirst(2))
      if line.hasPrefix("A ") {
        let fact = Self(RemotePath(rest))
        current = fact
        values[fact] = []
        continue
      }
      guard let current, let files = values[current] else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
      if line.hasPrefix("= ") {
        values[current]?.append(IncludedFile(path: rest, text: ""))
      } else if line.hasPrefix("! ") {
        // The file itself being absent is an empty value; an included one is named.
        if !files.isEmpty { values[current]?.append(IncludedFile(path: rest, text: nil)) }
      } else if line.hasPrefix("|"), let last = files.indices.last, let text = files[last].text {
        values[current]?[last].text = text + line.dropFirst() + "\n"
      } else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    return values
  }
}
