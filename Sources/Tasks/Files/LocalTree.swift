import MartletCore
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder of the machine that runs the playbook: what is in it, less what is left out, with sums.
///
/// A folder that can't be read doesn't stop the playbook's body: the planner finds the problem. Files are
/// hashed once, as long as they don't change, however many hosts they go to.
struct LocalTree: Sendable, Checked {
  /// One entry of the folder.
  struct Entry: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
      case file(sha256: String, isExecutable: Bool)
      case folder
      case link(target: String)
    }
    var kind: Kind
    /// When it was changed, in seconds since 1970.
    var modified = 0
  }

  /// The folder: absolute, or relative to the playbook's (``PlaybookFolder``).
  let root: String
  /// The entries by their paths below the folder.
  private(set) var entries: [String: Entry] = [:]
  /// What is left out.
  private(set) var rules: IgnoreRules
  private(set) var problem: String?

  /// - Parameters:
  ///   - root: The folder.
  ///   - excludes: Patterns of what is left out, as in gitignore(5), relative to the folder.
  ///   - readsGitignore: Whether `.gitignore` files in the folder are obeyed too.
  init(_ root: String, excludes: [String], readsGitignore: Bool) {
    self.root = root
    // Patterns of the playbook come last, so that they win.
    rules = IgnoreRules([".git"])
    do {
      var gitignores = IgnoreRules([".git"])
      try walk("", gitignore: readsGitignore, rules: &gitignores, excludes: excludes)
    } catch {
      problem = "\(error)"
      entries = [:]
    }
  }

  private mutating func walk(
    _ folder: String, gitignore: Bool, rules: inout IgnoreRules, excludes: [String]
  ) throws {
    let path = PlaybookFolder.absolute(folder.isEmpty ? root : root + "/" + folder)
    let names = try Self.names(in: path)
    if gitignore, names.contains(".gitignore"),
      let data = FileManager.default.contents(atPath: path + "/.gitignore")
    {
      let lines = String(decoding: data, as: UTF8.self).split(
        separator: "\n", omittingEmptySubsequences: false)
      rules.add(lines.map(String.init), base: folder)
    }
    var effective = rules
    effective.add(excludes, base: "")
    self.rules = effective
    for name in names {
      let below = folder.isEmpty ? name : folder + "/" + name
      let full = path + "/" + name
      var info = stat()
      guard lstat(full, &info) == 0 else { throw Self.failure("look at", full) }
      let kind = info.st_mode & S_IFMT
      if effective.excludes(below, isFolder: kind == S_IFDIR) { continue }
      if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
        throw InvalidTask("the name of the local file \(full.debugDescription) has a control character in it")
      }
      switch kind {
      case S_IFDIR:
        entries[below] = Entry(kind: .folder)
        try walk(below, gitignore: gitignore, rules: &rules, excludes: excludes)
        effective = rules
        effective.add(excludes, base: "")
        self.rules = effective
      case S_IFREG:
        let sum = try Self.sums.sum(of: full, info)
        entries[below] = Entry(
          kind: .file(sha256: sum, isExecutable: info.st_mode & 0o100 != 0), modified: Self.seconds(info))
      case S_IFLNK:
        guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: full) else {
          throw Self.failure("read the link", full)
        }
        entries[below] = Entry(kind: .link(target: target))
      default:
        throw InvalidTask("the local \(full) is a device, socket or pipe, which can't be sent: leave it out")
      }
    }
  }

  /// Reads a file again to send it.
  ///
  /// - Throws: ``InvalidTask`` if it is no longer what was hashed.
  func contents(of path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: PlaybookFolder.absolute(root + "/" + path)) else {
      throw InvalidTask("the local file \(root)/\(path) can't be read")
    }
    let bytes = [UInt8](data)
    if case .file(let sum, _)? = entries[path]?.kind, SHA256.hex(bytes) != sum {
      throw InvalidTask("the local file \(root)/\(path) has changed while the playbook ran: run again")
    }
    return bytes
  }

  private static func names(in path: String) throws -> [String] {
    guard let folder = opendir(path) else { throw failure("open the folder", path) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
      }
      guard let name else { throw InvalidTask("a name in the local folder \(path) is not UTF-8 text") }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  private static func failure(_ what: String, _ path: String) -> InvalidTask {
    let reason = String(cString: strerror(errno))
    return InvalidTask("can't \(what) \(path): \(reason)")
  }

  private static func seconds(_ info: stat) -> Int {
    #if canImport(Darwin)
      Int(info.st_mtimespec.tv_sec)
    #else
      Int(info.st_mtim.tv_sec)
    #endif
  }

  private static let sums = Sums()

  /// The sums of local files, each valid as long as the file's identity, size and times are the same.
  private final class Sums: Sendable {
    private struct Key: Hashable {
      var device, inode, size, seconds, nanoseconds, changed: Int
    }
    private let known = Mutex<[Key: String]>([:])

    func sum(of path: String, _ info: stat) throws -> String {
      #if canImport(Darwin)
        let (modified, changed) = (info.st_mtimespec, info.st_ctimespec)
      #else
        let (modified, changed) = (info.st_mtim, info.st_ctim)
      #endif
      let key = Key(
        device: Int(truncatingIfNeeded: info.st_dev), inode: Int(truncatingIfNeeded: info.st_ino),
        size: Int(info.st_size), seconds: Int(modified.tv_sec), nanoseconds: Int(modified.tv_nsec),
        changed: Int(changed.tv_sec) &* 1_000_000_000 &+ Int(changed.tv_nsec))
      if let sum = known.withLock({ $0[key] }) { return sum }
      guard let data = FileManager.default.contents(atPath: path) else { throw failure("read", path) }
      let sum = SHA256.hex([UInt8](data))
      known.withLock { $0[key] = sum }
      return sum
    }
  }
}
