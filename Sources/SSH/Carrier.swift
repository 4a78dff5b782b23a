import CLibSSH2
import Glibc

/// What the bytes of an SSH session travel on. Confined to the reactor's thread.
protocol Carrier: AnyObject {
  /// Whom to tell when the carrier takes bytes again, has some, or has failed.
  var changed: (@Sendable () -> Void)? { get set }
  /// What is known of a failure besides the number; nil while there is none.
  var failure: SSHError? { get }
  /// Takes some of the bytes without waiting: how many, or a negative errno value.
  func send(_ bytes: UnsafeRawPointer, _ count: Int) -> Int
  /// Gives some bytes without waiting: how many, 0 at the end, or a negative errno value.
  func receive(_ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int
  /// Lets go of the carrier; what it took is still sent if that takes no waiting.
  func close()
}

/// A socket that is connected: over TCP, or to a program that does the connecting.
///
/// `@unchecked Sendable` because the reactor calls it from a closure; it is confined to the reactor's thread.
final class SocketCarrier: Carrier, @unchecked Sendable {
  let socket: Int32
  private let isTCP: Bool
  private var registration: UInt64?
  private var isClosed = false
  var changed: (@Sendable () -> Void)?
  var failure: SSHError? { nil }

  /// Takes over the socket; nil where the reactor can't watch it.
  init?(taking socket: Int32, isTCP: Bool) {
    self.socket = socket
    self.isTCP = isTCP
    registration = Reactor.shared.add(socket) { [weak self] in self?.changed?() }
    guard registration != nil else {
      Glibc.close(socket)
      isClosed = true
      return nil
    }
  }

  deinit { close() }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    if let registration { Reactor.shared.remove(registration, socket) }
    Glibc.close(socket)
  }

  func send(_ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    while true {
      let sent = Glibc.send(socket, bytes, count, Int32(MSG_NOSIGNAL))
      if sent >= 0 { return sent }
      if errno != EINTR { return -Int(errno) }
    }
  }

  func receive(_ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    while true {
      let received = recv(socket, buffer, count, 0)
      if received >= 0 { return received }
      if errno == EINTR { continue }
      let code = errno
      if code == EAGAIN { acknowledgeSoon() }
      return -Int(code)
    }
  }

  /// OpenSSH before 10 leaves Nagle's algorithm on until the first command, and then waits for the
  /// acknowledgement that this side delays by 40 ms. The option isn't sticky.
  private func acknowledgeSoon() {
    guard isTCP else { return }
    var on: Int32 = 1
    setsockopt(socket, Int32(IPPROTO_TCP), TCP_QUICKACK, &on, socklen_t(MemoryLayout<Int32>.size))
  }
}

/// Bytes that wait: appended at the end, taken from the front.
struct ByteQueue {
  private var bytes: [UInt8] = []
  private var head = 0

  var count: Int { bytes.count - head }
  var isEmpty: Bool { bytes.count == head }

  mutating func append(_ new: UnsafeRawBufferPointer) { bytes += new }

  mutating func append(_ new: ArraySlice<UInt8>) { bytes += new }

  mutating func removeFirst(_ count: Int) {
    head += count
    if head == bytes.count {
      bytes.removeAll(keepingCapacity: bytes.capacity <= 512 << 10)
      head = 0
    } else if head > 256 << 10, head > bytes.count / 2 {
      bytes.removeFirst(head)
      head = 0
    }
  }

  mutating func removeAll() { self = ByteQueue() }

  func withUnsafeBytes<T>(_ body: (UnsafeRawBufferPointer) -> T) -> T {
    bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[head...])) }
  }
}
