import CLibSSH2
import Glibc

/// A command's channel. Confined to the reactor's thread.
final class Channel {
  let id: Int
  /// Nil once the channel has been freed, by itself or with its session.
  var pointer: OpaquePointer?
  /// What ends the command: its deadline, its idle limit, or being closed.
  let scope = Scope()
  var lastActivity = ContinuousClock.now
  var readsErrorFirst = false
  /// How much output is handed on at once.
  let pieceSize: Int
  var isInputClosed = false

  init(id: Int, pointer: OpaquePointer, window: Int) {
    self.id = id
    self.pointer = pointer
    // Each piece is a hop between threads, so who has a large window for speed gets large pieces.
    pieceSize = min(max(window / 8, 32 << 10), 256 << 10)
  }
}

/// What a channel is to be.
enum ChannelRequest: Sendable {
  case session(window: Int)
  case connect(host: String, port: Int)

  /// How much the server may send ahead through one stream. Several hundred may be open at once.
  static let streamWindow = 1 << 20

  var type: String {
    switch self {
    case .session: "session"
    case .connect: "direct-tcpip"
    }
  }

  var window: Int {
    switch self {
    case .session(let window): window
    case .connect: ChannelRequest.streamWindow
    }
  }

  /// The part of the request that is the type's own.
  var message: [UInt8] {
    guard case .connect(let host, let port) = self else { return [] }
    var writer = WireWriter()
    writer.string(host.utf8)
    writer.uint32(UInt32(clamping: port))
    // Where the connection is said to come from: a server may log it.
    writer.string("127.0.0.1".utf8)
    writer.uint32(0)
    return writer.bytes
  }

  /// How long an answer that nobody waits for any more may take. A server that connects to a host which
  /// swallows packets says so after some two minutes.
  var patience: Duration {
    switch self {
    case .session: .seconds(60)
    case .connect: .seconds(900)
    }
  }
}

extension SSHConnection {
  /// Opens a channel for a command.
  func openChannel(_ scope: Scope, window: Int) async throws(SSHError) -> Channel {
    if let channel = try await openChannel(scope, .session(window: window)) { return channel }
    throw SSHError(
      .commandRefused, target,
      "the server opens no channel for a command (\(link?.lastMessage ?? "")); does it allow "
        + "sessions (MaxSessions, ForceCommand, the account's restrictions)?")
  }

  /// Opens a channel; nil where the server refuses, and the link's last message says why.
  func openChannel(_ scope: Scope, _ request: ChannelRequest) async throws(SSHError) -> Channel? {
    while isOpening {
      try check(scope)
      await pause()
    }
    isOpening = true
    do throws(SSHError) {
      return try await finishOpening(scope, request)
    } catch {
      // An open can't be taken back, and libssh2 has room for one unfinished one: it is finished without
      // the caller that was cancelled.
      if isOpening, failure == nil {
        Task(executorPreference: Reactor.shared) { await self.dropOpening(request) }
      }
      throw error
    }
  }

  private func dropOpening(_ request: ChannelRequest) async {
    do throws(SSHError) {
      try await withScope(timeout: request.patience) { scope throws(SSHError) in
        if let channel = try await finishOpening(scope, request) { await release(channel) }
      }
    } catch {
      // A server that can't be reached through this one must not take down those that are: then nothing more
      // is opened, and what is open stays.
      if isOpening, streams.isEmpty { fail(error) }
    }
  }

  private func finishOpening(_ scope: Scope, _ request: ChannelRequest) async throws(SSHError) -> Channel? {
    let (type, message) = (request.type, request.message)
    let opened = try await attempt(scope) { _, session -> OpaquePointer?? in
      let pointer = message.withUnsafeBytes { raw in
        libssh2_channel_open_ex(
          session, type, UInt32(type.utf8.count), UInt32(clamping: request.window), 32768,
          raw.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(raw.count))
      }
      if let pointer { return .some(pointer) }
      return libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN ? .none : .some(nil)
    }
    isOpening = false
    wake()
    openingEnded?()
    if let opened {
      lastChannel += 1
      let channel = Channel(id: lastChannel, pointer: opened, window: request.window)
      channels[channel.id] = channel
      return channel
    }
    let code = link?.session.map { libssh2_session_last_errno($0) } ?? 0
    guard code == LIBSSH2_ERROR_CHANNEL_FAILURE else { throw breakDown(Int(code)) }
    return nil
  }

  func startCommand(_ command: String, _ channel: Channel, _ scope: Scope) async throws(SSHError) {
    for (name, value) in target.environment {
      let code = try await call(scope) { _ in
        Int(
          libssh2_channel_setenv_ex(
            channel.pointer, name, UInt32(name.utf8.count), value, UInt32(value.utf8.count)))
      }
      // A server takes only what its AcceptEnv names; as with ssh, the rest is left out.
      if code != 0, code != Int(LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) { throw breakDown(code) }
    }
    let code = try await call(scope) { _ in
      Int(
        libssh2_channel_process_startup(
          channel.pointer, "exec", 4, command, UInt32(command.utf8.count)))
    }
    guard code == 0 else {
      guard [LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, LIBSSH2_ERROR_CHANNEL_FAILURE].contains(Int32(code)) else {
        throw breakDown(code)
      }
      throw SSHError(
        .commandRefused, target,
        "the server refused to run the command; is there a limit on what the account or the key may do?")
    }
  }

