import CLibSSH2
import Glibc

/// A TCP connection that a server makes for this client (direct-tcpip, RFC 4254 section 7.2), as a stream of
/// bytes with bounded memory in both directions.
///
/// The calls of libssh2 that move its bytes are made by ``SSHConnection/pump()``, never from within a call of
/// this class, which may come from a callback of another session.
///
/// `@unchecked Sendable` because it stands between two actors; both run on the reactor's thread, to which it
/// is confined.
final class TunnelStream: Carrier, @unchecked Sendable {
  let channel: Channel
  private weak var connection: SSHConnection?
  var changed: (@Sendable () -> Void)?
  /// Called once, when the stream is over.
  var ended: (@Sendable () -> Void)?

  private var inbox = ByteQueue()
  private var outbox = ByteQueue()
  /// The other side has sent its last byte, and it is in the inbox.
  private(set) var isAtEnd = false
  /// The other side has closed: what is sent goes nowhere.
  private(set) var isPeerGone = false
  private var mustFinish = false
  private(set) var isFinishSent = false
  /// The reader was too slow, and bytes may be waiting in libssh2.
  private var isThrottled = false
  private(set) var isClosed = false
  private(set) var failure: SSHError?

  private static let limit = 256 << 10
  /// One stream's share of a turn.
  private static let share = 128 << 10

  init(_ channel: Channel, _ connection: SSHConnection) {
    self.channel = channel
    self.connection = connection
  }

  /// What was taken has gone to the connection.
  var isFlushed: Bool { outbox.isEmpty }
  /// Something has come that hasn't been taken.
  var hasBytes: Bool { !inbox.isEmpty }
  /// How many bytes ``send(_:_:)`` takes now.
  var room: Int { max(0, TunnelStream.limit - outbox.count) }

  func send(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    if failure != nil { return -Int(ECONNRESET) }
    if isClosed || isPeerGone || mustFinish { return -Int(EPIPE) }
    let taken = min(count, room)
    guard taken > 0 else { return -Int(EAGAIN) }
    outbox.append(UnsafeRawBufferPointer(start: bytes, count: taken))
    pumpSoon()
    return taken
  }

  func receive(_ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    let given = withInbox { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      let given = min(count, bytes.count)
      memcpy(buffer, base, given)
      return given
    }
    if given > 0 { return given }
    if failure != nil { return -Int(ECONNRESET) }
    return isAtEnd || isClosed ? 0 : -Int(EAGAIN)
  }

  /// Lets the body take some of what has come: it answers how many bytes.
  func withInbox(_ body: (UnsafeRawBufferPointer) -> Int) -> Int {
    guard !inbox.isEmpty else { return 0 }
    let taken = inbox.withUnsafeBytes(body)
    if taken > 0 { inbox.removeFirst(taken) }
    if isThrottled, inbox.count <= TunnelStream.limit / 2 {
      isThrottled = false
      pumpSoon()
    }
    return taken
  }

  /// Nothing more will be sent.
  func finish() {
    mustFinish = true
    pumpSoon()
  }

  func close() {
    // The last reference to a connection may be let go of on any thread.
    guard Reactor.shared.isCurrentThread else { return Reactor.shared.perform { self.close() } }
    guard !isClosed else { return }
    isClosed = true
    changed = nil
    inbox.removeAll()
    guard let connection, failure == nil else { return end() }
    connection.assumeIsolated { $0.close(self) }
  }

  /// The stream is over.
  func end() {
    let ended = ended
    self.ended = nil
    ended?()
  }

  /// The connection that carries it is gone.
  func fail(_ error: SSHError) {
    guard failure == nil else { return }
    failure = error
    end()
    changed?()
  }

  private func pumpSoon() { connection?.assumeIsolated { $0.schedulePump() } }

  /// What a pass has done for one stream.
  struct Progress {
    var hasMoved = false
    /// There is more that could be moved at once.
    var wantsMore = false
    /// A negative answer of libssh2 after which the session can't go on.
    var failure: Int?
  }

  /// Moves bytes between the queues and libssh2, as far as that takes no waiting.
  func move(_ link: Link, _ buffer: UnsafeMutableBufferPointer<CChar>) -> Progress {
    var progress = Progress()
    guard let pointer = channel.pointer else { return progress }
    fill(pointer, buffer, &progress)
    if progress.failure == nil { drain(pointer, link, &progress) }
    return progress
  }

  private func fill(
    _ pointer: OpaquePointer, _ buffer: UnsafeMutableBufferPointer<CChar>, _ progress: inout Progress
  ) {
    var moved = 0
    while !isAtEnd {
      var waiting: UInt = 0
      libssh2_channel_window_read_ex(pointer, &waiting, nil)
      guard waiting > 0 else {
        isAtEnd = libssh2_channel_eof(pointer) == 1
        progress.hasMoved = progress.hasMoved || isAtEnd
        return
      }
      if isClosed {
        // Nobody reads it any more, and what is left would keep the end from showing.
        inbox.removeAll()
      }
      guard inbox.count < TunnelStream.limit else {
        isThrottled = true
        return
      }
      guard moved < TunnelStream.share else {
        progress.wantsMore = true
        return
      }
      let count = libssh2_channel_read_ex(pointer, 0, buffer.baseAddress, buffer.count)
      guard count > 0 else {
        if count < 0, count != Int(LIBSSH2_ERROR_EAGAIN) { progress.failure = count }
        return
      }
      inbox.append(UnsafeRawBufferPointer(start: buffer.baseAddress, count: count))
      moved += count
      progress.hasMoved = true
    }
  }

  private func drain(_ pointer: OpaquePointer, _ link: Link, _ progress: inout Progress) {
    if isAtEnd, !isPeerGone, libssh2_channel_wait_closed(pointer) == 0 {
      isPeerGone = true
      outbox.removeAll()
      progress.hasMoved = true
    }
    var moved = 0
    while !outbox.isEmpty {
      // libssh2 takes any amount once its packets go to the link's outbox: the socket sets the pace.
      guard link.outbox.isEmpty else { return }
      guard moved < TunnelStream.share else {
        progress.wantsMore = true
        return
      }
      let count = outbox.withUnsafeBytes { bytes in
        libssh2_channel_write_ex(
          pointer, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
      }
      guard count > 0 else {
        if count < 0, count != Int(LIBSSH2_ERROR_EAGAIN) { progress.failure = count }
        return
      }
      outbox.removeFirst(count)
      moved += count
      progress.hasMoved = true
    }
    guard mustFinish, !isFinishSent, !isPeerGone else { return }
    let code = libssh2_channel_send_eof(pointer)
    if code == 0 {
      isFinishSent = true
      progress.hasMoved = true
    } else if code != LIBSSH2_ERROR_EAGAIN {
      progress.failure = Int(code)
    }
  }
}
