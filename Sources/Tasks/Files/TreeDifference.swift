import MartletCore
import MartletFacts
import Synchronization

/// How a local folder and one of a host differ, and what makes the host's right.
struct TreeDifference {
  private let upload: TreeUpload
  private let isNew: Bool
  /// The entries to be sent, sorted.
  private var sent: [String] = []
  private var newFolders: Set<String> = []
  /// Entries whose kind is another; they go before something takes their place.
  private var replaced: [String] = []
  private var corrected: [(path: String, attributes: Ownership, changes: [Change])] = []
  private var deletedFiles: [String] = []
  private var deletedFolders: [String] = []
  private var changes: [Change] = []
  /// A folder of the host that would have to go for a file.
  private(set) var blockedPath: String?
  /// Entries that are not in the local folder and stay, as no upload has put them there: they aren't the owner's.
  private(set) var foreign: [String] = []

  /// - Parameter found: The host's entries; nil if there is no folder.
  init(_ upload: TreeUpload, found: [String: TreeEntry]?) {
    self.upload = upload
    isNew = found == nil
    let found = found ?? [:]
    if let root = found[""] { correct("", upload.folders, root.status) }
    for (path, entry) in upload.tree.entries.sorted(by: { $0.key < $1.key }) {
      compare(path, entry, found[path])
    }
    if upload.deletes { findExtraneous(in: found) }
  }

  private mutating func compare(_ path: String, _ entry: LocalTree.Entry, _ found: TreeEntry?) {
    guard let found else {
      send(path, entry, .added(path + (entry.kind == .folder ? "/" : "")))
      return
    }
    switch (entry.kind, found.status.kind) {
    case (.folder, .directory): correct(path, upload.folders, found.status)
    case (.file(let sum, _), .file):
      if found.sha256 != sum {
        send(path, entry, .modified(path))
      } else {
        correct(path, upload.attributes(of: entry), found.status)
      }
    case (.link(let target), .symbolicLink):
      if found.target != target {
        send(path, entry, .modified("\(path) → \(target), was \(found.target ?? "unknown")"))
      } else {
        correct(path, upload.attributes(of: entry), found.status)
      }
    case (_, .directory):
      if !upload.deletes { blockedPath = blockedPath ?? path }
      replaced.append(path)
      send(path, entry, .modified("\(path), was a folder"))
    case (_, let kind):
      replaced.append(path)
      send(path, entry, .modified("\(path), was a \(kind.rawValue)"))
    }
  }

  private mutating func send(_ path: String, _ entry: LocalTree.Entry, _ change: Change) {
    sent.append(path)
    changes.append(change)
    if entry.kind == .folder { newFolders.insert(path) }
  }

  private mutating func correct(_ path: String, _ attributes: Ownership, _ found: FileStatus) {
    let changes = attributes.changes(from: found).map { change -> Change in
      guard case .modified(let text) = change else { return change }
      return .modified("\(path.isEmpty ? upload.destination.string : path): \(text)")
    }
    if !changes.isEmpty { corrected.append((path, attributes, changes)) }
  }

  /// Files that are not in the local folder, and folders that will be empty without them.
  private mutating func findExtraneous(in found: [String: TreeEntry]) {
    var kept: Set<String> = []
    for (path, entry) in found where !path.isEmpty {
      let isFolder = entry.status.kind == .directory
      let isWanted = upload.tree.entries[path] != nil
      let isBelowReplaced = replaced.contains { path.hasPrefix($0 + "/") }
      if isBelowReplaced {
        // No upload has made it, so it isn't an upload's to delete.
        if isForeign(entry) { blockedPath = path }
        continue
      }
      let isKept = !isWanted && isForeign(entry)
      if isKept, !upload.tree.rules.excludesPath(path, isFolder: isFolder) { foreign.append(path) }
      if isKept || isWanted || upload.tree.rules.excludesPath(path, isFolder: isFolder) {
        var folder = path[...]
        kept.insert(path)
        while let slash = folder.lastIndex(of: "/") {
          folder = folder[..<slash]
          kept.insert(String(folder))
        }
      } else if !isFolder {
        deletedFiles.append(path)
      }
    }
    foreign.sort()
    deletedFiles.sort()
    deletedFolders = found.keys.filter { path in
      !path.isEmpty && found[path]?.status.kind == .directory && !kept.contains(path)
        && !replaced.contains { path.hasPrefix($0 + "/") }
    }.sorted(by: >)
  }