  /// The next bytes of either output; nil when both have ended.
  func readOutput(_ channel: Channel, _ scope: Scope) async throws(SSHError) -> OutputChunk? {
    let answer = try await attempt(scope) { link, _ throws(SSHError) -> OutputChunk?? in
      try withUnsafeTemporaryAllocation(of: CChar.self, capacity: channel.pieceSize) {
        buffer throws(SSHError) in
        // Each read takes what the socket has for both outputs: after the second something may have come
        // for the first.
        while true {
          let before = link.received
          var isOver = true
          for turn in [channel.readsErrorFirst, !channel.readsErrorFirst] {
            let count = libssh2_channel_read_ex(
              channel.pointer, turn ? SSH_EXTENDED_DATA_STDERR : 0, buffer.baseAddress, buffer.count)
            if count > 0 {
              channel.readsErrorFirst = !turn
              channel.lastActivity = .now
              let bytes = UnsafeRawBufferPointer(start: buffer.baseAddress, count: count)
              return OutputChunk(stream: turn ? .stderr : .stdout, bytes: Array(bytes))
            }
            if count == Int(LIBSSH2_ERROR_EAGAIN) {
              isOver = false
            } else if count < 0 {
              throw breakDown(count)
            }
          }
          if link.received == before { return isOver ? .some(nil) : .none }
        }
      }
    }
    return answer
  }

  /// Sends some of the bytes; answers how many, or nil where the command no longer reads.
  func writeInput(_ bytes: ArraySlice<UInt8>, _ channel: Channel, _ scope: Scope) async throws(SSHError)
    -> Int?
  {
    let answer = try await attempt(scope) { link, _ throws(SSHError) -> Int?? in
      // libssh2 takes any amount once its packets go to the outbox: the socket sets the pace.
      guard link.outbox.isEmpty else { return .none }
      let count = bytes.withUnsafeBytes { raw in
        libssh2_channel_write_ex(
          channel.pointer, 0, raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
      }
      if count > 0 {
        channel.lastActivity = .now
        return .some(count)
      }
      if count == 0 || count == Int(LIBSSH2_ERROR_EAGAIN) {
        // A channel that the server has closed leaves no sign but a window that never opens.
        return libssh2_channel_wait_closed(channel.pointer) == 0 ? .some(nil) : .none
      }
      if count == Int(LIBSSH2_ERROR_CHANNEL_CLOSED) { return .some(nil) }
      throw breakDown(count)
    }
    return answer
  }

  func endInput(_ channel: Channel, _ scope: Scope) async throws(SSHError) {
    guard !channel.isInputClosed else { return }
    channel.isInputClosed = true
    let code = try await call(scope) { _ in Int(libssh2_channel_send_eof(channel.pointer)) }
    if code < 0, libssh2_channel_wait_closed(channel.pointer) != 0 { throw breakDown(code) }
  }

  /// Waits until the server has closed the channel: only then is the exit status there.
  func awaitExit(_ channel: Channel, _ scope: Scope) async throws(SSHError) -> ExitStatus {
    let code = try await call(scope) { _ in Int(libssh2_channel_wait_closed(channel.pointer)) }
    guard code == 0, let link, let session = link.session else { throw breakDown(code) }
    var name: UnsafeMutablePointer<CChar>?
    var count = 0
    libssh2_channel_get_exit_signal(channel.pointer, &name, &count, nil, nil, nil, nil)
    defer { if let name { libssh2_free(session, name) } }
    if let name {
      let text = printable(UnsafeRawBufferPointer(start: name, count: count), limit: 32)
      return .signal(text.isEmpty ? "unknown" : text)
    }
    return .code(libssh2_channel_get_exit_status(channel.pointer))
  }

  /// Closes the channel and frees it when the server has closed it too. A server may take long for that,
  /// sshd until the command has ended: nobody waits for it.
  func release(_ channel: Channel) async {
    channel.scope.stopTimers()
    channel.scope.end(SSHError(.closed, target, "the command was closed"))
    guard channels.removeValue(forKey: channel.id) != nil, channel.pointer != nil, failure == nil else {
      return
    }
    wake()
    link?.beginTurn()
    if libssh2_channel_free(channel.pointer) != LIBSSH2_ERROR_EAGAIN {
      channel.pointer = nil
      return
    }
    abandoned[channel.id] = channel
    let id = channel.id
    Task(executorPreference: Reactor.shared) { await self.finishRelease(id) }
  }

  private func finishRelease(_ id: Int) async {
    guard let channel = abandoned[id] else { return }
    do throws(SSHError) {
      try await withScope(timeout: .seconds(60)) { scope throws(SSHError) in
        _ = try await call(scope) { _ in Int(libssh2_channel_free(channel.pointer)) }
      }
      channel.pointer = nil
    } catch {}
    abandoned[id] = nil
  }
}
