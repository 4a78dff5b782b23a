import MartletCore
import MartletFacts

/// The commands that make a host's folder like a local one. Others may be able to write to the folder, or to one in it: every
/// folder is entered and proven before a name in it is touched (the engine's `SafeWrites`).
extension TreeDifference {
  /// Unpacks the stream where nobody else can be, and renames what was in it into place.
  func sending() -> ShellCommand {
    let destination = upload.destination
    let tree: BytePath = isNew ? BytePath(destination.name) : "tree"
    var lines: [ShellCommand] = [
      prologue,
      "_enter \(isNew ? destination.parent : destination) && _stage || exit 1",
      "trap _drop EXIT",
      // BusyBox's tar takes the umask off in spite of -p, unless it is root's. Nobody else can look into the folder.
      "mkdir -m 0700 -- \("." / tree) && (umask 0 && tar -x -p -o -f - -C \("." / tree)) || exit 1",
    ]
    if let owner {
      lines.append("chown -hR -- \(owner) \("." / tree) || exit 1")
    } else if let group = upload.files.group {
      lines.append("chgrp -hR -- \(group) \("." / tree) || exit 1")
    }
    if isNew {
      // The same name in the folder above: a folder that has come there meanwhile is in the way, and not gone into.
      let mode = upload.folders.mode ?? 0o755
      lines.append("chmod 0\(mode) -- \("." / tree) && mv -f -- \("." / tree) ../ && _unstage || exit 1")
      return ShellCommand(lines: lines)
    }
    // Seen from other folders the stage is the opened one: those who can write to the tree can give its name to another.
    lines.append(
      """
      exec 5<. && _T=/proc/self/fd/5/tree && { [ -d "$_T" ] || {
      [ $_g = 0 ] && _T=${_D%/}/$_n/tree || { _refuse 'others can write to it, and /proc is not there'; exit 1; }
      }; }
      """)
    // What is in a new folder comes with it.
    let moved = Dictionary(grouping: sent.filter { !newFolders.contains($0.parent) }, by: \.parent)
    let gone = Dictionary(grouping: replaced.filter { !newFolders.contains($0.parent) }, by: \.parent)
    for (folder, paths) in moved.sorted(by: { $0.key < $1.key }) {
      var commands = (gone[folder] ?? []).map { path -> ShellCommand in "_rmtree \(path.name) || exit 1" }
      for chunk in paths.chunks(of: 200) {
        let sources = chunk.reduce("" as ShellCommand) { $0 + " \"$_T\"/\($1)" }
        commands.append("mv -f --\(splice: sources) ./ || exit 1")
      }
      lines.append(inside(folder, commands))
    }
    lines.append("_rmtree tree && _unstage || exit 1")
    return ShellCommand(lines: lines)
  }

  /// Sets attributes of what stays; owners only of folders.
  func correcting() -> ShellCommand {
    let destination = BytePath(upload.destination.string)
    let items = corrected.map { (path: destination / $0.path, wanted: $0.wanted, found: $0.found) }
    let byFolder = Dictionary(grouping: items, by: \.path.parent).sorted { $0.key < $1.key }
    var lines = [prologue]
    for (folder, items) in byFolder {
      var plain: [ShellCommand] = []
      for chunk in items.chunks(of: 200) {
        let folders = chunk.filter { $0.found.kind == .directory }.map { "." / $0.path.name }
        let others = chunk.filter { $0.found.kind != .directory }.map { "." / $0.path.name }
        if let owner, !folders.isEmpty { plain.append("chown -h -- \(owner) \(folders) || exit 1") }
        if let group = upload.files.group {
          let names = owner == nil ? folders + others : others
          if !names.isEmpty { plain.append("chgrp -h -- \(group) \(names) || exit 1") }
        }
        let byMode = Dictionary(grouping: chunk.filter { $0.wanted.mode != nil }) { $0.wanted.mode ?? 0 }
        for (mode, items) in byMode.sorted(by: { $0.key.bits < $1.key.bits }) {
          plain.append("chmod 0\(mode) -- \(items.map { "." / $0.path.name }) || exit 1")
        }
      }
      let single = items.map { item -> ShellCommand in
        let now = item.found.ownerID.map { "\($0)" } ?? ""
        let mode = item.wanted.mode.map { "0\($0)" } ?? ""
        if item.found.kind == .directory {
          let owner = owner ?? upload.files.group.map { ":" + $0 } ?? ""
          return "(_set_folder \(folder) \(item.path.name) \(now) \(owner) \(mode)) || exit 1"
        }
        return "(_set_file \(folder) \(item.path.name) \(now) \(upload.files.group ?? "") \(mode)) || exit 1"
      }
      lines.append(
        """
        ( _enter \(folder) || exit 1
        if [ $_g = 0 ]; then
        \(splice: ShellCommand(lines: plain))
        else
        \(splice: ShellCommand(lines: single))
        fi ) || exit 1
        """)
    }
    return ShellCommand(lines: lines)
  }

  /// Deletes what the local folder doesn't have: files, and folders that are empty without them. What came in since the
  /// look stays.
  func deleting() -> ShellCommand {
    var lines = [prologue]
    let files = Dictionary(grouping: deletedFiles, by: \.parent)
    for (folder, paths) in files.sorted(by: { $0.key < $1.key }) {
      lines.append(
        inside(folder, paths.chunks(of: 200).map { "rm -f -- \($0.map { "." / $0.name }) || exit 1" }))
    }
    var rest = deletedFolders[...]
    while let folder = rest.first?.parent {
      let paths = rest.prefix { $0.parent == folder }
      rest = rest.dropFirst(paths.count)
      lines.append(
        inside(folder, Array(paths).chunks(of: 200).map { "rmdir -- \($0.map { "." / $0.name }) || exit 1" }))
    }
    return ShellCommand(lines: lines)
  }

  private var prologue: ShellCommand { "_P=\(upload.destination)" }

  private var owner: String? {
    upload.files.owner.map { name in upload.files.group.map { name + ":" + $0 } ?? name }
  }

  /// Commands in a folder of the tree, in a shell of their own.
  private func inside(_ folder: BytePath, _ commands: [ShellCommand]) -> ShellCommand {
    """
    ( _enter \(BytePath(upload.destination.string) / folder) && _prove || exit 1
    \(splice: ShellCommand(lines: commands)) ) || exit 1
    """
  }
}

extension Array {
  /// Pieces of at most so many elements: a command's arguments have a limit.
  fileprivate func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
