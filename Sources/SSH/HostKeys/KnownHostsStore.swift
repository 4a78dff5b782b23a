import Glibc
import Synchronization

/// The known_hosts files of this process: each is read once for as long as it doesn't change.
enum KnownHostsStore {
  struct Failure: Error {
    var message: String
  }

  private static let sizeLimit = 64 << 20
  private static let cache = Mutex<[String: (stamp: LocalFile.Stamp, lines: KnownHosts.Lines)]>([:])

  static func load(_ files: [String]) throws(Failure) -> KnownHosts {
    var loaded: [(path: String, lines: KnownHosts.Lines)] = []
    for path in files { loaded.append((path, try lines(of: path))) }
    return KnownHosts(loaded)
  }

  private static func lines(of path: String) throws(Failure) -> KnownHosts.Lines {
    let stamp = LocalFile.stamp(path)
    // `UserKnownHostsFile /dev/null` is how people say that there is none.
    if let stamp, stamp.mode & UInt32(S_IFMT) == UInt32(S_IFCHR) { return KnownHosts.Lines([]) }
    if let known = cache.withLock({ $0[path] }), known.stamp == stamp { return known.lines }
    do throws(LocalFile.Failure) {
      let (bytes, stamp) = try LocalFile.read(path, limit: sizeLimit)
      let lines = KnownHosts.Lines(KnownHosts.parse(bytes))
      cache.withLock { $0[path] = (stamp, lines) }
      return lines
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return KnownHosts.Lines([]) }
      throw Failure(message: "the known_hosts file \(path) can't be read: \(error.reason)")
    }
  }
}
