import MartletCore

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

/// Files of the machine that runs the playbook, by names of any bytes.
enum LocalFiles {
  /// What is at a path; nil if nothing is. A link isn't followed.
  static func status(_ path: BytePath) throws -> stat? {
    var info = stat()
    guard path.withCString({ lstat($0, &info) }) == 0 else {
      if errno == ENOENT || errno == ENOTDIR { return nil }
      throw failure("look at", path)
    }
    return info
  }

  /// What a file holds.
  static func contents(_ path: BytePath) throws -> [UInt8] {
    // A pipe that nobody writes to must not block the opening.
    let descriptor = path.withCString { open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw failure("read", path) }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw failure("read", path) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(info.st_size) + 1)
    var buffer = [UInt8](repeating: 0, count: min(1 << 20, Int(info.st_size) + 1))
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 { bytes += buffer[..<count] }
      if count == 0 { return bytes }
      if count < 0, errno != EINTR { throw failure("read", path) }
    }
  }

  /// Where a symbolic link leads to.
  static func link(_ path: BytePath) throws -> BytePath {
    let limit = 4096
    var buffer = [CChar](repeating: 0, count: limit)
    let count = path.withCString { readlink($0, &buffer, limit) }
    guard count >= 0 else { throw failure("read the link", path) }
    return BytePath(buffer[..<count].map { UInt8(bitPattern: $0) })
  }

  /// The names in a folder, sorted.
  static func names(in path: BytePath) throws -> [BytePath] {
    guard let folder = path.withCString({ opendir($0) }) else { throw failure("open the folder", path) }
    defer { closedir(folder) }
    var names: [BytePath] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { BytePath($0.prefix { $0 != 0 }) }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// A path without links, `.` and `..`; nil if there is nothing.
  static func resolved(_ path: BytePath) -> BytePath? {
    guard let found = path.withCString({ realpath($0, nil) }) else { return nil }
    defer { free(found) }
    return BytePath(UnsafeRawBufferPointer(start: found, count: strlen(found)))
  }

  static func failure(_ what: String, _ path: BytePath) -> InvalidTask {
    let reason = String(cString: strerror(errno))
    let isAbsolute = path.bytes.first == UInt8(ascii: "/")
    let place = isAbsolute ? "" : ", looked for in \(FileManager.default.currentDirectoryPath)"
    return InvalidTask("can't \(what) \(path)\(place): \(reason)")
  }
}

extension BytePath {
  fileprivate func withCString<T>(_ body: (UnsafePointer<CChar>) -> T) -> T {
    (bytes.map { CChar(bitPattern: $0) } + [0]).withUnsafeBufferPointer { buffer in
      // The buffer has at least the NUL in it.
      buffer.baseAddress.map(body) ?? body([0])
    }
  }
}

extension stat {
  /// When the file's contents were changed, in nanoseconds since 1970.
  var modifiedNanoseconds: Int {
    #if canImport(Darwin)
      Int(st_mtimespec.tv_sec) &* 1_000_000_000 &+ Int(st_mtimespec.tv_nsec)
    #else
      Int(st_mtim.tv_sec) &* 1_000_000_000 &+ Int(st_mtim.tv_nsec)
    #endif
  }

  /// When anything about the file was changed, likewise.
  var changedNanoseconds: Int {
    #if canImport(Darwin)
      Int(st_ctimespec.tv_sec) &* 1_000_000_000 &+ Int(st_ctimespec.tv_nsec)
    #else
      Int(st_ctim.tv_sec) &* 1_000_000_000 &+ Int(st_ctim.tv_nsec)
    #endif
  }

  var isFolder: Bool { st_mode & S_IFMT == S_IFDIR }
  var isFile: Bool { st_mode & S_IFMT == S_IFREG }
  var isLink: Bool { st_mode & S_IFMT == S_IFLNK }

  /// What tells this state of a file from its others.
  var stamp: FileStamp {
    FileStamp(
      device: Int(truncatingIfNeeded: st_dev), inode: Int(truncatingIfNeeded: st_ino), size: Int(st_size),
      modified: modifiedNanoseconds, changed: changedNanoseconds)
  }
}

/// A file's identity, size and times.
struct FileStamp: Sendable, Hashable {
  var device, inode, size, modified, changed: Int
}
