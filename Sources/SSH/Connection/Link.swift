import CKeystream
import CLibSSH2
import Glibc

/// A libssh2 session and the socket or the stream that carries it. Confined to the reactor's thread.
///
/// libssh2 reads and writes through this class, which keeps five promises that its own calls don't:
/// - *A packet is never half sent.* What the carrier doesn't take is kept in `outbox`. In libssh2 1.10 a packet
///   that is half sent must be finished by the very call that began it, and any other call that sends in
///   between breaks the session (BAD_USE).
/// - *It is known whether a call took bytes from the carrier* (`received`). One call reads what another
///   waits for; edge-triggered epoll doesn't tell of it again.
/// - *Memory is bounded.* libssh2 allocates through this class too.
/// - *A call ends.* A server that sends without pause is cut off after `turnLimit` bytes and goes on at the
///   reactor's next turn; one that sends without end before the keys are agreed on is refused.
/// - *A length that isn't true leads nowhere.* Where libssh2 1.10 doesn't check one, the memory that it asks for
///   tells of it (``resize(_:to:)``).
final class Link {
  let carrier: any Carrier
  /// Nil only after `end`.
  private(set) var session: OpaquePointer?

  private(set) var outbox: [UInt8] = []
  private var sent = 0
  /// How many bytes were read from the carrier so far.
  private(set) var received: UInt64 = 0
  /// Whether the carrier was found empty when it was last read.
  private(set) var isDrained = false
  private var turnBudget = Link.turnLimit
  private var handshakeBudget = 256 << 10
  var isHandshakeOver = false {
    didSet { if isHandshakeOver { opening = [] } }
  }
  /// What the server said first, until the keys are agreed on: for the message where that fails.
  private(set) var opening: [UInt8] = []
  private static let openingLimit = 16 << 10
  private var isEnded = false

  /// Why the carrier failed; 0: the peer closed it.
  private(set) var socketError: Int32?
  private(set) var isFlooded = false
  /// The text with which the server said goodbye, made printable.
  fileprivate(set) var farewell: String?

  /// What the server said when it last refused a login attempt; libssh2 keeps it to itself (``LoginRefusal``).
  var refusal: LoginRefusal?
  var isLoggingIn = false {
    didSet { loginBlocks = [] }
  }
  /// libssh2's memory while logging in: the packets that it reads are in it.
  private var loginBlocks: Set<UnsafeMutableRawPointer> = []
  /// Whether the server has asked something that is no question.
  private(set) var isMalformed = false

  /// How much memory libssh2 holds for this session.
  private var memory = 0
  /// libssh2 queues whatever a server sends for a channel, also what no one asked for. A stream's window is
  /// room that was promised, on top.
  var memoryLimit = 128 << 20

  static let turnLimit = 1 << 20
  private static let outboxLimit = 8 << 20
  /// Reading pauses while more than this waits to be sent: a peer that asks without reading its answers.
  private static let outboxPause = 1 << 20

  private static let initialized: Bool = {
    // Without it all works too, and large transfers take half as long again.
    _ = martlet_keystream_install()
    return libssh2_init(0) == 0
  }()

