#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A lock between processes, held until it is released or its process ends, however that ends.
struct FileLock: ~Copyable {
  private let descriptor: CInt

  private init(descriptor: CInt) {
    self.descriptor = descriptor
  }

  /// Waits for a lock.
  ///
  /// - Parameters:
  ///   - path: the file that stands for what is locked; it is made when missing.
  ///   - timeout: how long another holder is waited for.
  ///   - waiting: called once, when another holder is in the way.
  static func take(_ path: String, timeout: Duration, waiting: () -> Void) async throws -> FileLock {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      throw LabError("cannot open the lock \(path): \(lastSystemError())")
    }
    // From here on the descriptor is closed on every way out.
    let lock = FileLock(descriptor: descriptor)
    let deadline = ContinuousClock.now + timeout
    var told = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK || errno == EINTR else {
        throw LabError("cannot lock \(path): \(lastSystemError())")
      }
      guard ContinuousClock.now < deadline else {
        throw LabError("another command has held the lock \(path) for \(timeout.seconds) s")
      }
      if !told {
        waiting()
        told = true
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    return lock
  }

  deinit {
    close(descriptor)
  }
}

extension Duration {
  /// Whole seconds, for a message.
  var seconds: Int64 { components.seconds }
}
