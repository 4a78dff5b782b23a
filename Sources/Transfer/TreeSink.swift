internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Writes the tree that a host sends into a new folder, and lets nothing out of it.
///
/// Every name is checked, and every step down is taken with a descriptor and without following symbolic links, so that
/// a link of the archive is a dead end for what comes after it.
struct TreeWriter: TarReader.Receiver {
  /// A folder's mode is set at the end: a closed one couldn't be filled.
  struct Folder {
    let path: [Name]
    let mode: UInt16
    let modified: Int
  }

  private static let depthLimit = 200
  private static let pathLimit = 4096
  private static let folderLimit = 1_000_000
  private static let warningLimit = 20

  private let root: LocalFolder
  private let preserves: Bool
  private(set) var folders: [Folder] = []
  private(set) var files = 0
  private(set) var warnings: [String] = []
  private var current: (path: [Name], folder: LocalFolder)
  private var file: (descriptor: Descriptor, header: TarHeader)?

  init(root: LocalFolder, preserves: Bool) {
    self.root = root
    self.preserves = preserves
    current = ([], root)
  }

  mutating func begin(_ header: TarHeader) throws {
    let path = try Self.components(header.path)
    guard let name = path.last else {
      guard header.kind == .folder else { throw Self.refused(header.path, "has no name") }
      return try note(Folder(path: [], mode: header.mode, modified: header.modified))
    }
    let parent = try folder(path.dropLast(), header.path)
    switch header.kind {
    case .folder:
      if try parent.status(of: name)?.isFolder != true { _ = try parent.makeFolder(name) }
      try note(Folder(path: path, mode: header.mode, modified: header.modified))
    case .file:
      file = (try parent.makeFile(name), header)
      files += 1
    case .symbolicLink:
      guard !header.target.isEmpty, !header.target.contains(0) else {
        throw Self.refused(header.path, "is a symbolic link to nothing")
      }
      let status = header.target.withCString { target in
        name.withCString { symlinkat(target, parent.descriptor.number, $0) }
      }
      guard status == 0 else { throw parent.error(name) }
    case .hardLink: try link(header, name, in: parent)
    default:
      warn("\(shown(header.path)) is a device or a pipe, and was left out")
    }
  }

  private mutating func link(_ header: TarHeader, _ name: Name, in parent: LocalFolder) throws {
    let target = try Self.components(header.target)
    guard let targetName = target.last else { throw Self.refused(header.path, "is a link to no file") }
    let targetFolder = try folder(target.dropLast(), header.target)
    guard try targetFolder.status(of: targetName)?.isFile == true else {
      throw Self.refused(header.path, "is a link to what is no file of the tree")
    }
    let status = targetName.withCString { old in
      name.withCString { linkat(targetFolder.descriptor.number, old, parent.descriptor.number, $0, 0) }
    }
    guard status == 0 else { throw parent.error(name) }
    files += 1
  }

  mutating func contents(_ bytes: UnsafeRawBufferPointer) throws {
    guard let file else { return }
    try writeAll(bytes, to: file.descriptor, String(decoding: file.header.path, as: UTF8.self))
  }

  mutating func end() throws {
    guard let (descriptor, header) = file else { return }
    file = nil
    guard fchmod(descriptor.number, mode_t(newMode(header.mode, umask: ownUmask, preserves: preserves))) == 0
    else {
      throw localError(String(decoding: header.path, as: UTF8.self))
    }
    if preserves { setModified(descriptor.number, header.modified) }
  }

  /// Gives folders their modes and times, the innermost first, in the place that the tree has come to.
  ///
  /// - Parameter isNew: Whether a folder was not there before.
  func finishFolders(in root: LocalFolder, where isNew: ([Name]) -> Bool) throws {
    for entry in folders.reversed() where isNew(entry.path) {
      var folder = root
      for name in entry.path {
        guard let next = try folder.folder(name) else { throw folder.error(name) }
        folder = next
      }
      let mode = newMode(entry.mode, umask: ownUmask, preserves: preserves)
      guard fchmod(folder.descriptor.number, mode_t(mode)) == 0 else { throw localError(folder.path) }
      if preserves { setModified(folder.descriptor.number, entry.modified) }
    }
  }

  private mutating func warn(_ text: String) {
    if warnings.count < Self.warningLimit { warnings.append(text) }
  }

  private mutating func note(_ folder: Folder) throws {
    guard folders.count < Self.folderLimit else {
      throw TransferError("the tree has more than a million folders")
    }
    folders.append(folder)
  }

  /// The folder at a path of the tree, made if the archive didn't name it before.
  private mutating func folder(_ path: ArraySlice<Name>, _ whole: [UInt8]) throws -> LocalFolder {
    if current.path[...] == path { return current.folder }
    var (depth, folder) = (0, root)
    if path.starts(with: current.path) { (depth, folder) = (current.path.count, current.folder) }
    for name in path.dropFirst(depth) {
      if let status = try folder.status(of: name), !status.isFolder {
        throw Self.refused(whole, status.isLink ? "leads through a symbolic link" : "leads through a file")
      }
      folder = try folder.folder(name) ?? folder.makeFolder(name)
    }
    current = (Array(path), folder)
    return folder
  }

