public import MartletCore
public import MartletFacts

/// A folder with this mode and owner; the folders above it are made too.
///
///     Directory("/srv/shop/media", mode: 0o750, owner: "shop", group: "www-data")
///
/// Folders above that are missing get the mode 0755 and belong to the user whom the play runs as. What lies
/// in the folder is left alone.
public struct Directory: HostTask {
  let path: RemotePath
  let attributes: Ownership

  /// - Parameters:
  ///   - path: The folder on the host.
  ///   - mode: The permission bits, in octal.
  ///   - owner: A user's name or number; nil leaves the owner of an existing folder alone, and a new one to
  ///     the user whom the play runs as.
  ///   - group: A group's name or number; nil likewise.
  public init(_ path: RemotePath, mode: FileMode = 0o755, owner: String? = nil, group: String? = nil) {
    self.path = path
    attributes = Ownership(mode: mode, owner: owner, group: group)
  }

  public var label: String { "folder \(path)" }

  /// The folder, and those above it from the nearest on.
  public var observes: Each<FileState> { Each(([path] + ancestors).map(FileState.init)) }

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
      return Decision([attributes.correction(of: path, from: found)].compactMap { $0 })
    case .symbolicLink:
      return .failed("\(path) is a symbolic link, where a folder is wanted: name the folder that it leads to")
    case .file, .other:
      return .failed(
        "\(path) is a \(found.kind.rawValue), where a folder is wanted: remove it, or name another path")
    case .absent: break
    }
    var missing: [RemotePath] = []
    for (folder, state) in zip(ancestors, states.dropFirst()) {
      switch state.kind {
      case .absent: missing.append(folder)
      case .file, .other: return .failed("\(folder) is not a folder, so that there can be no \(path)")
      case .directory, .symbolicLink: break
      }
      if state.exists { break }
    }
    return .change([make(missing: missing)])
  }

  private func make(missing: [RemotePath]) -> Action {
    let own = attributes.command(for: path)
    // Nobody else gets in before the owner is right.
    let command: ShellCommand = """
      (umask 022; mkdir -p -- \(path.parent)) &&
      { [ -d \(path) ] || mkdir -m 0700 -- \(path); } && \(splice: own)
      """
    var action = Action.run(
      command, summary: "make the folder \(path)",
      changes: (missing.reversed() + [path]).map { .added("\($0)/") },
      touches: (missing + [path]).map { .path($0) })
    for folder in missing { action = action.predicting(FileState(folder), .directory()) }
    return action.predicting(FileState(path), attributes.status(from: .directory(mode: 0o755)))
  }
}
