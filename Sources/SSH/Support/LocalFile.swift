import Glibc

/// Small files of the controller: keys and known_hosts.
enum LocalFile {
  struct Failure: Error {
    var code: Int32
    var reason: String
  }

  /// Which version of a file was read: a cache entry is good for as long as this stays the same.
  struct Stamp: Equatable {
    var device: UInt
    var inode: UInt
    var size: Int
    var seconds: Int
    var nanoseconds: Int
    var mode: UInt32
    var owner: UInt32

    init(_ info: stat) {
      device = UInt(info.st_dev)
      inode = UInt(info.st_ino)
      size = Int(info.st_size)
      seconds = info.st_mtim.tv_sec
      nanoseconds = info.st_mtim.tv_nsec
      mode = info.st_mode
      owner = info.st_uid
    }

    var isRegular: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
  }

  static func stamp(_ path: String) -> Stamp? {
    var info = stat()
    return stat(path, &info) == 0 ? Stamp(info) : nil
  }

  /// Reads a regular file of at most `limit` bytes. A FIFO would block the reactor: it is refused unopened.
  static func read(_ path: String, limit: Int) throws(Failure) -> (bytes: [UInt8], stamp: Stamp) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw Failure(code: errno, reason: errorText(errno)) }
    defer { close(descriptor) }
    var info = stat()
    guard fstat(descriptor, &info) == 0 else { throw Failure(code: errno, reason: errorText(errno)) }
    let stamp = Stamp(info)
    guard stamp.isRegular else { throw Failure(code: EINVAL, reason: "it is not a regular file") }
    guard stamp.size <= limit else { throw Failure(code: EFBIG, reason: "it is larger than \(limit) bytes") }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while bytes.count <= limit {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw Failure(code: errno, reason: errorText(errno)) }
      if count == 0 { break }
      bytes += chunk[..<count]
    }
    return (bytes, stamp)
  }
}
