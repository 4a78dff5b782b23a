#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What one direction of a connection has received and not yet passed on.
struct DelayLine {
  private struct Piece {
    let due: UInt64
    let bytes: [UInt8]
  }

  /// More than this is left in the kernel, so that a fast sender can't fill the memory.
  static let capacity = 64 << 20

  private var pieces: [Piece] = []
  private var head = 0
  private var sent = 0
  private var held = 0
  /// When the end of the stream is due, once it was read.
  private(set) var endDue: UInt64?
  private(set) var isFinished = false

  var wantsInput: Bool { endDue == nil && held < Self.capacity }

  /// When the next piece, or the end, is to be passed on.
  var due: UInt64? {
    if isFinished { return nil }
    return head < pieces.count ? pieces[head].due : endDue
  }

  mutating func receive(from source: CInt, at now: UInt64, delay: UInt64) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(source, &buffer, buffer.count, 0)
    if count > 0 {
      pieces.append(Piece(due: now + delay, bytes: Array(buffer[..<count])))
      held += count
    } else if count == 0 || ![EAGAIN, EWOULDBLOCK, EINTR].contains(errno) {
      endDue = now + delay
    }
  }

  /// Passes on what is due, as far as the receiver takes it.
  mutating func send(to sink: CInt, at now: UInt64) {
    while head < pieces.count, pieces[head].due <= now {
      let bytes = pieces[head].bytes
      let count = bytes.withUnsafeBytes {
        sendWithoutSignal(sink, UnsafeRawBufferPointer(rebasing: $0[sent...]))
      }
      if count < 0 {
        if [EAGAIN, EWOULDBLOCK, EINTR].contains(errno) { return }
        // The receiver is gone: nothing more can be passed on.
        isFinished = true
        endDue = endDue ?? now
        pieces = []
        head = 0
        return
      }
      sent += count
      held -= count
      if sent == bytes.count {
        sent = 0
        head += 1
      }
    }
    if head > 256 || head == pieces.count {
      pieces.removeFirst(head)
      head = 0
    }
    if pieces.isEmpty, let endDue, endDue <= now, !isFinished {
      shutdown(sink, CInt(SHUT_WR))
      isFinished = true
    }
  }
}

/// send(2) that returns an error where it would otherwise raise SIGPIPE.
private func sendWithoutSignal(_ sink: CInt, _ bytes: UnsafeRawBufferPointer) -> Int {
  #if os(Linux)
    send(sink, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
  #else
    send(sink, bytes.baseAddress, bytes.count, 0)
  #endif
}

/// The relay's thread: all its connections, one call of poll(2) at a time.
struct RelayLoop {
  private struct Connection {
    let client: CInt
    let server: CInt
    var isConnected = false
    var isRefused = false
    var toServer = DelayLine()
    var toClient = DelayLine()

    var isFinished: Bool { isRefused || toServer.isFinished && toClient.isFinished }

    /// poll(2) takes no negative descriptors for an error but ignores them: that is how a side of which
    /// nothing is wanted is left out, because its hang-up would be reported again and again.
    func interests(at now: UInt64) -> [pollfd] {
      guard isConnected else {
        return [
          pollfd(fd: -1, events: 0, revents: 0), pollfd(fd: server, events: Int16(POLLOUT), revents: 0),
        ]
      }
      func interest(_ descriptor: CInt, reads: DelayLine, writes: DelayLine) -> pollfd {
        var events = 0
        if reads.wantsInput { events |= Int(POLLIN) }
        if let due = writes.due, due <= now { events |= Int(POLLOUT) }
        return pollfd(fd: events == 0 ? -1 : descriptor, events: Int16(events), revents: 0)
      }
      return [
        interest(client, reads: toServer, writes: toClient),
        interest(server, reads: toClient, writes: toServer),
      ]
    }

    mutating func pass(client clientEvents: Int16, server serverEvents: Int16, at now: UInt64, delay: UInt64)
    {
      let readable = Int16(POLLIN) | Int16(POLLHUP) | Int16(POLLERR)
      if clientEvents & readable != 0, toServer.wantsInput {
        toServer.receive(from: client, at: now, delay: delay)
      }
      if serverEvents & readable != 0, toClient.wantsInput {
        toClient.receive(from: server, at: now, delay: delay)
      }
      toServer.send(to: server, at: now)
      toClient.send(to: client, at: now)
    }

    /// The result of the connection that was begun: 0 is success.
    func connectionError() -> CInt {
      var error: CInt = 0
      var length = socklen_t(MemoryLayout<CInt>.size)
      return getsockopt(server, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno
    }
  }

  let listener: CInt
  let wake: CInt
  let target: SocketAddress
  let delay: UInt64
  private var connections: [Connection] = []

  init(listener: CInt, wake: CInt, target: SocketAddress, delay: UInt64) {
    self.listener = listener
    self.wake = wake
    self.target = target
    self.delay = delay
  }

  /// Relays until the other end of `wake` is closed.
  mutating func run() {
    defer {
      for connection in connections {
        close(connection.client)
        close(connection.server)
      }
      close(listener)
      close(wake)
    }
    while true {
      var polled = [
        pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
        pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
      ]
      let before = Self.now()
      for connection in connections { polled += connection.interests(at: before) }
      guard poll(&polled, nfds_t(polled.count), wait(from: before)) >= 0 || errno == EINTR else { return }
      if polled[0].revents != 0 { return }

      let now = Self.now()
      for index in connections.indices {
        let (client, server) = (polled[2 + 2 * index].revents, polled[3 + 2 * index].revents)
        if connections[index].isConnected {
          connections[index].pass(client: client, server: server, at: now, delay: delay)
        } else if server != 0 {
          connections[index].isConnected = connections[index].connectionError() == 0
          connections[index].isRefused = !connections[index].isConnected
        }
      }
      for index in connections.indices.reversed() where connections[index].isFinished { drop(index) }
      if polled[1].revents != 0 { accept() }
    }
  }

  private mutating func drop(_ index: Int) {
    close(connections[index].client)
    close(connections[index].server)
    connections.remove(at: index)
  }

  private mutating func accept() {
    let client = Self.accept(listener)
    guard client >= 0 else { return }
    let server = openStreamSocket()
    guard server >= 0, makeNonBlocking(client), makeNonBlocking(server) else {
      close(client)
      if server >= 0 { close(server) }
      return
    }
    for descriptor in [client, server] {
      // A relay that held small packets back would add a delay that nobody asked for.
      var on: CInt = 1
      setsockopt(descriptor, CInt(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<CInt>.size))
    }
    let result = target.withPointer { connect(server, $0, $1) }
    guard result == 0 || errno == EINPROGRESS else {
      close(client)
      close(server)
      return
    }
    connections.append(Connection(client: client, server: server, isConnected: result == 0))
  }

  private static func accept(_ listener: CInt) -> CInt {
    #if canImport(Darwin)
      let descriptor = Darwin.accept(listener, nil, nil)
    #elseif canImport(Musl)
      let descriptor = Musl.accept(listener, nil, nil)
    #else
      let descriptor = Glibc.accept(listener, nil, nil)
    #endif
    if descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    return descriptor
  }

  /// Milliseconds until something is due, rounded up; -1 when nothing is.
  private func wait(from now: UInt64) -> CInt {
    let due = connections.flatMap { [$0.toServer.due, $0.toClient.due] }.compactMap { $0 }.filter { $0 > now }
      .min()
    guard let due else { return -1 }
    return CInt((due - now + 999_999) / 1_000_000)
  }

  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
