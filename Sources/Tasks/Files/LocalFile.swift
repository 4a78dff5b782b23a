import MartletCore
internal import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A file of the machine that runs the playbook, read when the task is made.
///
/// A file that can't be read doesn't stop the playbook's body: the planner finds the problem, and names the
/// task's line. Hosts share one copy of the bytes.
struct LocalFile: Sendable, Checked {
  /// Where it was looked for: absolute, or relative to the folder that the playbook is run in.
  let path: String
  /// What it holds; empty if it can't be read.
  let contents: Contents
  let problem: String?

  init(_ path: String) {
    self.path = path
    do {
      contents = try Self.cache.contents(of: path)
      problem = nil
    } catch {
      contents = Contents(bytes: [])
      problem = "\(error)"
    }
  }

  private static let cache = Cache()

  /// The files that were read, each valid as long as its size and time of change are the same.
  private final class Cache: Sendable {
    private struct Entry {
      var modified: Date
      var contents: Contents
    }
    private let entries = Mutex<[String: Entry]>([:])

    func contents(of path: String) throws -> Contents {
      let folder = PlaybookFolder.path
      let absolute = PlaybookFolder.absolute(path)
      let place = path.hasPrefix("/") ? path : "\(path), looked for in \(folder),"
      guard let attributes = try? FileManager.default.attributesOfItem(atPath: absolute) else {
        throw InvalidTask("the local file \(place) doesn't exist")
      }
      var isFolder = false
      guard FileManager.default.fileExists(atPath: absolute, isDirectory: &isFolder) else {
        throw InvalidTask("the local file \(place) doesn't exist")
      }
      if isFolder {
        throw InvalidTask("\(place) is a folder; to send a whole folder, use TreeUpload")
      }
      let modified = attributes[.modificationDate] as? Date ?? .distantPast
      let size = attributes[.size] as? Int
      let known = entries.withLock { $0[absolute] }
      if let known, known.modified == modified, known.contents.bytes.count == size { return known.contents }
      guard let data = FileManager.default.contents(atPath: absolute) else {
        throw InvalidTask("the local file \(place) can't be read")
      }
      let contents = Contents(bytes: [UInt8](data))
      entries.withLock { $0[absolute] = Entry(modified: modified, contents: contents) }
      return contents
    }
  }
}
