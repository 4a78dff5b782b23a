import CLibSSH2

/// The streams that a connection carries.
extension SSHConnection {
  /// Lets the streams move what they can at the reactor's next turn; many calls a turn are one pass.
  func schedulePump() {
    guard !isPumpScheduled, !streams.isEmpty else { return }
    isPumpScheduled = true
    Reactor.shared.perform { [weak self] in
      self?.assumeIsolated { connection in
        connection.isPumpScheduled = false
        connection.pump()
      }
    }
  }

  /// Moves the bytes of all streams, as far as that takes no waiting.
  ///
  /// It keeps the rules of ``attempt(_:_:)``: what it reads may be what others wait for, and as long as the
  /// socket wasn't found empty epoll has nothing new to tell.
  func pump() {
    guard failure == nil, phase == .idle, let link, link.session != nil, let first = streams.first else {
      return
    }
    link.beginTurn()
    let start = link.received
    var none: CChar = 0
    // Reads what the socket has for all channels; without it, each stream would ask the socket in vain.
    let code = libssh2_channel_read_ex(first.channel.pointer, 0, &none, 0)
    if code < 0, code != Int(LIBSSH2_ERROR_EAGAIN) {
      _ = breakDown(code)
      return
    }
    var changed: [TunnelStream] = []
    var wantsMore = false
    let filled = link.received
    // Where the socket is slow, the first in the pass gets its room: each is the first in its turn.
    streamTurn = (streamTurn + 1) % streams.count
    let order = streams[streamTurn...] + streams[..<streamTurn]
    let failed = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32768) { buffer -> Int? in
      for stream in order {
        let progress = stream.move(link, buffer)
        if let code = progress.failure { return code }
        if progress.hasMoved { changed.append(stream) }
        wantsMore = wantsMore || progress.wantsMore
      }
      return nil
    }
    if let failed {
      _ = breakDown(failed)
      return
    }
    if link.received != start { wakeWaiters() }
    if link.received != filled || wantsMore || (link.received != start && !link.isDrained) { schedulePump() }
    for stream in changed {
      if stream.isClosed { finishClosing(stream) } else { stream.changed?() }
    }
  }

  /// Asks the server to connect to `host` and `port` from where it is.
  ///
  /// - Parameters:
  ///   - host: A name, which the server looks up, or an address.
  ///   - timeout: How long it may take; afterwards the request goes on, but nobody waits for it.
  func openStream(
    host: String, port: Int, timeout: Duration
  ) async throws(SSHError) -> StreamAnswer {
    try await withScope(timeout: timeout) { scope throws(SSHError) in
      let request = ChannelRequest.connect(host: host, port: port)
      guard let channel = try await openChannel(scope, request) else {
        return .refused(StreamRefusal(link?.lastMessage ?? ""))
      }
      let stream = TunnelStream(channel, self)
      streams.append(stream)
      link?.memoryLimit += request.window
      // What came along with the answer may be in libssh2's queue already.
      schedulePump()
      return .opened(stream)
    }
  }

  /// Lets go of a stream once what it took has been sent.
  func close(_ stream: TunnelStream) {
    if stream.isFlushed || stream.isPeerGone || failure != nil { return finishClosing(stream) }
    stream.finish()
    _ = Reactor.shared.schedule(at: .now + .seconds(5)) { [weak self] in
      self?.assumeIsolated { $0.remove(stream) }
    }
  }

  private func finishClosing(_ stream: TunnelStream) {
    if stream.isFlushed || stream.isPeerGone { remove(stream) }
  }

  private func remove(_ stream: TunnelStream) {
    guard let index = streams.firstIndex(where: { $0 === stream }) else { return }
    streams.remove(at: index)
    link?.memoryLimit -= ChannelRequest.streamWindow
    let channel = stream.channel
    Task(executorPreference: Reactor.shared) {
      await self.release(channel)
      stream.end()
    }
  }

  /// The connection is gone, and its streams with it.
  func failStreams(_ error: SSHError) {
    let lost = streams
    streams = []
    for stream in lost { stream.fail(error) }
  }
}

/// What became of a request to connect.
enum StreamAnswer: Sendable {
  case opened(TunnelStream)
  case refused(StreamRefusal)
}

/// Why a server doesn't connect (RFC 4254, section 5.1). libssh2 doesn't give the server's own words.
package enum StreamRefusal: Sendable, Equatable {
  case prohibited, connectFailed, shortage, other(String)

  package init(_ message: String) {
    self =
      if message.contains("administratively prohibited") {
        .prohibited
      } else if message.contains("connect failed") {
        .connectFailed
      } else if message.contains("resource shortage") {
        .shortage
      } else {
        .other(message)
      }
  }

  /// Words for the person who asked for `destination` by way of `hop`.
  package func explanation(hop: String, destination: String) -> String {
    switch self {
    case .prohibited:
      "\(hop) doesn't allow connections through it to \(destination) (sshd's AllowTcpForwarding, PermitOpen "
        + "or DisableForwarding there, or a restriction of the key in its authorized_keys)"
    case .connectFailed:
      "\(hop) can't connect to \(destination): is the name known there, is it up, and does it listen on that port?"
    case .shortage: "\(hop) has no room for another connection through it to \(destination)"
    case .other(let message):
      "\(hop) refused to connect to \(destination) (\(message.isEmpty ? "no reason given" : message))"
    }
  }
}
