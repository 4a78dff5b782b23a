#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The few file operations that a lab needs, with errors that name the path.
enum FileSystem {
  static func exists(_ path: String) -> Bool {
    access(path, F_OK) == 0
  }

  static func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw LabError("cannot make the directory \(path): \(error)")
    }
    try setMode(mode, of: path)
  }

  static func setMode(_ mode: mode_t, of path: String) throws {
    guard chmod(path, mode) == 0 else {
      throw LabError("cannot set the mode of \(path): \(lastSystemError())")
    }
  }

  static func setOwner(_ user: uid_t, _ group: gid_t, of path: String) throws {
    guard chown(path, user, group) == 0 else {
      throw LabError("cannot set the owner of \(path): \(lastSystemError())")
    }
  }

  static func read(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
  }

  /// Writes a file so that a reader sees the old content or the new, never a part.
  static func write(_ content: String, to path: String, mode: mode_t = 0o644) throws {
    let beside = path + ".new"
    do {
      try content.write(toFile: beside, atomically: false, encoding: .utf8)
    } catch {
      throw LabError("cannot write \(beside): \(error)")
    }
    try setMode(mode, of: beside)
    guard rename(beside, path) == 0 else {
      throw LabError("cannot rename \(beside) to \(path): \(lastSystemError())")
    }
  }

  static func copy(_ source: String, to destination: String, mode: mode_t) throws {
    do {
      try Data(contentsOf: URL(filePath: source)).write(to: URL(filePath: destination))
    } catch {
      throw LabError("cannot copy \(source) to \(destination): \(error)")
    }
    try setMode(mode, of: destination)
  }

  /// The names in a directory, sorted; none when there is no such directory.
  static func list(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }

  static func remove(_ path: String) throws {
    guard unlink(path) == 0 || errno == ENOENT else {
      throw LabError("cannot remove \(path): \(lastSystemError())")
    }
  }

  /// Removes a tree, and nothing of another file system that is mounted inside it.
  static func removeTree(_ path: String) async throws {
    guard exists(path) else { return }
    try await Tool.rm.check(["-rf", "--one-file-system", "--", path], timeout: .seconds(120))
  }
}
