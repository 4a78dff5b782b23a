import Foundation
import Glibc

/// A server that does to each connection what the closure does; the closure gets the descriptor and the number
/// of the connection, runs on a thread of its own, and the connection is closed after it.
public final class FaultServer: Sendable {
  private let listener: Listener
  public var port: Int { listener.port }

  public init(_ behave: @escaping @Sendable (Int32, Int) -> Void) throws {
    // With a shorter queue the kernel answers a crowd with cookies, and resets what it can't tell later (tcp(7)).
    listener = try Listener(backlog: 1024)
    let socket = listener.socket
    let accepting = Thread {
      signal(SIGPIPE, SIG_IGN)
      var count = 0
      while true {
        let connection = accept(socket, nil, nil)
        guard connection >= 0 else { return }
        count += 1
        let number = count
        Thread {
          behave(connection, number)
          close(connection)
        }.start()
      }
    }
    accepting.start()
  }

  deinit { shutdown(listener.socket, Int32(SHUT_RDWR)) }
}

public func send(_ text: String, to socket: Int32) { send(Array(text.utf8), to: socket) }

/// False where the peer takes no more.
@discardableResult
public func send(_ bytes: [UInt8], to socket: Int32) -> Bool {
  write(socket, bytes, bytes.count) == bytes.count
}

/// Waits until the peer has closed the connection, for half a minute at most. To close it first, with bytes of the
/// peer's unread, would take back from it what it hasn't read yet.
public func waitForEnd(of socket: Int32) {
  var limit = timeval(tv_sec: 30, tv_usec: 0)
  setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  var bytes = [UInt8](repeating: 0, count: 4096)
  while read(socket, &bytes, bytes.count) > 0 {}
}

/// An SSH packet as it is before there are keys (RFC 4253 section 6).
public func plainPacket(_ payload: [UInt8]) -> [UInt8] {
  let padding = 16 - (payload.count + 5) % 8
  let length = UInt32(payload.count + padding + 1)
  let head = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> UInt32($0)) } + [UInt8(padding)]
  return head + payload + [UInt8](repeating: 0, count: padding)
}

/// A connection to a loopback port; nil where nothing listens.
public func connectLoopback(_ port: Int) -> Int32? {
  let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let status = withUnsafeBytes(of: &address) { raw in
    raw.baseAddress.map { connect(socket, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count)) }
  }
  if status == 0 { return socket }
  close(socket)
  return nil
}

/// A relay between a connection and a loopback port.
public struct Passage: Sendable {
  /// Which way bytes go.
  public enum Direction: Sendable { case toServer, toClient }

  /// Where the server listens.
  public var port: Int
  /// After how many bytes in `direction` no more are passed on; nil: never.
  public var limit: Int?
  public var direction = Direction.toClient
  /// How many bytes are passed on at once.
  public var piece = 65_536
  /// How long the connection stays open, with nothing passed on, when the limit is reached.
  public var stall: UInt32 = 0

  public init(to port: Int) { self.port = port }

  /// Passes bytes both ways until either side ends, and answers with how many went in `direction`.
  @discardableResult
  public func pass(_ socket: Int32) -> Int {
    guard let server = connectLoopback(port) else { return 0 }
    defer { close(server) }
    for end in [socket, server] {
      var on: Int32 = 1
      setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }
    let limit = limit ?? .max
    let source = direction == .toClient ? server : socket
    var passed = 0
    var buffer = [UInt8](repeating: 0, count: piece)
    while true {
      if passed >= limit {
        sleep(stall)
        return passed
      }
      var polls = [socket, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&polls, 2, 30_000) > 0 else { return passed }
      for (from, to, event) in [(socket, server, polls[0]), (server, socket, polls[1])]
      where event.revents != 0 {
        let count = read(from, &buffer, from == source ? min(piece, limit - passed) : piece)
        guard count > 0, write(to, buffer, count) == count else { return passed }
        if from == source { passed += count }
      }
    }
  }
}
