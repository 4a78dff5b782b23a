import CLibSSH2
import Glibc

/// The TCP connection.
extension SSHConnection {
  /// Finds the host's addresses, in the order in which they are tried.
  func addresses(_ scope: Scope) async throws(SSHError) -> [SocketAddress] {
    phase = .resolving
    let addresses = Resolver.interleaved(try await resolve(target.host, port: target.port, scope))
    guard target.addressFamily != .any else { return addresses }
    let family = target.addressFamily == .inet ? AF_INET : AF_INET6
    let wanted = addresses.filter { $0.family == family }
    guard !wanted.isEmpty else {
      let kind = target.addressFamily == .inet ? "IPv4" : "IPv6"
      throw SSHError(
        .unresolvable, target, "it has no \(kind) address, and AddressFamily says that only those are tried")
    }
    return wanted
  }

  /// Connects to the first of the addresses that takes a connection. The next is tried when one fails, or has
  /// not answered for a quarter of a second (RFC 8305, section 5), while those before it go on.
  func dial(_ addresses: [SocketAddress], _ scope: Scope) async throws(SSHError) {
    phase = .connecting
    var pending: [(address: SocketAddress, carrier: SocketCarrier)] = []
    defer { for attempt in pending { attempt.carrier.close() } }
    var failures: [(address: String, code: Int32, what: String)] = []
    var rest = addresses[...]
    var nextStart = ContinuousClock.now
    var timer: UInt64?
    defer { if let timer { Reactor.shared.cancelTimer(timer) } }
    let sources = try await sources(scope)
    phase = .connecting
    while true {
      var winner: SocketCarrier?
      pending.removeAll { attempt in
        // Asked once: the answer is cleared by the question.
        guard winner == nil, let code = connected(attempt.carrier.socket) else { return false }
        if code == 0 {
          winner = attempt.carrier
        } else {
          failures.append((attempt.address.text, code, errorText(code)))
          attempt.carrier.close()
          nextStart = .now
        }
        return true
      }
      if let winner {
        guard let link = Link(taking: winner) else {
          throw SSHError(.local, target, "no memory for an SSH session")
        }
        self.link = link
        return
      }
      if let address = rest.first, nextStart <= .now {
        rest = rest.dropFirst()
        switch try start(address, from: sources) {
        case .success(let carrier):
          pending.append((address, carrier))
          nextStart = .now + .milliseconds(250)
        case .failure(let failure): failures.append((address.text, failure.code, failure.what))
        }
        continue
      }
      if pending.isEmpty, rest.isEmpty { break }
      if !rest.isEmpty {
        if let timer { Reactor.shared.cancelTimer(timer) }
        timer = Reactor.shared.schedule(at: nextStart) { [weak self] in self?.assumeIsolated { $0.wake() } }
      }
      try check(scope)
      await pause()
    }
    let isRefused = failures.allSatisfy { $0.code == ECONNREFUSED }
    let reasons = failures.map { "\($0.address): \($0.what)" }.joined(separator: ", ")
    if isRefused {
      throw SSHError(
        .refused, target, "nothing listens there (\(reasons)); is sshd running, and is the port right?")
    }
    throw SSHError(.unreachable, target, "the host can't be reached (\(reasons))")
  }

