import Glibc
import Synchronization

/// The end of a pipe or a socket, read or written without blocking a thread: the one thread that waits for
/// SSH connections waits for it too.
///
/// One task reads it and one writes it at a time. Their waits end when they are cancelled and when it is closed.
package final class WatchedDescriptor: Sendable {
  /// What a task does with it.
  private struct Use {
    /// Whether something has happened to it since it was last tried.
    var hasChanged = false
    var waiter: UnsafeContinuation<Void, Never>?
  }

  private struct State {
    /// -1 once it is closed.
    var descriptor: Int32
    var watch: UInt64?
    var reading = Use()
    var writing = Use()
    /// How many bytes are still read, however many would come; nil: all.
    var remainder: Int?
    var received = 0
    var hasEnded = false
    var hasFailed = false
  }

  private enum Attempt<Value> {
    case done(Value)
    case mustWait
  }

  private let state: Mutex<State>

  /// - Parameter descriptor: Is closed with the value, also if this fails.
  /// - Returns: Nil where the kernel refuses to watch any more.
  package init?(_ descriptor: Int32) {
    state = Mutex(State(descriptor: descriptor))
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    let watch = Reactor.shared.add(descriptor) { [weak self] in self?.wake() }
    guard let watch else { return nil }
    state.withLock { $0.watch = watch }
  }

  deinit { close() }

  /// Whether a task waits for it: all that was there has been read.
  package var isWaitedFor: Bool { state.withLock { $0.reading.waiter != nil } }

  /// How many bytes have been read.
  package var received: Int { state.withLock { $0.received } }

  /// Whether its end has been read.
  package var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// Whether reading has ended by an error, as where the peer has reset a connection.
  package var hasFailed: Bool { state.withLock { $0.hasFailed } }

  /// Closes it; whoever waits for it finds its end.
  package func close() {
    let waiters = state.withLock { state -> [UnsafeContinuation<Void, Never>?] in
      guard state.descriptor >= 0 else { return [] }
      if let watch = state.watch { Reactor.shared.remove(watch, state.descriptor) }
      _ = Glibc.close(state.descriptor)
      state.descriptor = -1
      return [state.reading.waiter.take(), state.writing.waiter.take()]
    }
    for waiter in waiters { waiter?.resume() }
  }

  /// Closes a socket so that the program at the other end of a TCP connection sees an error, not an end.
  package func reset() {
    state.withLock { state in
      var reset = linger(l_onoff: 1, l_linger: 0)
      setsockopt(
        state.descriptor, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
    }
    close()
  }

  /// Has the other end of a socket read the end after what was written. It may go on to write.
  package func finishWriting() { state.withLock { _ = shutdown($0.descriptor, Int32(SHUT_WR)) } }

  /// Reads on only what has arrived by now; after that it is at its end.
  package func endWithWhatIsThere() {
    state.withLock { state in
      var count: Int32 = 0
      let isKnown = state.descriptor >= 0 && ioctl(state.descriptor, UInt(FIONREAD), &count) == 0
      state.remainder = isKnown ? Int(count) : 0
    }
    wake()
  }

  /// The next bytes, at least one; nil at the end, and when the task is cancelled.
  package func read(atMost limit: Int = 64 << 10) async -> [UInt8]? {
    await retry(\.reading, instead: nil) { state in
      let count = min(limit, state.remainder ?? limit)
      var got = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, size in
        got = Glibc.read(state.descriptor, buffer.baseAddress, count)
        size = max(0, got)
      }
      if got < 0, errno == EAGAIN || errno == EINTR { return .mustWait }
      guard got > 0 else {
        state.hasEnded = true
        state.hasFailed = got < 0
        return .done(nil)
      }
      state.received += got
      state.remainder? -= got
      return .done(bytes)
    }
  }

  /// Whether the other end of a socket is closed; one that has only finished writing isn't.
  package var isPeerGone: Bool { state.withLock { Self.isPeerGone($0.descriptor) } }

  private static func isPeerGone(_ descriptor: Int32) -> Bool {
    var status = pollfd(fd: descriptor, events: 0, revents: 0)
    return descriptor >= 0 && poll(&status, 1, 0) != 0
      && status.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0
  }

  /// Waits until the other end of a socket is closed, once its end has been read.
  package func waitUntilPeerGone() async {
    await retry(\.reading, instead: ()) { Self.isPeerGone($0.descriptor) ? .done(()) : .mustWait }
  }

  /// Writes all of the bytes.
  ///
  /// - Returns: False if nobody reads them any more, or the task is cancelled.
  package func write(_ bytes: [UInt8]) async -> Bool {
    var start = 0
    while start < bytes.count {
      let written = await retry(\.writing, instead: -1) { [start] state in
        let count = bytes.withUnsafeBytes { bytes in
          Glibc.write(state.descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start)
        }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? .mustWait : .done(count)
      }
      guard written > 0 else { return false }
      start += written
    }
    return true
  }

  /// Hands a descriptor over to the process at the other end of a local socket, with one byte of zero (unix(7)).
  package func send(descriptor: Int32) async -> Bool {
    await retry(\.writing, instead: -1) { state in
      let count = Self.send(descriptor, over: state.descriptor)
      return count < 0 && (errno == EAGAIN || errno == EINTR) ? .mustWait : .done(count)
    } == 1
  }

  private static func send(_ descriptor: Int32, over socket: Int32) -> Int {
    // The macros of cmsg(3) aren't there for Swift: a header, then the data, rounded up to whole words.
    let header = MemoryLayout<cmsghdr>.size
    let word = MemoryLayout<Int>.size
    let space = (header + MemoryLayout<Int32>.size + word - 1) / word * word
    return withUnsafeTemporaryAllocation(byteCount: space, alignment: word) { control in
      control.initializeMemory(as: UInt8.self, repeating: 0)
      var rights = cmsghdr()
      rights.cmsg_len = header + MemoryLayout<Int32>.size
      rights.cmsg_level = SOL_SOCKET
      rights.cmsg_type = Int32(SCM_RIGHTS)
      control.storeBytes(of: rights, as: cmsghdr.self)
      control.storeBytes(of: descriptor, toByteOffset: header, as: Int32.self)
      var zero: UInt8 = 0
      return withUnsafeMutablePointer(to: &zero) { zero in
        var part = iovec(iov_base: zero, iov_len: 1)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = space
          return sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
        }
      }
    }
  }

  /// Tries until there is an answer. What happens to the descriptor between a try and the wait isn't missed,
  /// because it leaves a mark.
  private func retry<Value: Sendable>(
    _ use: any WritableKeyPath<State, Use> & Sendable, instead none: Value,
    _ attempt: @Sendable (inout State) -> Attempt<Value>
  ) async -> Value {
    while !Task.isCancelled {
      let result = state.withLock { state -> Attempt<Value> in
        guard state.descriptor >= 0, state.remainder != 0 else { return .done(none) }
        state[keyPath: use].hasChanged = false
        let result = attempt(&state)
        // After the last words were announced there is nothing to wait for.
        if case .mustWait = result, state.remainder != nil { return .done(none) }
        return result
      }
      if case .done(let value) = result { return value }
      await pause(use)
    }
    return none
  }

  private func pause(_ use: any WritableKeyPath<State, Use> & Sendable) async {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let resumesAtOnce = state.withLock { state in
          if state[keyPath: use].hasChanged || state.descriptor < 0 { return true }
          state[keyPath: use].waiter = continuation
          return false
        }
        if resumesAtOnce { continuation.resume() }
      }
    } onCancel: {
      wake()
    }
  }

  private func wake() {
    let waiters = state.withLock { state in
      state.reading.hasChanged = true
      state.writing.hasChanged = true
      return [state.reading.waiter.take(), state.writing.waiter.take()]
    }
    for waiter in waiters { waiter?.resume() }
  }
}
