import Glibc
import Synchronization

/// The known_hosts files of this process: each is read once for as long as it doesn't change, and written by
/// one connection at a time.
enum KnownHostsStore {
  struct Failure: Error {
    var message: String
  }

  private static let sizeLimit = 64 << 20
  private static let cache = Mutex<[String: (stamp: LocalFile.Stamp, entries: [KnownHosts.Entry])]>([:])

  static func load(_ files: [String]) throws(Failure) -> KnownHosts {
    do {
      return try cache.withLock { cache throws(Failure) in try load(files, &cache) }
    }
  }

  /// Trusts the key that an unknown host showed. Two connections may learn the same host at once: the
  /// answer is that of the files as they are when this connection's turn comes.
  static func learn(
    _ blob: [UInt8], type: String, host: String, port: Int, files: [String]
  ) throws(Failure) -> KnownHosts.Verdict {
    guard let file = files.first else {
      throw Failure(message: "no known_hosts file is set to which the host's key could be added")
    }
    return try cache.withLock { cache throws(Failure) in
      let verdict = try load(files, &cache).check(blob, host: host, port: port)
      guard verdict == .unknown else { return verdict }
      let name = KnownHosts.name(host: host, port: port)
      guard !name.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || "|,*?!#@".utf8.contains($0) }) else {
        throw Failure(message: "the host's name can't be written to a known_hosts file")
      }
      try append("\(name) \(type) \(Base64.encode(blob))\n", to: file)
      cache[file] = nil
      return .trusted
    }
  }

  private static func load(
    _ files: [String], _ cache: inout [String: (stamp: LocalFile.Stamp, entries: [KnownHosts.Entry])]
  ) throws(Failure) -> KnownHosts {
    var loaded: [(path: String, entries: [KnownHosts.Entry])] = []
    for path in files {
      if let known = cache[path], LocalFile.stamp(path) == known.stamp {
        loaded.append((path, known.entries))
        continue
      }
      do {
        let (bytes, stamp) = try LocalFile.read(path, limit: sizeLimit)
        let entries = KnownHosts.parse(bytes)
        cache[path] = (stamp, entries)
        loaded.append((path, entries))
      } catch  where error.code == ENOENT || error.code == ENOTDIR {
        continue
      } catch {
        throw Failure(message: "the known_hosts file \(path) can't be read: \(error.reason)")
      }
    }
    return KnownHosts(loaded)
  }

  /// One write in append mode, so that a line of another process is never torn.
  private static func append(_ line: String, to path: String) throws(Failure) {
    func failure() -> Failure {
      Failure(message: "the host's key can't be added to \(path): \(errorText(errno))")
    }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex { mkdir(String(path[..<slash]), 0o700) }
    let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure() }
    defer { close(descriptor) }
    var bytes = Array(line.utf8)
    let size = lseek(descriptor, 0, SEEK_END)
    var last: UInt8 = 10
    if size > 0, pread(descriptor, &last, 1, size - 1) == 1, last != 10 { bytes.insert(10, at: 0) }
    let written = write(descriptor, bytes, bytes.count)
    if written >= 0, written < bytes.count { errno = ENOSPC }
    guard written == bytes.count else { throw failure() }
  }
}