  /// What has become of a socket that was told to connect: 0, an errno value, or nil as long as it isn't known.
  private func connected(_ socket: Int32) -> Int32? {
    var poll = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
    guard Glibc.poll(&poll, 1, 0) > 0 else { return nil }
    var code: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size)
    return code
  }

  func checkTarget() throws(SSHError) {
    guard (1...65535).contains(target.port), !target.host.isEmpty, !target.host.utf8.contains(0) else {
      throw SSHError(.unresolvable, target, "the host must have a name, and the port must be 1 to 65535")
    }
    guard !target.user.isEmpty, !target.user.utf8.contains(0) else {
      throw SSHError(.authenticationFailed, target, "no user is set to log in as")
    }
  }

  private func resolve(_ host: String, port: Int, _ scope: Scope) async throws(SSHError) -> [SocketAddress] {
    if let addresses = Resolver.numeric(host, port: port) { return addresses }
    answer = nil
    lookUps += 1
    let number = lookUps
    let family = target.addressFamily
    Resolver.start(target.lookUp ?? { Resolver.lookUp(host, port: port, family: family) }) {
      [weak self] answer in
      Reactor.shared.perform { [weak self] in self?.assumeIsolated { $0.take(answer, of: number) } }
    }
    while true {
      try check(scope)
      switch answer {
      case .success(let addresses): return addresses
      case .failure(let failure):
        throw SSHError(
          .unresolvable, target,
          "the name \(host == target.host ? "" : "\(printable(host)) ")can't be looked up: \(failure.reason); "
            + "is it spelt right, and does DNS work here?")
      case nil: await pause()
      }
    }
  }

  private func take(_ answer: Resolver.Answer, of number: Int) {
    guard number == lookUps else { return }
    self.answer = answer
    wake()
  }

  /// The local addresses that connections are made from; nil: the kernel's choice.
  private func sources(_ scope: Scope) async throws(SSHError) -> [SocketAddress]? {
    if let name = target.bindAddress {
      let own = try await resolve(name, port: 0, scope)
      guard let interface = target.bindInterface else { return own }
      return own + (try Self.addresses(ofInterface: interface, target))
    }
    return try target.bindInterface.map { name throws(SSHError) in
      try Self.addresses(ofInterface: name, target)
    }
  }

  private static func addresses(
    ofInterface name: String, _ target: SSHTarget
  ) throws(SSHError) -> [SocketAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { throw SSHError(.local, target, errorText(errno)) }
    defer { freeifaddrs(list) }
    var addresses: [SocketAddress] = []
    var item = list
    while let entry = item?.pointee {
      item = entry.ifa_next
      guard String(cString: entry.ifa_name) == name, let address = entry.ifa_addr else { continue }
      let family = Int32(address.pointee.sa_family)
      guard family == AF_INET || family == AF_INET6 else { continue }
      let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
      let bytes = UnsafeRawBufferPointer(start: address, count: size)
      addresses.append(SocketAddress(family: family, bytes: Array(bytes)))
    }
    guard !addresses.isEmpty else {
      throw SSHError(
        .local, target,
        "the interface \(printable(name)) (BindInterface) doesn't exist here or has no address")
    }
    return addresses
  }

  private struct StartFailure: Error {
    var code: Int32
    var what: String
  }

  /// Begins to connect to one address.
  private func start(
    _ address: SocketAddress, from sources: [SocketAddress]?
  ) throws(SSHError) -> Result<SocketCarrier, StartFailure> {
    let socket = Glibc.socket(
      address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else {
      if errno == EMFILE || errno == ENFILE {
        throw SSHError(
          .local, target, "\(errorText(errno)); raise the limit (ulimit -n) or connect to fewer hosts")
      }
      return .failure(StartFailure(code: errno, what: errorText(errno)))
    }
    func give(_ function: (Int32, UnsafePointer<sockaddr>?, socklen_t) -> Int32, _ address: SocketAddress)
      -> Int32
    {
      address.bytes.withUnsafeBytes { raw in
        function(socket, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      }
    }
    if let sources {
      let source = sources.first { $0.family == address.family }
      let code = source.map { give(bind, $0) == 0 ? 0 : errno } ?? EADDRNOTAVAIL
      if code != 0 {
        Glibc.close(socket)
        return .failure(
          StartFailure(
            code: code,
            what: "no connection can be made from \(source?.text ?? "an address of that kind") "
              + "(BindAddress or BindInterface): \(errorText(code))"))
      }
    }
    setOptions(socket)
    guard give(Glibc.connect, address) == 0 || errno == EINPROGRESS else {
      let code = errno
      Glibc.close(socket)
      return .failure(StartFailure(code: code, what: errorText(code)))
    }
    guard let carrier = SocketCarrier(taking: socket, isTCP: true) else {
      throw SSHError(.local, target, "the socket can't be watched: \(errorText(errno))")
    }
    carrier.changed = { [weak self] in self?.assumeIsolated { $0.socketChanged() } }
    return .success(carrier)
  }

  private func setOptions(_ socket: Int32) {
    func set(_ level: Int32, _ option: Int32, _ value: Int32) {
      var value = value
      setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }
    let tcp = Int32(IPPROTO_TCP)
    set(tcp, TCP_NODELAY, 1)
    // A dead peer: TCP_USER_TIMEOUT is for what was sent and not acknowledged, keepalive for an idle link.
    // libssh2's own keepalive doesn't notice (its replies are not surfaced).
    let seconds = Int32(clamping: max(1, target.peerTimeout.components.seconds))
    set(SOL_SOCKET, SO_KEEPALIVE, 1)
    set(tcp, TCP_KEEPIDLE, max(1, seconds / 2))
    set(tcp, TCP_KEEPINTVL, max(1, seconds / 6))
    set(tcp, TCP_KEEPCNT, 3)
    set(tcp, TCP_USER_TIMEOUT, seconds.multipliedReportingOverflow(by: 1000).partialValue)
    if let size = target.sendBufferSize { set(SOL_SOCKET, SO_SNDBUF, size) }
  }
}