  /// libssh2 wants a descriptor that doesn't block, and asks it for no more than that flag: all bytes go
  /// through the callbacks.
  static let placeholder: Int32 = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))

  /// Takes over the carrier; nil where there is no memory for a session.
  init?(taking carrier: any Carrier) {
    self.carrier = carrier
    guard Link.initialized,
      let session = libssh2_session_init_ex(
        allocate, release, reallocate, Unmanaged.passUnretained(self).toOpaque())
    else {
      carrier.close()
      return nil
    }
    self.session = session
    libssh2_session_set_blocking(session, 0)
    set(LIBSSH2_CALLBACK_SEND, unsafeBitCast(sendBytes, to: UnsafeMutableRawPointer.self))
    set(LIBSSH2_CALLBACK_RECV, unsafeBitCast(receiveBytes, to: UnsafeMutableRawPointer.self))
    set(LIBSSH2_CALLBACK_DISCONNECT, unsafeBitCast(noteFarewell, to: UnsafeMutableRawPointer.self))
  }

  private func set(_ callback: Int32, _ function: UnsafeMutableRawPointer) {
    _ = libssh2_session_callback_set(session, callback, function)
  }

  deinit { end() }

  /// Closes the connection and frees the session with its channels: every pointer to one is void now.
  func end() {
    guard let session else { return }
    // From here on nothing is sent and reading finds the end, so that no call below can want to wait.
    isEnded = true
    libssh2_session_free(session)
    self.session = nil
    carrier.close()
  }

  /// Tells the server that nothing more will come, as far as that takes no waiting.
  func sayGoodbye() {
    guard let session, socketError == nil else { return }
    _ = libssh2_session_disconnect_ex(session, SSH_DISCONNECT_BY_APPLICATION, "done", "")
    flush()
  }

  func beginTurn() { turnBudget = Link.turnLimit }

  /// Sends what is left in the outbox, as far as the socket takes it.
  func flush() {
    while sent < outbox.count, socketError == nil {
      let count = outbox.withUnsafeBytes { bytes in
        bytes.baseAddress.map { carrier.send($0 + sent, bytes.count - sent) } ?? 0
      }
      if count < 0 {
        if count != -Int(EAGAIN) { socketError = Int32(-count) }
        break
      }
      sent += count
    }
    if sent == outbox.count {
      outbox.removeAll(keepingCapacity: outbox.capacity <= 64 << 10)
      sent = 0
    }
  }

  fileprivate func send(_ buffer: UnsafeRawPointer, _ length: Int) -> Int {
    if isEnded { return length }
    if socketError != nil { return -Int(EPIPE) }
    var count = 0
    if outbox.isEmpty {
      count = carrier.send(buffer, length)
      if count < 0 {
        guard count == -Int(EAGAIN) else {
          socketError = Int32(-count)
          return count
        }
        count = 0
      }
    }
    if count < length {
      guard outbox.count - sent + length - count <= Link.outboxLimit else {
        isFlooded = true
        return -Int(ECONNABORTED)
      }
      outbox += UnsafeRawBufferPointer(start: buffer + count, count: length - count)
    }
    return length
  }

  fileprivate func receive(_ buffer: UnsafeMutableRawPointer, _ length: Int) -> Int {
    if isEnded { return 0 }
    guard turnBudget > 0, outbox.count - sent < Link.outboxPause else { return -Int(EAGAIN) }
    let count = carrier.receive(buffer, length)
    if count < 0 {
      guard count == -Int(EAGAIN) else {
        socketError = Int32(-count)
        return count
      }
      isDrained = true
      return count
    }
    if count == 0 {
      socketError = socketError ?? 0
      return 0
    }
    received += UInt64(count)
    isDrained = false
    turnBudget -= count
    if !isHandshakeOver {
      let kept = min(count, Link.openingLimit - opening.count)
      opening += UnsafeRawBufferPointer(start: buffer, count: kept)
      handshakeBudget -= count
      if handshakeBudget < 0 {
        isFlooded = true
        return -Int(ECONNABORTED)
      }
    }
    return count
  }

  func resize(_ old: UnsafeMutableRawPointer?, to count: Int) -> UnsafeMutableRawPointer? {
    if isLoggingIn, old == nil, loginBlocks.contains(where: { isBeyond($0, nameOf: count) }) {
      isMalformed = true
      return nil
    }
    let before = old.map { malloc_usable_size($0) } ?? 0
    guard memory - before + count <= memoryLimit else {
      isFlooded = true
      return nil
    }
    guard let new = realloc(old, count) else { return nil }
    memory += malloc_usable_size(new) - before
    // Where a server says that a signal's name is longer than its message, libssh2 1.10 takes what was in this memory
    // for the name, up to a zero wherever that is.
    if old == nil { new.storeBytes(of: 0, as: UInt8.self) }
    if isLoggingIn {
      if let old { loginBlocks.remove(old) }
      loginBlocks.insert(new)
    }
    return new
  }

  /// Whether a block holds a server's questions (SSH_MSG_USERAUTH_INFO_REQUEST, RFC 4256 section 3.2) with a name
  /// of this length that goes on behind its end. libssh2 1.10 makes room for the name and copies it without
  /// looking where the packet ends, and a server could have it read anywhere.
  private func isBeyond(_ block: UnsafeMutableRawPointer, nameOf count: Int) -> Bool {
    let bytes = UnsafeRawBufferPointer(start: block, count: malloc_usable_size(block))
    guard bytes.count >= 5, bytes[0] == 60 else { return false }
    return bytes[1..<5].reduce(0) { $0 << 8 | Int($1) } == count && count > bytes.count - 5
  }

  func free(_ block: UnsafeMutableRawPointer) {
    loginBlocks.remove(block)
    let size = malloc_usable_size(block)
    memory -= size
    if isLoggingIn, let said = LoginRefusal(packet: UnsafeRawBufferPointer(start: block, count: size)) {
      refusal = said
    }
    Glibc.free(block)
  }

  /// What libssh2 says about its last failure, made printable.
  var lastMessage: String {
    var text: UnsafeMutablePointer<CChar>?
    var count: Int32 = 0
    guard let session, libssh2_session_last_error(session, &text, &count, 0) != 0, let text else { return "" }
    return printable(UnsafeRawBufferPointer(start: text, count: Int(count)))
  }
}

private typealias Abstract = UnsafeMutablePointer<UnsafeMutableRawPointer?>

private func link(_ abstract: Abstract?) -> Link? {
  abstract?.pointee.map { Unmanaged<Link>.fromOpaque($0).takeUnretainedValue() }
}

private let allocate: @convention(c) (Int, Abstract?) -> UnsafeMutableRawPointer? = { count, abstract in
  link(abstract)?.resize(nil, to: max(count, 1))
}

private let reallocate:
  @convention(c) (UnsafeMutableRawPointer?, Int, Abstract?) -> UnsafeMutableRawPointer? = {
    block, count, abstract in
    link(abstract)?.resize(block, to: max(count, 1))
  }

private let release: @convention(c) (UnsafeMutableRawPointer?, Abstract?) -> Void = { block, abstract in
  if let block { link(abstract)?.free(block) }
}

private let sendBytes: @convention(c) (Int32, UnsafeRawPointer?, Int, Int32, Abstract?) -> Int = {
  _, buffer, length, _, abstract in
  guard let link = link(abstract), let buffer else { return -Int(EINVAL) }
  return link.send(buffer, length)
}

private let receiveBytes: @convention(c) (Int32, UnsafeMutableRawPointer?, Int, Int32, Abstract?) -> Int = {
  _, buffer, length, _, abstract in
  guard let link = link(abstract), let buffer else { return -Int(EINVAL) }
  return link.receive(buffer, length)
}

private let noteFarewell:
  @convention(c) (
    OpaquePointer?, Int32, UnsafePointer<CChar>?, Int32, UnsafePointer<CChar>?, Int32, Abstract?
  ) -> Void = { _, _, message, length, _, _, abstract in
    guard let link = link(abstract), let message, length > 0 else { return }
    link.farewell = printable(UnsafeRawBufferPointer(start: message, count: Int(length)))
  }
