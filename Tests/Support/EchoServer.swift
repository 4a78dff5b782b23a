import Foundation
import Glibc

/// Sends back what it gets.
public final class EchoServer: Sendable {
  private let server: FaultServer
  public var port: Int { server.port }

  public init() throws {
    server = try FaultServer { socket, _ in
      var buffer = [UInt8](repeating: 0, count: 65536)
      while true {
        let count = read(socket, &buffer, buffer.count)
        guard count > 0 else { return }
        var sent = 0
        while sent < count {
          let status = buffer.withUnsafeBytes { raw in
            raw.baseAddress.map { Glibc.send(socket, $0 + sent, count - sent, Int32(MSG_NOSIGNAL)) } ?? -1
          }
          guard status > 0 else { return }
          sent += status
        }
      }
    }
  }
}

/// A blocking connection to a loopback port, whose waits end after half a minute.
public final class LoopbackClient: Sendable {
  public let socket: Int32

  public init(_ port: Int) throws {
    guard let socket = connectLoopback(port) else {
      throw TestFailure("can't connect: \(String(cString: strerror(errno)))")
    }
    self.socket = socket
    var wait = timeval(tv_sec: 30, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(socket, SOL_SOCKET, option, &wait, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  deinit { close(socket) }

  public func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { raw in
        raw.baseAddress.map { Glibc.send(socket, $0 + sent, raw.count - sent, Int32(MSG_NOSIGNAL)) } ?? -1
      }
      guard count > 0 else { throw TestFailure("can't send: \(String(cString: strerror(errno)))") }
      sent += count
    }
  }

  public func read(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var total = 0
    while total < count {
      let got = bytes.withUnsafeMutableBytes { raw in
        raw.baseAddress.map { recv(socket, $0 + total, count - total, 0) } ?? -1
      }
      guard got > 0 else { throw TestFailure("only \(total) bytes: \(String(cString: strerror(errno)))") }
      total += got
    }
    return bytes
  }

  public func readAll() throws -> [UInt8] {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = recv(socket, &buffer, buffer.count, 0)
      if count == 0 { return all }
      guard count > 0 else { throw TestFailure("can't read: \(String(cString: strerror(errno)))") }
      all += buffer[..<count]
    }
  }
}

/// Sends bytes and reads them back at the same time.
public func converse(_ port: Int, seed: Int, size: Int) throws {
  let client = try LoopbackClient(port)
  let bytes = (0..<size).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ seed) >> 3) }
  let sending = Thread {
    try? client.send(bytes)
    shutdown(client.socket, Int32(SHUT_WR))
  }
  sending.start()
  let back = try client.readAll()
  if back != bytes { throw TestFailure("\(back.count) bytes came back, of \(size), or others") }
}

/// Runs what blocks on a thread of its own.
public func onThread<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
  try await withCheckedThrowingContinuation { done in
    Thread { done.resume(with: Result { try body() }) }.start()
  }
}
