internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A folder of this machine as an archive, made while it is sent.
///
/// The tree is called `tree` in it; an empty file `end` comes last, so that a host can tell an archive that was cut
/// off between two files. Symbolic links stay what they are.
final class TreeSource: Sendable {
  private struct Level {
    let folder: LocalFolder
    let path: [UInt8]
    var names: ArraySlice<Name>
  }

  private struct State: ~Copyable {
    var levels: [Level]
    var file: (descriptor: Descriptor, path: String, left: Int, padding: Int)?
    var sum: RunningSum
    var isOver = false
    var files = 0
    var warnings: [String] = []
    var ahead: Task<[UInt8]?, any Error>?
  }

  private let mode: @Sendable (UInt16) -> UInt16
  private let meter: TransferMeter
  private let state: Mutex<State>

  /// - Parameters:
  ///   - root: The folder.
  ///   - status: Its own status.
  ///   - kind: The kind of sum to make.
  ///   - mode: What a mode becomes on the host.
  init(
    _ root: LocalFolder, _ status: stat, kind: RunningSum.Kind, meter: TransferMeter,
    mode: @escaping @Sendable (UInt16) -> UInt16
  ) throws {
    self.mode = mode
    self.meter = meter
    let sum = RunningSum(kind)
    let path = Array("tree".utf8)
    state = Mutex(State(levels: [Level(folder: root, path: path, names: try root.names()[...])], sum: sum))
    // The owner can write to it until it is in its place: a closed folder can't be moved.
    first =
      TarHeader(
        .folder, path + [0x2f], mode: mode(status.permissions) | 0o700, modified: status.modified
      ).blocks
  }

  private let first: [UInt8]

  /// How many bytes the archive will have, about.
  static func measure(_ folder: LocalFolder) throws -> Int {
    var total = TarHeader.size
    for name in try folder.names() {
      guard let status = try folder.status(of: name) else { continue }
      if status.isFolder {
        if let inner = try folder.folder(name) { total += try measure(inner) }
      } else {
        total += TarHeader.size + (status.isFile ? (Int(status.st_size) + 511) / 512 * 512 : 0)
      }
    }
    return total
  }

  var result: (sum: String, files: Int, warnings: [String]) {
    state.withLock { state in (state.sum.text, state.files, state.warnings) }
  }

  func next() async throws -> [UInt8]? {
    let task = state.withLock { state in state.ahead ?? Task { try self.read(isFirst: true) } }
    let bytes = try await task.value
    state.withLock { state in state.ahead = bytes == nil ? nil : Task { try self.read(isFirst: false) } }
    if let bytes { meter.add(bytes.count) }
    return bytes
  }

  private func read(isFirst: Bool) throws -> [UInt8]? {
    try state.withLock { state in
      guard !state.isOver else { return nil }
      var bytes = isFirst ? first : []
      bytes.reserveCapacity(2 * FileSource.pieceSize)
      while bytes.count < FileSource.pieceSize, !state.isOver { try step(&state, &bytes) }
      state.sum.add(bytes)
      return bytes
    }
  }

  private func step(_ state: inout State, _ bytes: inout [UInt8]) throws {
    if let (descriptor, path, left, padding) = state.file {
      let piece = left > 0 ? try readPiece(descriptor, min(left, FileSource.pieceSize), path) : []
      guard left == 0 || !piece.isEmpty else {
        throw TransferError("\(shown(path)) on this machine has become shorter while it was read")
      }
      bytes += piece
      state.file = (descriptor, path, left - piece.count, padding)
      if left == piece.count {
        bytes += [UInt8](repeating: 0, count: padding)
        state.file = nil
      }
      return
    }
    guard let last = state.levels.indices.last else {
      bytes += TarHeader(.file, Array("end".utf8), mode: 0o600).blocks
      bytes += [UInt8](repeating: 0, count: 1024)
      state.isOver = true
      return
    }
    guard let name = state.levels[last].names.popFirst() else {
      state.levels.removeLast()
      return
    }
    try enter(name, state.levels[last], &state, &bytes)
  }

  private func enter(_ name: Name, _ level: Level, _ state: inout State, _ bytes: inout [UInt8]) throws {
    let path = level.path + [0x2f] + name
    guard let status = try level.folder.status(of: name) else { return }
    if status.isFolder {
      guard let folder = try level.folder.folder(name) else { return }
      bytes +=
        TarHeader(
          .folder, path + [0x2f], mode: mode(status.permissions), modified: status.modified
        ).blocks
      state.levels.append(Level(folder: folder, path: path, names: try folder.names()[...]))
    } else if status.isLink {
      bytes +=
        TarHeader(
          .symbolicLink, path, target: try level.folder.link(name), mode: 0o777, modified: status.modified
        ).blocks
    } else if status.isFile {
      let file = try level.folder.openFile(name)
      let shownPath = level.folder.path + "/" + String(decoding: name, as: UTF8.self)
      let status = try file.status(shownPath)
      guard status.isFile else { throw TransferError("\(shown(shownPath)) has changed while it was read") }
      let count = Int(status.st_size)
      bytes +=
        TarHeader(
          .file, path, mode: mode(status.permissions), count: count, modified: status.modified
        ).blocks
      state.files += 1
      if count > 0 { state.file = (file, shownPath, count, TarHeader.padding(count).count) }
    } else if state.warnings.count < 20 {
      state.warnings.append("\(shown(path.dropFirst(5))) is a device, a pipe or a socket, and was left out")
    }
  }
}
