#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// Whether an sshd answers.
enum SSHBanner {
  /// Connects to port 22 and waits for the line that sshd begins with (RFC 4253, 4.2).
  static func isSent(by address: String, timeout: Duration) async -> Bool {
    let descriptor = openStreamSocket()
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    guard makeNonBlocking(descriptor), let target = SocketAddress(address, port: 22) else { return false }
    let connected = target.withPointer { connect(descriptor, $0, $1) }
    guard connected == 0 || errno == EINPROGRESS else { return false }
    let deadline = ContinuousClock.now + timeout
    var received: [UInt8] = []
    while ContinuousClock.now < deadline {
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      if count > 0 { received += buffer[..<count] }
      if received.starts(with: Array("SSH-".utf8)) { return true }
      // 0 is the end; anything but "not yet" is a refusal.
      guard count > 0 || (count < 0 && [EAGAIN, EWOULDBLOCK, ENOTCONN, EINTR].contains(errno)) else {
        return false
      }
      guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return false }
    }
    return false
  }
}

/// An IPv4 socket address.
struct SocketAddress {
  private var storage = sockaddr_in()

  /// - Returns: nil when the text is not an IPv4 address.
  init?(_ address: String, port: UInt16) {
    storage.sin_family = sa_family_t(AF_INET)
    storage.sin_port = port.bigEndian
    guard inet_pton(AF_INET, address, &storage.sin_addr) == 1 else { return nil }
  }

  var port: UInt16 { UInt16(bigEndian: storage.sin_port) }

  func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
    withUnsafePointer(to: storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// The port that the kernel gave a bound socket.
  static func port(of descriptor: CInt) -> UInt16? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
  }
}

/// A TCP socket that no child process inherits.
func openStreamSocket() -> CInt {
  #if os(Linux)
    socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
  #else
    socket(AF_INET, SOCK_STREAM, 0)
  #endif
}

func makeNonBlocking(_ descriptor: CInt) -> Bool {
  let flags = fcntl(descriptor, F_GETFL)
  return flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0
}
