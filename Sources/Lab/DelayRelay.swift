import Dispatch
import Synchronization

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A TCP relay on a loopback port that adds time in each direction, for measuring what distance costs.
///
///     let relay = try lab.delay(1, milliseconds: 50)
///     // ssh -p \(relay.port) 127.0.0.1: every round trip takes 100 ms more
///     relay.stop()
///
/// Only latency is added: bandwidth is not limited, and the handshake of TCP itself, which ends at the relay,
/// is not slowed.
public final class DelayRelay: Sendable {
  /// The port of 127.0.0.1 that it listens on.
  public let port: UInt16
  /// Closing it ends the relay's thread.
  private let lifeline: DescriptorBox

  /// Starts to listen.
  ///
  /// - Parameters:
  ///   - address: the IPv4 address to relay to.
  ///   - port: the port to relay to.
  ///   - milliseconds: what is added in each direction, from 0 to 60,000.
  /// - Throws: ``LabError`` when a parameter makes no sense or no port is free.
  public init(to address: String, port: UInt16, milliseconds: Double) throws {
    guard let target = SocketAddress(address, port: port) else {
      throw LabError("'\(address)' is not an IPv4 address")
    }
    guard (0...60_000).contains(milliseconds) else {
      throw LabError("a delay is 0 to 60000 milliseconds, not \(milliseconds)")
    }
    let listener = openStreamSocket()
    guard listener >= 0, let loopback = SocketAddress("127.0.0.1", port: 0),
      loopback.withPointer({ bind(listener, $0, $1) }) == 0, listen(listener, 128) == 0,
      makeNonBlocking(listener), let own = SocketAddress.port(of: listener)
    else {
      if listener >= 0 { close(listener) }
      throw LabError("cannot listen on a loopback port: \(lastSystemError())")
    }
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0, fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0, fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0
    else {
      close(listener)
      throw LabError("cannot make a pipe: \(lastSystemError())")
    }
    self.port = own
    lifeline = DescriptorBox(ends[1])
    let wake = ends[0]
    let delay = UInt64(milliseconds * 1_000_000)
    // A thread of its own: the loop blocks in poll(2), which no thread of Swift's own pool may.
    DispatchQueue(label: "martlet.lab.delay").async {
      var loop = RelayLoop(listener: listener, wake: wake, target: target, delay: delay)
      loop.run()
    }
  }

  /// Ends the relay and every connection through it.
  public func stop() {
    lifeline.close()
  }

  deinit {
    lifeline.close()
  }
}

/// A descriptor that is closed once, from whichever thread.
private final class DescriptorBox: Sendable {
  private let descriptor: Mutex<CInt?>

  init(_ descriptor: CInt) {
    self.descriptor = Mutex(descriptor)
  }

  func close() {
    descriptor.withLock { held in
      if let open = held { _ = closeDescriptor(open) }
      held = nil
    }
  }
}

private func closeDescriptor(_ descriptor: CInt) -> CInt {
  close(descriptor)
}
