import Glibc
import Synchronization

/// The end of a pipe or a local socket, read or written without blocking a thread: the one thread that waits for
/// SSH connections waits for it too.
///
/// One task reads or writes it at a time. Its waits end when that task is cancelled and when it is closed.
package final class WatchedDescriptor: Sendable {
  private struct State {
    /// -1 once it is closed.
    var descriptor: Int32
    var watch: UInt64?
    /// Whether something has happened to it since it was last tried.
    var hasChanged = false
    var waiter: UnsafeContinuation<Void, Never>?
    /// How many bytes are still read, however many would come; nil: all.
    var remainder: Int?
    var received = 0
    var hasEnded = false
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
  package var isWaitedFor: Bool { state.withLock { $0.waiter != nil } }

  /// How many bytes have been read.
  package var received: Int { state.withLock { $0.received } }

  /// Whether its end has been read.
  package var hasEnded: Bool { state.withLock { $0.hasEnded } }

  /// Closes it; whoever waits for it finds its end.
  package func close() {
    let waiter = state.withLock { state -> UnsafeContinuation<Void, Never>? in
      guard state.descriptor >= 0 else { return nil }
      if let watch = state.watch { Reactor.shared.remove(watch, state.descriptor) }
      _ = Glibc.close(state.descriptor)
      state.descriptor = -1
      return state.waiter.take()
    }
    waiter?.resume()
  }

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
    await retry(instead: nil) { state in
      let count = min(limit, state.remainder ?? limit)
      var got = 0
      let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, size in
        got = Glibc.read(state.descriptor, buffer.baseAddress, count)
        size = max(0, got)
      }
      if got < 0, errno == EAGAIN || errno == EINTR { return .mustWait }
      guard got > 0 else {
        state.hasEnded = true
        return .done(nil)
      }
      state.received += got
      state.remainder? -= got
      return .done(bytes)
    }
  }

  /// Writes all of the bytes.
  ///
  /// - Returns: False if nobody reads them any more, or the task is cancelled.
  package func write(_ bytes: [UInt8]) async -> Bool {
    var start = 0
    while start < bytes.count {
      let written = await retry(instead: -1) { [start] state in
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
    await retry(instead: -1) { state in
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
    instead none: Value, _ attempt: @Sendable (inout State) -> Attempt<Value>
  ) async -> Value {
    while !Task.isCancelled {
      let result = state.withLock { state -> Attempt<Value> in
        guard state.descriptor >= 0, state.remainder != 0 else { return .done(none) }
        state.hasChanged = false
        let result = attempt(&state)
        // After the last words were announced there is nothing to wait for.
        if case .mustWait = result, state.remainder != nil { return .done(none) }
        return result
      }
      if case .done(let value) = result { return value }
      await pause()
    }
    return none
  }

  private func pause() async {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let resumesAtOnce = state.withLock { state in
          if state.hasChanged || state.descriptor < 0 { return true }
          state.waiter = continuation
          return false
        }
        if resumesAtOnce { continuation.resume() }
      }
    } onCancel: {
      wake()
    }
  }

  private func wake() {
    let waiter = state.withLock { state in
      state.hasChanged = true
      return state.waiter.take()
    }
    waiter?.resume()
  }
}
