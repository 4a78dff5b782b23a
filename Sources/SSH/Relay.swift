import Glibc

/// Passes bytes between a socket here and a stream, both ways, at the pace of the slower end, each end by
/// itself: one that sends no more may still read.
///
/// `@unchecked Sendable`: it is confined to the reactor's thread.
final class Relay: @unchecked Sendable {
  private let socket: SocketCarrier
  private var stream: TunnelStream?
  private var hasSocketEnded = false
  private var isShutDown = false
  private var isOver = false
  private let ended: @Sendable (Relay) -> Void

  /// Takes over the socket; nil where it can't be watched, and is closed.
  init?(_ socket: Int32, ended: @escaping @Sendable (Relay) -> Void) {
    guard let carrier = SocketCarrier(taking: socket, isTCP: false) else { return nil }
    self.ended = ended
    self.socket = carrier
    self.socket.changed = { [weak self] in self?.turn() }
  }

  func begin(_ stream: TunnelStream) {
    guard !isOver else { return stream.close() }
    self.stream = stream
    stream.changed = { [weak self] in self?.turn() }
    turn()
  }

  /// Ends it so that the program at the socket sees an error, not an end.
  func abort() {
    guard !isOver else { return }
    var reset = linger(l_onoff: 1, l_linger: 0)
    setsockopt(socket.socket, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
    finish()
  }

  private func finish() {
    guard !isOver else { return }
    isOver = true
    socket.close()
    stream?.close()
    stream = nil
    ended(self)
  }

  private func turn() {
    guard let stream, !isOver else { return }
    if stream.failure != nil { return abort() }
    guard sendOut(stream), takeIn(stream) else { return abort() }
    guard isShutDown else { return }
    if stream.isPeerGone || (hasSocketEnded && stream.isFinishSent) { finish() }
  }

  /// From the stream to the socket; false where the socket has failed.
  private func sendOut(_ stream: TunnelStream) -> Bool {
    var code = 0
    while code >= 0, stream.hasBytes {
      _ = stream.withInbox { bytes in
        guard let base = bytes.baseAddress else { return 0 }
        code = socket.send(base, bytes.count)
        return max(0, code)
      }
    }
    if code < 0 { return code == -Int(EAGAIN) }
    if stream.isAtEnd, !isShutDown {
      isShutDown = true
      shutdown(socket.socket, Int32(SHUT_WR))
    }
    return true
  }

  /// From the socket to the stream; false where the socket has failed.
  private func takeIn(_ stream: TunnelStream) -> Bool {
    withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 1) { buffer in
      guard let base = buffer.baseAddress else { return false }
      while !hasSocketEnded, !stream.isPeerGone, stream.room > 0 {
        let count = socket.receive(base, min(buffer.count, stream.room))
        if count < 0 { return count == -Int(EAGAIN) }
        if count == 0 {
          hasSocketEnded = true
          stream.finish()
        } else {
          _ = stream.send(base, count)
        }
      }
      return true
    }
  }
}