  /// The names that a path of the archive is made of, if it can't lead anywhere else.
  private static func components(_ path: [UInt8]) throws -> [Name] {
    guard path.count <= pathLimit else { throw refused(Array(path.prefix(100)), "is too long") }
    guard path.first != 0x2f else { throw refused(path, "begins at the root") }
    guard !path.contains(0) else { throw refused(path, "has a NUL in it") }
    let names = path.split(separator: 0x2f).map(Array.init).filter { $0 != [0x2e] }
    guard !names.contains([0x2e, 0x2e]) else { throw refused(path, "leads out of the folder") }
    guard names.count <= depthLimit else { throw refused(Array(path.prefix(100)), "is too deep") }
    return names
  }

  private static func refused(_ path: [UInt8], _ why: String) -> TransferError {
    TransferError("the host sent \(shown(path)), which \(why): nothing was kept")
  }
}

/// The tree that a host sends, on its way to its place on this machine.
final class TreeSink: Sendable {
  private struct State: ~Copyable {
    var reader = TarReader()
    var writer: TreeWriter
    var sum: RunningSum
    let kind: RunningSum.Kind
    var count = 0
  }

  private let parent: LocalFolder
  private let temporary: Name
  private let meter: TransferMeter
  private let state: Mutex<State>

  /// - Parameter temporary: The name of the folder beside the target that the tree is written to.
  init(
    in parent: LocalFolder, _ temporary: Name, kind: RunningSum.Kind, preserves: Bool, meter: TransferMeter
  ) throws {
    self.parent = parent
    self.temporary = temporary
    self.meter = meter
    let root = try parent.makeFolder(temporary)
    let sum = RunningSum(kind)
    state = Mutex(State(writer: TreeWriter(root: root, preserves: preserves), sum: sum, kind: kind))
  }

  deinit { parent.remove(temporary) }

  func take(_ bytes: [UInt8]) throws {
    meter.add(bytes.count)
    try state.withLock { state in
      try bytes.withUnsafeBytes { bytes in
        state.count += bytes.count
        state.sum.add(bytes)
        try state.reader.take(bytes, &state.writer)
      }
    }
  }

  /// Puts the tree in its place. What is there already is replaced file by file, what is besides stays.
  func finish(_ target: LocalTarget, sum theirs: String?, isThere: Bool) throws -> (
    bytes: Int, files: Int, warnings: [String]
  ) {
    try state.withLock { state in
      guard state.reader.isOver else { throw TransferError("the host's archive has no end") }
      guard state.kind == .none || state.sum.text == theirs else {
        throw TransferError("what came is not what the host sent: the sums differ")
      }
      let name = Name(target.name.utf8)
      var old = Set<[Name]>()
      if isThere {
        let root = try LocalFolder(opening: target.path)
        guard let new = try parent.folder(temporary) else { throw parent.error(temporary) }
        try TreeMerge.check(new, root)
        old = try TreeMerge.move(new, root)
        try state.writer.finishFolders(in: root) { !old.contains($0) }
      } else {
        guard try parent.status(of: name) == nil else {
          throw TransferError("\(shown(target.path)) on this machine has come into being meanwhile")
        }
        try parent.move(temporary, to: parent, as: name)
        guard let root = try parent.folder(name) else { throw parent.error(name) }
        try state.writer.finishFolders(in: root) { _ in true }
      }
      return (state.count, state.writer.files, state.writer.warnings)
    }
  }
}

/// Joins a new tree with one that is there.
enum TreeMerge {
  /// Refuses where one has a folder and the other something else, before anything is moved.
  static func check(_ new: LocalFolder, _ old: LocalFolder) throws {
    for name in try new.names() {
      if let folder = try new.status(of: name)?.isFolder == true ? new.folder(name) : nil {
        if let there = try old.folder(name) { try check(folder, there) }
      } else if try old.status(of: name)?.isFolder == true {
        throw TransferError(
          "\(shown(old.path + "/" + String(decoding: name, as: UTF8.self))) on this machine is a folder, and no folder on the host"
        )
      }
    }
  }

  /// Moves everything.
  ///
  /// - Returns: The folders that were there before.
  static func move(_ new: LocalFolder, _ old: LocalFolder, _ path: [Name] = []) throws -> Set<[Name]> {
    var found: Set<[Name]> = [path]
    for name in try new.names() {
      if let folder = try new.status(of: name)?.isFolder == true ? new.folder(name) : nil,
        let there = try old.folder(name)
      {
        found.formUnion(try move(folder, there, path + [name]))
      } else {
        try new.move(name, to: old, as: name)
      }
    }
    return found
  }
}
