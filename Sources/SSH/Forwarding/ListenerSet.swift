import CLibSSH2
import Glibc

/// The listening sockets of a forwarding, and the connections of libssh2's that they took.
///
/// `@unchecked Sendable`: it is confined to the reactor's thread.
package final class ListenerSet: @unchecked Sendable {
  private var sockets: [(socket: Int32, registration: UInt64, path: String?)] = []
  private var relays: [ObjectIdentifier: Relay] = [:]
  private var isClosed = false

  /// How many connections may wait to be taken. The kernel resets some of a crowd that is larger.
  private static let queueLimit: Int32 = 1024

  /// Programs that are started after this have the raised limit on descriptors too.
  package init() { _ = Reactor.shared }

  func add(_ relay: Relay) { relays[ObjectIdentifier(relay)] = relay }

  func remove(_ relay: Relay) { relays[ObjectIdentifier(relay)] = nil }

  func close() {
    isClosed = true
    for (socket, registration, path) in sockets {
      Reactor.shared.remove(registration, socket)
      Glibc.close(socket)
      if let path { unlink(path) }
    }
    sockets = []
    for relay in relays.values { relay.abort() }
    relays = [:]
  }

  /// Ends listening, and calls `then` after that; from any thread.
  package func end(then: @escaping @Sendable () -> Void = {}) {
    Reactor.shared.perform {
      self.close()
      then()
    }
  }

  /// Listens, and gives each connection's socket to `accepted`, on the thread that serves all.
  ///
  /// - Parameter target: Where the connections are to lead, for the errors.
  /// - Returns: The addresses, with their ports, or the path.
  package func open(
    _ listener: PortForwarding.Listener, _ target: SSHTarget, _ accepted: @escaping @Sendable (Int32) -> Void
  ) async throws(SSHError) -> [String] {
    let result: Result<[(Int32, String, String?)], SSHError>
    switch listener {
    case .socket(let path):
      result = ListenerSet.listen(path: path, target).map { [($0, path, path)] }
    case .port(let port, address: let address):
      let addresses = try await ListenerSet.addresses(port: port, address, target)
      result = ListenerSet.listen(port: port, addresses, target)
        .map { $0.map { ($0, ListenerSet.place($0), nil) } }
    }
    let opened = try result.get()
    return await withCheckedContinuation { done in
      Reactor.shared.perform {
        for (socket, _, path) in opened { self.watch(socket, path, accepted) }
        done.resume(returning: opened.map(\.1))
      }
    }
  }

  private func watch(_ socket: Int32, _ path: String?, _ accepted: @escaping @Sendable (Int32) -> Void) {
    let registration = Reactor.shared.add(socket) { [weak self] in self?.accept(socket, accepted) }
    guard let registration, !isClosed else {
      Glibc.close(socket)
      return
    }
    sockets.append((socket, registration, path))
    accept(socket, accepted)
  }

  private func accept(_ socket: Int32, _ accepted: @escaping @Sendable (Int32) -> Void) {
    while !isClosed, sockets.contains(where: { $0.socket == socket }) {
      let connection = Glibc.accept(socket, nil, nil)
      if connection >= 0 {
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        _ = fcntl(connection, F_SETFL, O_NONBLOCK)
        var on: Int32 = 1
        setsockopt(
          connection, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        accepted(connection)
        continue
      }
      if errno == EINTR || errno == ECONNABORTED { continue }
      if errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS {
        // Those that wait stay in the queue; epoll tells of new ones only.
        _ = Reactor.shared.schedule(at: .now + .milliseconds(100)) { [weak self] in
          self?.accept(socket, accepted)
        }
      }
      return
    }
  }

  /// The addresses to bind; on a name's look-up it doesn't hold up the reactor.
  private static func addresses(
    port: Int, _ address: String?, _ target: SSHTarget
  ) async throws(SSHError) -> [SocketAddress] {
    guard (0...65535).contains(port) else {
      throw SSHError(.local, target, "\(port) is no port to listen on: it must be 0 to 65535")
    }
    let names: [String] =
      switch address {
      case nil, "localhost": ["127.0.0.1", "::1"]
      case "*", "": ["0.0.0.0", "::"]
      case let name?:
        [name.hasPrefix("[") && name.hasSuffix("]") ? String(name.dropFirst().dropLast()) : name]
      }
    var addresses: [SocketAddress] = []
    for name in names {
      let answer = await withCheckedContinuation { (done: CheckedContinuation<Resolver.Answer, Never>) in
        Resolver.start({ Resolver.lookUp(name, port: port, flags: AI_PASSIVE) }) {
          done.resume(returning: $0)
        }
      }
      switch answer {
      case .success(let found): addresses += found
      case .failure(let failure):
        throw SSHError(.local, target, "can't listen on \(printable(name)): \(failure.reason)")
      }
    }
    return addresses
  }

  private static func listen(
    port: Int, _ addresses: [SocketAddress], _ target: SSHTarget
  ) -> Result<[Int32], SSHError> {
    var sockets: [Int32] = []
    var chosen = port
    var absent: SSHError?
    for address in addresses {
      let address = address.withPort(chosen)
      let socket = Glibc.socket(
        address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var on: Int32 = 1
      let size = socklen_t(MemoryLayout<Int32>.size)
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, size)
      if address.family == AF_INET6 { setsockopt(socket, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, size) }
      let status = address.bytes.withUnsafeBytes { raw in
        bind(socket, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      }
      if socket >= 0, status == 0, Glibc.listen(socket, queueLimit) == 0 {
        sockets.append(socket)
        // The other family gets the same.
        if chosen == 0 { chosen = boundAddress(socket).flatMap(\.port) ?? 0 }
        continue
      }
      let code = errno
      if socket >= 0 { Glibc.close(socket) }
      let place = hostAndPort(address.text, chosen)
      let hint =
        switch code {
        case EADDRINUSE: "; another program listens there: name another port, or 0 for a free one"
        case EACCES: "; ports below 1024 are root's"
        case EADDRNOTAVAIL: "; this machine doesn't have that address"
        default: ""
        }
      let error = SSHError(.local, target, "can't listen on \(place): \(errorText(code))\(hint)")
      // A machine without IPv6 has no loopback address of that kind.
      if addresses.count > 1, code == EADDRNOTAVAIL || code == EAFNOSUPPORT {
        absent = error
        continue
      }
      for socket in sockets { Glibc.close(socket) }
      return .failure(error)
    }
    if sockets.isEmpty, let absent { return .failure(absent) }
    return .success(sockets)
  }

  private static func listen(path: String, _ target: SSHTarget) -> Result<Int32, SSHError> {
    func failure(_ reason: String) -> Result<Int32, SSHError> {
      .failure(SSHError(.local, target, "can't listen on \(path): \(reason)"))
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path)
    else {
      return failure("the path is empty or longer than a socket's may be")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    func give(_ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ socket: Int32) -> Bool {
      withUnsafeBytes(of: &address) { raw in
        function(socket, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      } == 0
    }
    let socket = Glibc.socket(AF_UNIX, type, 0)
    guard socket >= 0 else { return failure(errorText(errno)) }
    var isBound = give(bind, socket)
    if !isBound, errno == EADDRINUSE {
      // A socket that nobody listens on was left behind.
      let probe = Glibc.socket(AF_UNIX, type, 0)
      let isStale = !give(connect, probe) && errno == ECONNREFUSED && isSocket(path)
      Glibc.close(probe)
      if isStale, unlink(path) == 0 { isBound = give(bind, socket) } else { errno = EADDRINUSE }
    }
    // Nobody can connect before `listen`.
    guard isBound, chmod(path, 0o600) == 0, Glibc.listen(socket, queueLimit) == 0 else {
      let code = errno
      Glibc.close(socket)
      return failure(errorText(code))
    }
    return .success(socket)
  }

  private static func isSocket(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  private static func boundAddress(_ socket: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = withUnsafeMutableBytes(of: &storage) { raw in
      getsockname(socket, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), &size)
    }
    guard status == 0 else { return nil }
    let family = Int32(storage.ss_family)
    return withUnsafeBytes(of: &storage) { raw in
      SocketAddress(family: family, bytes: Array(raw.prefix(Int(size))))
    }
  }

  private static func place(_ socket: Int32) -> String {
    guard let address = boundAddress(socket) else { return "?" }
    return hostAndPort(address.text, address.port ?? 0)
  }
}

extension SocketAddress {
  /// The TCP port; in both families' addresses it follows the family.
  var port: Int? {
    guard bytes.count >= 4, family == AF_INET || family == AF_INET6 else { return nil }
    return Int(bytes[2]) << 8 | Int(bytes[3])
  }

  func withPort(_ port: Int) -> SocketAddress {
    var changed = self
    if bytes.count >= 4 {
      changed.bytes[2] = UInt8(truncatingIfNeeded: port >> 8)
      changed.bytes[3] = UInt8(truncatingIfNeeded: port)
    }
    return changed
  }
}
