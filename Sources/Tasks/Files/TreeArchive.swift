import MartletCore
import Synchronization

extension TreeDifference {
  /// The entries to be sent as a tar archive; hosts that miss the same share one.
  func archive() throws -> [UInt8] {
    let key = ArchiveCache.Key(
      root: upload.tree.root,
      entries: sent.map { path in
        let entry = upload.tree.entries[path] ?? LocalTree.Entry(kind: .folder)
        return ArchiveCache.Item(path: path, entry: entry, mode: mode(of: path))
      })
    return try ArchiveCache.shared.archive(key) { try write(key.entries) }
  }

  private func write(_ items: [ArchiveCache.Item]) throws -> [UInt8] {
    var tar = TarWriter()
    // Folders that are there already hold the files that go into them.
    var folders: Set<BytePath> = []
    for item in items {
      var above = item.path.parent
      var missing: [BytePath] = []
      while !above.isEmpty, !folders.contains(above) {
        missing.append(above)
        above = above.parent
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
}

/// The last archives that were made: a thousand hosts that miss the same files share one.
private final class ArchiveCache: Sendable {
  struct Item: Hashable {
    var path: BytePath
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
