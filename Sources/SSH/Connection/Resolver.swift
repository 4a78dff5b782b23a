// Both C libraries include <netdb.h>; the compiler attributes addrinfo to this one.
import CLibCrypto
import CLibSSH2
import Glibc
import Synchronization

/// An address of a host and the family of its socket.
struct SocketAddress: Sendable, Equatable {
  var family: Int32
  var bytes: [UInt8]

  /// The numeric form, for messages.
  var text: String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1025) { buffer in
      let status = bytes.withUnsafeBytes { raw in
        getnameinfo(
          raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count), buffer.baseAddress,
          socklen_t(buffer.count), nil, 0, Int32(NI_NUMERICHOST))
      }
      return status == 0 ? buffer.baseAddress.map { String(cString: $0) } ?? "?" : "?"
    }
  }
}

/// Looks names up on threads of its own, because getaddrinfo can't be made to return early.
enum Resolver {
  struct Failure: Error, Equatable {
    var reason: String
  }

  typealias Answer = Result<[SocketAddress], Failure>

  private struct Pool {
    var waiting: [@Sendable () -> Void] = []
    var threads = 0
  }

  private static let pool = Mutex(Pool())
  /// Each look-up that DNS leaves unanswered holds a thread for some ten seconds, and others come after it.
  private static let threadLimit = 64

  /// The address that a numeric `host` is; nil where it is a name.
  static func numeric(
    _ host: String, port: Int, family: AddressFamily = .any
  ) -> [SocketAddress]? {
    try? lookUp(host, port: port, family: family, flags: AI_NUMERICHOST).get()
  }

  /// The addresses with the two families in turns, so that a family that doesn't work costs one wait and not
  /// one for each of its addresses (RFC 8305, section 4).
  static func interleaved(_ addresses: [SocketAddress]) -> [SocketAddress] {
    guard let family = addresses.first?.family else { return [] }
    let same = addresses.filter { $0.family == family }
    let other = addresses.filter { $0.family != family }
    return (0..<max(same.count, other.count)).flatMap { index in
      [same, other].compactMap { $0.indices.contains(index) ? $0[index] : nil }
    }
  }

  /// Calls `lookUp`, and then `answer` with what it found, on a thread of the resolver.
  static func start(_ lookUp: @escaping @Sendable () -> Answer, answer: @escaping @Sendable (Answer) -> Void)
  {
    let mustStart = pool.withLock { pool in
      pool.waiting.append { answer(lookUp()) }
      guard pool.threads < threadLimit else { return false }
      pool.threads += 1
      return true
    }
    guard mustStart else { return }
    var thread = pthread_t()
    let status = startSmallThread(&thread, isDetached: true) { _ in
      while let work = Resolver.next() { work() }
      return nil
    }
    if status != 0 {
      pool.withLock { $0.threads -= 1 }
      answer(.failure(Failure(reason: "no thread can be started: \(errorText(status))")))
    }
  }

  private static func next() -> (@Sendable () -> Void)? {
    pool.withLock { pool in
      if pool.waiting.isEmpty {
        pool.threads -= 1
        return nil
      }
      return pool.waiting.removeFirst()
    }
  }

  /// Blocks for as long as DNS takes.
  static func lookUp(
    _ host: String, port: Int, family: AddressFamily = .any, flags: Int32 = AI_ADDRCONFIG
  ) -> Answer {
    var hints = addrinfo()
    hints.ai_family =
      switch family {
      case .any: AF_UNSPEC
      case .inet: AF_INET
      case .inet6: AF_INET6
      }
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = flags | AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0 else {
      let reason = status == EAI_SYSTEM ? errorText(errno) : String(cString: gai_strerror(status))
      return .failure(Failure(reason: reason))
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var item = list
    while let info = item?.pointee {
      if let address = info.ai_addr {
        let bytes = UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen))
        addresses.append(SocketAddress(family: info.ai_family, bytes: Array(bytes)))
      }
      item = info.ai_next
    }
    return addresses.isEmpty ? .failure(Failure(reason: "it has no address")) : .success(addresses)
  }
}
