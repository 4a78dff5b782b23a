public import MartletCore
public import MartletFacts

/// A symbolic link that leads to a target.
///
///     Symlink("/etc/nginx/sites-enabled/shop", to: "/etc/nginx/sites-available/shop")
///     Symlink("/srv/shop/current", to: "releases/42")
///
/// A link that leads elsewhere is replaced in one step, so that there is always one. A file or a folder in
/// its place is an error. In a folder that a daemon reads, as `sites-enabled`, the daemon's configuration is tried with the
/// link first.
public struct Symlink: HostTask {
  let path: RemotePath
  let target: String

  /// - Parameters:
  ///   - path: The link.
  ///   - target: Where it leads to, as it is to be written in the link: absolute, or relative to the link's
  ///     folder. It need not exist.
  public init(_ path: RemotePath, to target: String) {
    self.path = path
    self.target = target
  }

  /// A link to an absolute path.
  public init(_ path: RemotePath, to target: RemotePath) { self.init(path, to: target.string) }

  public var label: String { "link \(path)" }

  public var observes: All<FileState, SymbolicLink, FileState> {
    All(FileState(path), SymbolicLink(path), FileState(path.parent))
  }

  public func validate() throws {
    if target.isEmpty { throw InvalidTask("the target of the link \(path) is empty") }
    if target.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
      throw InvalidTask(
        "the target \(target.debugDescription) of the link \(path) has a control character in it")
    }
    if let problem = DaemonFile.problem(ofName: path) { throw InvalidTask(problem) }
    if target == path.string { throw InvalidTask("the link \(path) leads to itself") }
  }

  public func decide(given facts: (FileStatus, String?, FileStatus)) -> Decision {
    let (found, current, folder) = facts
    switch found.kind {
    case .file, .directory, .other:
      let what = found.kind == .directory ? "folder" : found.kind.rawValue
      return .failed("\(path) is a \(what), where a symbolic link is wanted: remove it first, with Absent")
    case .absent where !folder.exists:
      return .failed(
        "the folder \(path.parent) doesn't exist: make it first, with Directory(\"\(path.parent)\")")
    case .symbolicLink where current.map({ BytePath($0) }) == BytePath(target): return .unchanged
    case .absent, .symbolicLink: break
    }
    let change =
      current.map { Change.modified("\(path) → \(target), was \($0)") } ?? .added("\(path) → \(target)")
    let status = FileStatus(kind: .symbolicLink, mode: 0o777, size: target.utf8.count)
    let trial = DaemonFile.trial(ofLinking: path, to: target)
    return Decision(
      [trial].compactMap { $0 } + [
        .link(path, to: target, changes: [change])
          .predicting(FileState(path), status)
          .predicting(SymbolicLink(path), target)
          .predicting(FileSum(path), nil)
          .predicting(FileText(path), .notAFile)
      ])
  }
}
