public import MartletCore

/// Where a symbolic link leads to, as it is written in the link; nil where there is no link.
///
///     var observes: SymbolicLink { SymbolicLink("/etc/localtime") }
///     func decide(given target: String?) -> Decision { target == wanted ? .unchanged : … }
public struct SymbolicLink: ProbedFact, CustomStringConvertible {
  public typealias Value = String?

  /// The link in question.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "target of the symbolic link"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.path(path)] }

  public var silence: String? { FileProbe.silence(path) }

  /// One `readlink` for all links; it prints a line for each of its arguments, as all of them are links.
  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    return """
      ( set --
      for _p in \(facts.map(\.path)); do
      if [ -L "$_p" ]; then set -- "$@" "$_p"
      elif [ -e "$_p" ] || \(splice: FileProbe.isSurelyAbsent); then printf '%s\\n' "- $_p"
      fi
      done
      [ $# = 0 ] && exit 0
      printf '%s\\n' "$@"
      echo targets
      if [ $# = 1 ]; then exec readlink "$1"; fi
      readlink "$@" 2>/dev/null || for _p do readlink "$_p"; done )
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: String?] {
    var values: [Self: String?] = [:]
    let parts = output.lines.split(separator: "targets", maxSplits: 1, omittingEmptySubsequences: false)
    var links: [RemotePath] = []
    for line in parts.first ?? [] {
      if line.hasPrefix("- /") {
        values.updateValue(nil, forKey: Self(RemotePath(String(line.dropFirst(2)))))
      } else {
        links.append(RemotePath(String(line)))
      }
    }
    let targets = parts.count > 1 ? Array(parts[1]) : []
    guard targets.count == links.count else {
      throw FactError.malformed(kind, "\(links.count) links, \(targets.count) targets")
    }
    for (link, target) in zip(links, targets) { values[Self(link)] = String(target) }
    return values.filter { Set(facts).contains($0.key) }
  }
}
