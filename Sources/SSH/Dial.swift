import CLibSSH2
import Glibc

/// The TCP connection.
extension SSHConnection {
  /// Connects to the first of the host's addresses that takes a connection.
  func dial(_ scope: Scope, deadline: ContinuousClock.Instant) async throws(SSHError) {
    phase = .resolving
    let addresses = try await resolve(scope)
    phase = .connecting
    var failures: [(address: String, code: Int32)] = []
    for (index, address) in addresses.enumerated() {
      // An address that swallows packets must not use up the time of those after it.
      let share = (deadline - .now) / (addresses.count - index)
      let code = try await dial(address, scope, until: .now + share)
      if code == 0 { return }
      failures.append((address.text, code))
    }
    let isRefused = failures.allSatisfy { $0.code == ECONNREFUSED }
    let reasons = failures.map { "\($0.address): \(errorText($0.code))" }.joined(separator: ", ")
    if isRefused {
      throw SSHError(
        .refused, target, "nothing listens there (\(reasons)); is sshd running, and is the port right?")
    }
    throw SSHError(.unreachable, target, "the host can't be reached (\(reasons))")
  }

  private func resolve(_ scope: Scope) async throws(SSHError) -> [SocketAddress] {
    guard (1...65535).contains(target.port), !target.host.isEmpty, !target.host.utf8.contains(0) else {
      throw SSHError(.unresolvable, target, "the host must have a name, and the port must be 1 to 65535")
    }
    guard !target.user.isEmpty, !target.user.utf8.contains(0) else {
      throw SSHError(.authenticationFailed, target, "no user is set to log in as")
    }
    if let addresses = Resolver.numeric(target.host, port: target.port) { return addresses }
    answer = nil
    Resolver.start(target.lookUp ?? { [target] in Resolver.lookUp(target.host, port: target.port) }) {
      [weak self] answer in
      Reactor.shared.perform { [weak self] in self?.assumeIsolated { $0.take(answer) } }
    }
    while true {
      try check(scope)
      switch answer {
      case .success(let addresses): return addresses
      case .failure(let failure):
        throw SSHError(
          .unresolvable, target,
          "the name can't be looked up: \(failure.reason); is it spelt right, and does DNS work here?")
      case nil: await pause()
      }
    }
  }

  private func take(_ answer: Resolver.Answer) {
    self.answer = answer
    wake()
  }

  /// Tries one address; answers with the errno of its failure.
  private func dial(
    _ address: SocketAddress, _ scope: Scope, until end: ContinuousClock.Instant
  ) async throws(SSHError) -> Int32 {
    let socket = Glibc.socket(
      address.family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else {
      if errno == EMFILE || errno == ENFILE {
        throw SSHError(
          .local, target, "\(errorText(errno)); raise the limit (ulimit -n) or connect to fewer hosts")
      }
      return errno
    }
    setOptions(socket)
    let status = address.bytes.withUnsafeBytes { raw in
      Glibc.connect(socket, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
    }
    guard status == 0 || errno == EINPROGRESS else {
      let code = errno
      Glibc.close(socket)
      return code
    }
    guard let link = Link(taking: socket) else {
      throw SSHError(.local, target, "no memory for an SSH session")
    }
    guard link.register({ [weak self] in self?.assumeIsolated { $0.socketChanged() } }) else {
      throw SSHError(.local, target, "the socket can't be watched: \(errorText(errno))")
    }
    let timer = Reactor.shared.schedule(at: end) { [weak self] in self?.assumeIsolated { $0.wake() } }
    defer { Reactor.shared.cancelTimer(timer) }
    while true {
      var poll = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
      if Glibc.poll(&poll, 1, 0) > 0 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size)
        if code == 0 { self.link = link }
        return code
      }
      if ContinuousClock.now >= end { return ETIMEDOUT }
      try check(scope)
      await pause()
    }
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
