public import MartletCore
public import MartletFacts

/// A regular file with these contents, mode and owner.
///
///     File("/etc/motd", content: "Managed host\n")
///     File("/etc/shop/token", content: "token=\(token)\n", mode: 0o600, owner: "shop")
///     File("/etc/ssh/sshd_config.d/shop.conf", source: "files/sshd.conf", validate: "sshd -t -f \"$1\"")
///
/// The file appears whole, with its final mode and owner. Its folder must be there (``Directory``). A
/// symbolic link in its place is replaced; a folder is an error.
///
/// What a program of the system reads as a whole is tried before it goes live, as a fault in one file would stop it for
/// all: files of nginx, supervisor, sudo, sshd, systemd, cron, logrotate and apt in `/etc`, and `/etc/fstab`. The
/// whole configuration is tested in a copy with the new file in it. `validate:` takes the place of that; `validate:
/// "true"` tests nothing.
public struct File: HostTask {
  let path: RemotePath
  let content: Contents
  let source: LocalFile?
  let attributes: Ownership
  let check: ShellCommand?

  /// - Parameters:
  ///   - path: The file on the host.
  ///   - content: What it holds, exactly; a `Secret` in it is never shown.
  ///   - mode: The permission bits, in octal. Nil leaves those of an existing file alone; a new one gets 0644, less what
  ///     those can't do who can't get into its folder, and 0600 if there is a `Secret` in it.
  ///   - owner: A user's name or number; nil leaves the owner of an existing file alone, and a new file to
  ///     the user whom the play runs as.
  ///   - group: A group's name or number; nil likewise.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(
    _ path: RemotePath, content: Contents, mode: FileMode? = nil, owner: String? = nil, group: String? = nil,
    validate: ShellCommand? = nil
  ) {
    self.path = path
    self.content = content
    source = nil
    attributes = Ownership(mode: mode, owner: owner, group: group)
    check = validate
  }

  /// A file with the contents of a file of the machine that runs the playbook.
  ///
  /// - Parameters:
  ///   - path: The file on the host.
  ///   - source: The local file: absolute, or relative to the folder that the playbook is run in.
  ///   - mode: The permission bits, in octal, as in ``init(_:content:mode:owner:group:validate:)``; those of the local file
  ///     don't matter.
  ///   - owner: A user's name or number, as in ``init(_:content:mode:owner:group:validate:)``.
  ///   - group: A group's name or number.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(
    _ path: RemotePath, source: String, mode: FileMode? = nil, owner: String? = nil, group: String? = nil,
    validate: ShellCommand? = nil
  ) {
    let file = LocalFile(source)
    self.path = path
    content = file.contents
    self.source = file
    attributes = Ownership(mode: mode, owner: owner, group: group)
    check = validate
  }

  public var label: String { "file \(path)" }

  public var observes: All<FileState, FileSum, FileState> {
    All(FileState(path), FileSum(path), FileState(path.parent))
  }

  public func validate() throws { try attributes.validate() }

  public func decide(given facts: (FileStatus, FileDigest?, FileStatus)) -> Decision {
    FileWriting(path: path, content: content, attributes: attributes, validate: check)
      .decide(found: facts.0, digest: facts.1, folder: facts.2)
  }
}

/// What ``File`` and the tasks that compute a file's contents have in common.
struct FileWriting {
  var path: RemotePath
  var content: Contents
  var attributes: Ownership
  var validate: ShellCommand?
  /// What may be there when it is written, as SHA-256 sums, `-` for nothing; anything if empty.
  var replaceable: [String] = []

  func decide(found: FileStatus, digest: FileDigest?, folder: FileStatus) -> Decision {
    switch found.kind {
    case .directory:
      return .failed("\(path) is a folder, where a file is wanted: remove it, or name another path")
    case .other: return .failed("\(path) is a device, socket or pipe, where a file is wanted")
    case .absent where !folder.exists:
      return .failed(
        "the folder \(path.parent) doesn't exist: make it first, with Directory(\"\(path.parent)\")")
    case .absent where folder.kind == .file || folder.kind == .other:
      return .failed("\(path.parent) is not a folder, so that there can be no \(path)")
    case .absent, .file, .symbolicLink: break
    }
    if found.kind == .file, digest?.sha256 == SHA256.hex(content.bytes) {
      if !attributes.needsNewFile(over: found) {
        return Decision([attributes.correction(of: path, as: .file, from: found)].compactMap { $0 })
      }
    }
    if let problem = problem(over: found, in: folder) { return .failed(problem) }
    return .change([write(over: found, in: folder, sum: digest?.sha256, old: digest?.bytes)])
  }

  /// The set-user-ID and set-group-ID bits were meant for what the file held before (write(2) clears them too).
  private func mode(over found: FileStatus, in folder: FileStatus) -> FileMode {
    attributes.mode
      ?? (found.kind == .file
        ? FileMode(found.mode.bits & 0o1777)
        : Ownership.newMode(0o644, in: folder, isSecret: content.isSecret))
  }

  /// Why the program that the file is for would not read it.
  func problem(over found: FileStatus, in folder: FileStatus) -> String? {
    validate == nil
      ? DaemonFile.problem(path, content, mode: mode(over: found, in: folder), owner: attributes.owner) : nil
  }

  /// The action that writes the file over what was found in a folder.
  ///
  /// - Parameters:
  ///   - sum: The sum of what the file holds; nil where there is none.
  ///   - old: What the file holds, for the diff.
  func write(over found: FileStatus, in folder: FileStatus, sum: String?, old: [UInt8]?) -> Action {
    var changes: [Change] = []
    if found.kind == .symbolicLink { changes.append(.modified("symbolic link → file")) }
    if found.kind != .file || sum != SHA256.hex(content.bytes) {
      changes.append(
        .contents(path, isNew: found.kind == .absent, old: content.isSecret ? nil : old, new: content))
    }
    // Only a file that stays a file has attributes to keep.
    let kept = found.kind == .file ? found : .absent
    if found.kind == .file { changes += attributes.changes(from: found) }
    let mode = mode(over: found, in: folder)
    let action = Action.write(
      FileWrite(
        contents: content, path: path, mode: mode, owner: attributes.owner ?? kept.owner,
        group: attributes.group ?? kept.group, validate: validate ?? DaemonFile.check(of: path, content),
        replaceable: replaceable),
      changes: changes)
    var status = attributes.status(from: kept)
    status.kind = .file
    status.mode = mode
    status.size = content.bytes.count
    return action.predicting(FileState(path), status)
      .predicting(FileSum(path), FileDigest(of: content))
      .predicting(FileText(path), .of(content))
      .predicting(SymbolicLink(path), nil)
  }
}