  /// Whether an entry belongs to somebody else than all that is uploaded, and not to root, who uploads.
  private func isForeign(_ entry: TreeEntry) -> Bool {
    guard let owner = upload.files.owner else { return false }
    return !entry.status.isOwned(by: owner) && !entry.status.isOwned(by: "root")
  }

  /// The actions, in order: what is sent, attributes, deletions.
  func actions() throws -> [Action] {
    var actions: [Action] = []
    let touches: [Resource] = [.tree(upload.destination)]
    if !sent.isEmpty || isNew {
      let bytes = try archive()
      var action = Action.run(
        sending(),
        summary: "send \(sent.count) of \(upload.tree.entries.count) entries to \(upload.destination)",
        changes: changes, touches: touches)
      action.input = Payload(bytes)
      actions.append(action)
    }
    if !corrected.isEmpty {
      actions.append(
        .run(
          correcting(), summary: "set attributes in \(upload.destination)",
          changes: corrected.flatMap(\.changes), touches: touches))
    }
    let deleted = deletedFiles + deletedFolders
    if !deleted.isEmpty {
      actions.append(
        .run(
          deleting(), summary: "delete \(deleted.count) entries of \(upload.destination)",
          changes: deletedFiles.map { .removed($0) } + deletedFolders.reversed().map { .removed($0 + "/") },
          touches: touches))
    }
    return actions
  }

  /// Unpacks the stream beside the folder and renames what was in it into place.
  private func sending() -> ShellCommand {
    let destination = upload.destination
    let stage = destination.parent / ".\(destination.name).martlet-upload"
    var lines: [ShellCommand] = [
      // A folder that an interrupted run left behind goes first.
      "_fail() { cd / && rm -rf -- \(stage); exit 1; }",
      "rm -rf -- \(stage) && mkdir -m 0700 -- \(stage) || exit 1",
      // BusyBox's tar takes the umask off in spite of -p, unless it is root's. Nobody else can look into the folder.
      "(umask 0 && tar -x -p -o -f - -C \(stage)) || _fail",
    ]
    if let owner = upload.files.owner {
      let owner = upload.files.group.map { owner + ":" + $0 } ?? owner
      lines.append("chown -hR -- \(owner) \(stage) || _fail")
    } else if let group = upload.files.group {
      lines.append("chgrp -hR -- \(group) \(stage) || _fail")
    }
    if isNew {
      lines.append(
        "chmod 0\(upload.folders.mode ?? 0o755) -- \(stage) && mv -- \(stage) \(destination) || _fail")
      return ShellCommand(lines: lines)
    }
    lines.append("cd \(stage) || _fail")
    for chunk in replaced.chunks(of: 200) {
      lines.append("rm -rf -- \(chunk.map { destination / $0 }) || _fail")
    }
    // What is in a new folder comes with it.
    let moved = sent.filter { !newFolders.contains(Self.folder(of: $0)) }
    for (folder, paths) in Dictionary(grouping: moved, by: Self.folder).sorted(by: { $0.key < $1.key }) {
      let target = folder.isEmpty ? destination : destination / folder
      for chunk in paths.chunks(of: 200) {
        lines.append("mv -f -- \(chunk.map { "./" + $0 }) \(target.string + "/") || _fail")
      }
    }
    lines.append("cd / && rm -rf -- \(stage)")
    return ShellCommand(lines: lines)
  }

