#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Names and paths are bytes: a file system takes any but NUL and the slash.
typealias Name = [UInt8]

/// An open folder of this machine. All that is done in it goes by its descriptor and by single names, and follows no
/// symbolic link: nothing can lead out of it.
struct LocalFolder: Sendable {
  let descriptor: Descriptor
  /// For messages.
  let path: String

  init(_ descriptor: Descriptor, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  /// Opens a folder; the path's own links are followed, as the user named it.
  init(opening path: String) throws {
    self.init(try Descriptor(opening: path, O_RDONLY | O_DIRECTORY), path: path)
  }

  func error(_ name: Name) -> TransferError { localError(path + "/" + String(decoding: name, as: UTF8.self)) }

  /// What is there, a symbolic link as itself; nil for nothing.
  func status(of name: Name) throws -> stat? {
    var status = stat()
    if name.withCString({ fstatat(descriptor.number, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 {
      return status
    }
    if errno == ENOENT { return nil }
    throw error(name)
  }

  /// The folder of that name; nil if there is nothing.
  func folder(_ name: Name) throws -> LocalFolder? {
    let number = name.withCString {
      openat(descriptor.number, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
    if number >= 0 {
      return LocalFolder(Descriptor(number), path: path + "/" + String(decoding: name, as: UTF8.self))
    }
    if errno == ENOENT { return nil }
    if errno == ENOTDIR || errno == ELOOP {
      throw TransferError(
        "\(shown(path + "/" + String(decoding: name, as: UTF8.self))) on this machine would have to be a folder, and is none"
      )
    }
    throw error(name)
  }

  /// Makes a folder that only its owner may enter.
  func makeFolder(_ name: Name) throws -> LocalFolder {
    guard name.withCString({ mkdirat(descriptor.number, $0, 0o700) }) == 0 else { throw error(name) }
    guard let folder = try folder(name) else { throw error(name) }
    return folder
  }

  /// Makes a file that isn't there yet.
  func makeFile(_ name: Name) throws -> Descriptor {
    let number = name.withCString {
      openat(descriptor.number, $0, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(0o600))
    }
    guard number >= 0 else { throw error(name) }
    return Descriptor(number)
  }

  /// Opens a file for reading, if it is one.
  func openFile(_ name: Name) throws -> Descriptor {
    let number = name.withCString {
      openat(descriptor.number, $0, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    }
    guard number >= 0 else { throw error(name) }
    return Descriptor(number)
  }

  func link(_ name: Name) throws -> Name {
    try [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      let got = name.withCString { name in
        buffer.withMemoryRebound(to: CChar.self) { text in
          text.baseAddress.map { readlinkat(descriptor.number, name, $0, text.count) } ?? -1
        }
      }
      guard got >= 0 else { throw error(name) }
      count = got
    }
  }

  /// The names in it, in order.
  func names() throws -> [Name] {
    let copy = openat(descriptor.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard copy >= 0, let stream = fdopendir(copy) else {
      if copy >= 0 { close(copy) }
      throw localError(path)
    }
    defer { closedir(stream) }
    var names: [Name] = []
    errno = 0
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
          Array(
            UnsafeBufferPointer(
              start: bytes, count: strlen(UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))))
        }
      }
      if name != [0x2e], name != [0x2e, 0x2e] { names.append(name) }
      errno = 0
    }
    guard errno == 0 else { throw localError(path) }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Moves something of this folder to another one, over whatever has its name there.
  func move(_ name: Name, to other: LocalFolder, as newName: Name) throws {
    let status = name.withCString { old in
      newName.withCString { renameat(descriptor.number, old, other.descriptor.number, $0) }
    }
    guard status == 0 else { throw other.error(newName) }
  }

  /// Removes something with all that is in it; what can't be removed stays.
  func remove(_ name: Name) {
    if name.withCString({ unlinkat(descriptor.number, $0, 0) }) == 0 { return }
    if let folder = try? folder(name) {
      fchmod(folder.descriptor.number, 0o700)
      for name in (try? folder.names()) ?? [] { folder.remove(name) }
    }
    _ = name.withCString { unlinkat(descriptor.number, $0, AT_REMOVEDIR) }
  }
}

extension Name {
  func withCString<T>(_ body: (UnsafePointer<CChar>) throws -> T) rethrows -> T {
    try (self + [0]).withUnsafeBufferPointer { buffer in
      try buffer.withMemoryRebound(to: CChar.self) { text in
        // The buffer has at least the NUL in it.
        guard let start = text.baseAddress else { preconditionFailure("a buffer of a byte has no address") }
        return try body(start)
      }
    }
  }
}
