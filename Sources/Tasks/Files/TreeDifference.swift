import MartletCore
import MartletFacts

/// How a local folder and one of a host differ, and what makes the host's right.
struct TreeDifference {
  let upload: TreeUpload
  let isNew: Bool
  /// The entries to be sent, sorted.
  private(set) var sent: [BytePath] = []
  private(set) var newFolders: Set<BytePath> = []
  /// Entries that go before something takes their place: folders, and what a folder takes the place of.
  private(set) var replaced: [BytePath] = []
  /// Entries that stay and get other attributes.
  private(set) var corrected: [(path: BytePath, wanted: Ownership, found: FileStatus, changes: [Change])] = []
  private(set) var deletedFiles: [BytePath] = []
  /// Deepest first.
  private(set) var deletedFolders: [BytePath] = []
  private(set) var changes: [Change] = []
  /// A folder of the host that would have to go for a file.
  private(set) var blockedPath: BytePath?
  /// Entries that are not in the local folder and stay, as no upload has put them there: they aren't the owner's.
  private(set) var foreign: [BytePath] = []
  /// Folders that are not in the local one and stay, as there are names with a line break in them, which nobody lists.
  private(set) var unlisted: [BytePath] = []
  /// The modes of what is sent.
  private var modes: [BytePath: FileMode] = [:]

  /// - Parameter found: The host's entries; nil if there is no folder.
  init(_ upload: TreeUpload, found: [BytePath: TreeEntry]?) {
    self.upload = upload
    isNew = found == nil
    let found = found ?? [:]
    if let root = found[""] { correct("", upload.folders, root.status, in: nil) }
    for (path, entry) in upload.tree.entries.sorted(by: { $0.key < $1.key }) {
      let above = (path.ancestors.reversed() + [""]).lazy.compactMap { found[$0]?.status }
        .first { $0.kind == .directory }
      modes[path] = upload.mode(of: entry, over: found[path]?.status, in: above ?? .directory())
      compare(path, entry, found[path], in: found[path.parent])
    }
    if upload.deletes { findExtraneous(in: found) }
  }

  private mutating func compare(
    _ path: BytePath, _ entry: LocalTree.Entry, _ found: TreeEntry?, in folder: TreeEntry?
  ) {
    guard let found else {
      send(path, entry, .added("\(path)" + (entry.kind == .folder ? "/" : "")))
      return
    }
    switch (entry.kind, found.status.kind) {
    case (.folder, .directory): correct(path, upload.folders, found.status, in: folder)
    case (.file(let sum, _), .file):
      if found.sha256 != sum {
        send(path, entry, .modified("\(path)"))
      } else {
        var wanted = upload.files
        wanted.mode = modes[path]
        correct(path, wanted, found.status, in: folder)
      }
    case (.link(let target), .symbolicLink):
      if found.target != target {
        send(path, entry, .modified("\(path) → \(target), was \(found.target?.description ?? "unknown")"))
      } else {
        correct(
          path, Ownership(owner: upload.files.owner, group: upload.files.group), found.status, in: folder)
      }
    case (_, .directory):
      if !upload.deletes { blockedPath = blockedPath ?? path }
      replaced.append(path)
      send(path, entry, .modified("\(path), was a folder"))
    case (_, let kind):
      if entry.kind == .folder { replaced.append(path) }
      send(path, entry, .modified("\(path), was a \(kind.rawValue)"))
    }
  }

  private mutating func send(_ path: BytePath, _ entry: LocalTree.Entry, _ change: Change) {
    sent.append(path)
    changes.append(change)
    if entry.kind == .folder { newFolders.insert(path) }
  }

  private mutating func correct(
    _ path: BytePath, _ attributes: Ownership, _ found: FileStatus, in folder: TreeEntry?
  ) {
    let changes = attributes.changes(from: found).map { change -> Change in
      guard case .modified(let text) = change else { return change }
      return .modified("\(path.isEmpty ? upload.destination.string : path.description): \(text)")
    }
    guard !changes.isEmpty else { return }
    // Whoever has a file open goes on writing to it when it belongs to somebody else. And in a folder that others can
    // write to, a name may mean another file by then. What is made anew has neither trouble.
    let isForeign = attributes.owner.map { !found.isOwned(by: $0) } ?? false
    let isOpen = folder.map { $0.status.ownerID != 0 || $0.status.mode.bits & 0o022 != 0 } ?? false
    if found.kind == .symbolicLink || found.kind == .file && (isForeign || isOpen && attributes.owner != nil)
    {
      sent.append(path)
      self.changes += changes
    } else {
      corrected.append((path, attributes, found, changes))
    }
  }

  /// Files that are not in the local folder, and folders that will be empty without them.
  private mutating func findExtraneous(in found: [BytePath: TreeEntry]) {
    var kept: Set<BytePath> = []
    let replaced = Set(replaced)
    let isBelowReplaced = { (path: BytePath) in path.ancestors.contains(where: replaced.contains) }
    for (path, entry) in found where !path.isEmpty {
      let isFolder = entry.status.kind == .directory
      let isWanted = upload.tree.entries[path] != nil
      let isLeftOut = upload.tree.leavesOut(path, isFolder: isFolder)
      if isBelowReplaced(path) {
        // No upload has made it, so it isn't an upload's to delete.
        if isForeign(entry) { blockedPath = path }
        continue
      }
      let isKept = !isWanted && (isForeign(entry) || entry.hasUnlistedNames)
      if isKept, !isLeftOut {
        if isForeign(entry) { foreign.append(path) } else { unlisted.append(path) }
      }
      if isKept || isWanted || isLeftOut {
        kept.insert(path)
        kept.formUnion(path.ancestors)
      } else if !isFolder {
        deletedFiles.append(path)
      }
    }
    foreign.sort()
    unlisted.sort()
    deletedFiles.sort()
    deletedFolders = found.keys.filter { path in
      !path.isEmpty && found[path]?.status.kind == .directory && !kept.contains(path)
        && !isBelowReplaced(path)
    }.sorted(by: >)
  }

  /// Whether an entry belongs to somebody else than all that is uploaded, and not to root, who uploads.
  private func isForeign(_ entry: TreeEntry) -> Bool {
    guard let owner = upload.files.owner else { return false }
    return !entry.status.isOwned(by: owner) && !entry.status.isOwned(by: "root")
  }

  /// The mode that an entry is sent with.
  func mode(of path: BytePath) -> FileMode { modes[path] ?? 0o644 }

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
      actions.append(action.usingSafeWrites())
    }
    if !corrected.isEmpty {
      actions.append(
        .run(
          correcting(), summary: "set attributes in \(upload.destination)",
          changes: corrected.flatMap(\.changes), touches: touches
        ).usingSafeWrites())
    }
    let deleted = deletedFiles + deletedFolders
    if !deleted.isEmpty {
      actions.append(
        .run(
          deleting(), summary: "delete \(deleted.count) entries of \(upload.destination)",
          changes: deletedFiles.map { .removed("\($0)") }
            + deletedFolders.reversed().map { .removed("\($0)/") },
          touches: touches
        ).usingSafeWrites())
    }
    return actions
  }
}