  private func correcting() -> ShellCommand {
    var lines: [ShellCommand] = ["cd \(upload.destination) || exit 1"]
    let attributes = corrected.map { ($0.path.isEmpty ? "." : "./" + $0.path, $0.attributes) }
    let owner = upload.files.owner.map { name in upload.files.group.map { name + ":" + $0 } ?? name }
    for chunk in attributes.map(\.0).chunks(of: 200) {
      if let owner {
        lines.append("chown -h -- \(owner) \(chunk) || exit 1")
      } else if let group = upload.files.group {
        lines.append("chgrp -h -- \(group) \(chunk) || exit 1")
      }
    }
    let byMode = Dictionary(grouping: attributes.filter { $0.1.mode != nil }) { $0.1.mode ?? 0 }
    for (mode, paths) in byMode.sorted(by: { $0.key.bits < $1.key.bits }) {
      for chunk in paths.map(\.0).chunks(of: 200) {
        lines.append("chmod 0\(mode) -- \(chunk) || exit 1")
      }
    }
    return ShellCommand(lines: lines)
  }

  private func deleting() -> ShellCommand {
    var lines: [ShellCommand] = ["cd \(upload.destination) || exit 1"]
    for chunk in deletedFiles.chunks(of: 200) {
      lines.append("rm -f -- \(chunk.map { "./" + $0 }) || exit 1")
    }
    // Deepest first, and only empty ones: what came in since the look stays.
    for chunk in deletedFolders.chunks(of: 200) {
      lines.append("rmdir -- \(chunk.map { "./" + $0 }) || exit 1")
    }
    return ShellCommand(lines: lines)
  }

  /// The entries to be sent as a tar archive; hosts that miss the same share one.
  private func archive() throws -> [UInt8] {
    let key = ArchiveCache.Key(
      root: upload.tree.root,
      entries: sent.map { path in
        let entry = upload.tree.entries[path] ?? LocalTree.Entry(kind: .folder)
        return ArchiveCache.Item(path: path, entry: entry, mode: upload.attributes(of: entry).mode ?? 0o644)
      })
    return try ArchiveCache.shared.archive(key) { try write(key.entries) }
  }

  private func write(_ items: [ArchiveCache.Item]) throws -> [UInt8] {
    var tar = TarWriter()
    // Folders that are there already hold the files that go into them.
    var folders: Set<String> = []
    for item in items {
      var above = Self.folder(of: item.path)
      var missing: [String] = []
      while !above.isEmpty, !folders.contains(above) {
        missing.append(above)
        above = Self.folder(of: above)
      }
      for folder in missing.reversed() where !newFolders.contains(folder) {
        tar.addFolder(folder, mode: 0o700)
      }
      folders.formUnion(missing)
      switch item.entry.kind {
      case .folder:
        tar.addFolder(item.path, mode: item.mode.bits)
        folders.insert(item.path)
      case .link(let target): tar.addLink(item.path, target: target)
      case .file:
        tar.addFile(
          item.path, contents: try upload.tree.contents(of: item.path), mode: item.mode.bits,
          modified: item.entry.modified)
      }
    }
    return tar.finished()
  }

  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }
}

/// The last archives that were made: a thousand hosts that miss the same files share one.
private final class ArchiveCache: Sendable {
  struct Item: Hashable {
    var path: String
    var entry: LocalTree.Entry
    var mode: FileMode
  }
  struct Key: Hashable {
    var root: String
    var entries: [Item]
  }

  static let shared = ArchiveCache()
  private let recent = Mutex<[(key: Key, bytes: [UInt8])]>([])

  func archive(_ key: Key, make: () throws -> [UInt8]) rethrows -> [UInt8] {
    if let found = recent.withLock({ $0.first { $0.key == key }?.bytes }) { return found }
    let bytes = try make()
    recent.withLock { recent in
      recent.insert((key, bytes), at: 0)
      if recent.count > 4 { recent.removeLast() }
    }
    return bytes
  }
}

extension Array {
  /// Pieces of at most so many elements: a command's arguments have a limit.
  fileprivate func chunks(of size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
