internal import MartletSSH

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// A connection to a socket of the file system (unix(7)).
enum LocalSocket {
  /// - Returns: Nil where nobody listens.
  static func connect(_ path: String) async -> WatchedDescriptor? {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let fits = withUnsafeMutableBytes(of: &address.sun_path) { bytes in
      guard path.utf8.count < bytes.count else { return false }
      bytes.copyBytes(from: path.utf8)
      return true
    }
    guard fits else { return nil }
    // A program that is busy has a full queue for a moment (unix(7): EAGAIN).
    for attempt in 0..<50 {
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else { return nil }
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      let status = withUnsafeBytes(of: &address) { raw -> Int32 in
        guard let base = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
        return Glibc.connect(descriptor, base, socklen_t(raw.count))
      }
      if status == 0 { return WatchedDescriptor(descriptor) }
      let isBusy = errno == EAGAIN
      close(descriptor)
      guard isBusy, (try? await Task.sleep(for: .milliseconds(2 * attempt))) != nil else { return nil }
    }
    return nil
  }
}
