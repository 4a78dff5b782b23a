public import MartletCore

/// Which files have changed since a service last read them: what a forgotten or interrupted restart leaves behind.
///
///     ChangedSince(stamp: "/run/martlet/nginx", or: "/run/nginx.pid", watching: [.file("/etc/nginx/nginx.conf")])
///
/// The task that restarts the service touches the stamp just before. After a boot the stamp, which lies in
/// `/run`, is gone, and the service's own file stands in for it. What counts is when a file's inode changed
/// (`find -cnewer`, where find knows it), so that an upload with old modification times counts too. A folder counts
/// as well, as it is all that shows that something was removed. Byte code that Python writes by itself does not,
/// nor does a folder where that was written.
public struct ChangedSince: ProbedFact, CustomStringConvertible {
  /// The changed files, five at most; nil if neither the stamp nor the other file is there.
  public typealias Value = [String]?

  /// The file that is touched before each restart.
  public let stamp: RemotePath
  /// A file that the service itself writes when it starts.
  public let startMark: RemotePath
  /// What the service reads.
  public let watched: [WatchedPath]

  public init(stamp: RemotePath, or startMark: RemotePath, watching watched: [WatchedPath]) {
    self.stamp = stamp
    self.startMark = startMark
    self.watched = watched
  }

  public static let kind = "changes since the last restart"

  public var description: String { stamp.string }

  /// Not the stamp: an earlier task's restart can only make the answer better.
  public var dependsOn: [Resource] { watched.map(\.resource) }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    ShellCommand(
      lines: facts.enumerated().map { index, fact in
        let trees = fact.watched.compactMap { if case .tree(let path) = $0 { path } else { nil } }
        let files = fact.watched.compactMap { if case .file(let path) = $0 { path } else { nil } }
        let environments = fact.watched.compactMap {
          if case .virtualenv(let path) = $0 { path } else { nil }
        }
        return """
          ( printf '= %s\\n' \(String(index))
          _r=\(fact.stamp); [ -e "$_r" ] || _r=\(fact.startMark)
          [ -e "$_r" ] || exit 0
          echo known
          _n=-cnewer; find "$_r" -prune $_n "$_r" || _n=-newer
          set -- \(files)
          for _v in \(environments); do set -- "$@" "$_v/pyvenv.cfg" "$_v"/lib/python3.*/site-packages/*.dist-info/RECORD; done
          { [ $# = 0 ] || find "$@" ! -type d $_n "$_r" -print
          set -- \(trees)
          [ $# = 0 ] || find "$@" \\( -name __pycache__ -o -name .git \\) -prune -o ! -type d ! -name '*.py[co]' \
          $_n "$_r" -print
          [ $# = 0 ] || find "$@" \\( -name __pycache__ -o -name .git \\) -prune -o -type d $_n "$_r" \
          ! -exec sh -c 'find "$1/__pycache__" -prune "$2" "$3" | grep -q .' sh {} $_n "$_r" \\; -print; } | sed -n 's/^/+ /;1,5p' ) 2>/dev/null
          """
      })
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var current: Self?
    for line in output.lines {
      if line.hasPrefix("= "), let index = Int(line.dropFirst(2)), facts.indices.contains(index) {
        current = facts[index]
        values[facts[index]] = .some(nil)
      } else if let fact = current, line == "known" {
        values[fact] = .some([])
      } else if let fact = current, line.hasPrefix("+ "), case .some(.some(let files)) = values[fact] {
        values[fact] = files + [String(line.dropFirst(2))]
      } else {
        // A file's name may have a line break in it; it is one of five examples.
        continue
      }
    }
    return values
  }
}

/// Something that a service reads when it starts.
@frozen public enum WatchedPath: Sendable, Hashable {
  /// One file, or a symbolic link itself.
  case file(RemotePath)
  /// All files below a folder.
  case tree(RemotePath)
  /// The packages of a Python virtual environment.
  case virtualenv(RemotePath)

  /// What of the host it is.
  public var resource: Resource {
    switch self {
    case .file(let path): .path(path)
    case .tree(let path), .virtualenv(let path): .tree(path)
    }
  }

  /// Where it is.
  public var path: RemotePath {
    switch self {
    case .file(let path), .tree(let path), .virtualenv(let path): path
    }
  }
}
