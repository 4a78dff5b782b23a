public import MartletCore
public import MartletFacts

/// A folder with this mode and owner; the folders above it are made too.
///
///     Directory("/srv/shop/media", mode: 0o750, owner: "shop", group: "www-data")
///     Directory("/srv/data", owner: "shop", followsLink: true)      // perhaps a link to a larger disk
///
/// Folders above that are missing get the mode 0755 and belong to the user whom the play runs as. What lies
/// in the folder is left alone.
public struct Directory: HostTask {
  let path: RemotePath
  let attributes: Ownership
  let followsLink: Bool

  /// - Parameters:
  ///   - path: The folder on the host.
  ///   - mode: The permission bits, in octal. Nil leaves those of an existing folder alone; a new one gets 0755, less what
  ///     those can't do who can't get into the folder above it, and 0700 if it is called `.ssh` or `.gnupg`.
  ///   - owner: A user's name or number; nil leaves the owner of an existing folder alone, and a new one to
  ///     the user whom the play runs as.
  ///   - group: A group's name or number; nil likewise.
  ///   - followsLink: Whether a symbolic link to a folder is as good as a folder, if it is root's (or the run's user's) and
  ///     nobody else can change it. Mode and owner are then those of the folder that it leads to.
  public init(
    _ path: RemotePath, mode: FileMode? = nil, owner: String? = nil, group: String? = nil,
    followsLink: Bool = false
  ) {
    self.path = path
    attributes = Ownership(mode: mode, owner: owner, group: group)
    self.followsLink = followsLink
  }

  public var label: String { "folder \(path)" }

  /// The folder, those above it from the nearest on, and what it leads to if it is a link.
  public var observes: Each<FileState> {
    Each(
      ([path] + ancestors).map { FileState($0) } + (followsLink ? [FileState(path, followsLink: true)] : []))
  }

  private var ancestors: [RemotePath] {
    var ancestors: [RemotePath] = []
    var folder = path.parent
    while folder != "/" {
      ancestors.append(folder)
      // A path that isn't absolute has no root to end at; the planner refuses it.
      guard folder.parent != folder else { break }
      folder = folder.parent
    }
    return ancestors
  }

  public func validate() throws { try attributes.validate() }

  public func decide(given states: [FileStatus]) -> Decision {
    guard let found = states.first else { return .failed("nothing is known of \(path)") }
    switch found.kind {
    case .directory:
      return Decision([attributes.correction(of: path, as: .folder, from: found)].compactMap { $0 })
    case .symbolicLink:
      guard followsLink, let target = states.last else {
        return .failed(
          "\(path) is a symbolic link, where a folder is wanted: name the folder that it leads to, or say "
            + "followsLink: true")
      }
      guard target.kind == .directory else {
        return .failed(
          "\(path) is a symbolic link that leads to \(target.exists ? "no folder" : "nothing"): mend it first"
        )
      }
      return Decision([attributes.correction(of: path, as: .linkedFolder, from: target)].compactMap { $0 })
    case .file, .other:
      return .failed(
        "\(path) is a \(found.kind.rawValue), where a folder is wanted: remove it, or name another path")
    case .absent: break
    }
    var missing: [RemotePath] = []
    var above = FileStatus.directory()
    for (folder, state) in zip(ancestors, states.dropFirst()) {
      switch state.kind {
      case .absent: missing.append(folder)
      case .file, .other: return .failed("\(folder) is not a folder, so that there can be no \(path)")
      case .directory, .symbolicLink: break
      }
      if state.exists {
        above = state
        break
      }
    }
    return .change([make(missing: missing, in: above)])
  }

  private func make(missing: [RemotePath], in above: FileStatus) -> Action {
    let usual: FileMode = [".ssh", ".gnupg"].contains(path.name) ? 0o700 : 0o755
    let making = FolderMaking(
      path: path, mode: attributes.mode, owner: attributes.owner, group: attributes.group,
      defaultMode: Ownership.newMode(usual, in: above))
    var action = Action.makeFolder(
      making, changes: (missing.reversed() + [path]).map { .added("\($0)/") })
    action.touches = (missing + [path]).map { .path($0) }
    for folder in missing { action = action.predicting(FileState(folder), .directory()) }
    let status = attributes.status(from: .directory(mode: making.defaultMode))
    return action.predicting(FileState(path), status)
      .predicting(FileState(path, followsLink: true), status)
  }
}
