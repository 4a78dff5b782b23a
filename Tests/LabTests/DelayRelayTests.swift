import Dispatch
import Testing

@testable import MartletLab

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

@Suite struct DelayRelayTests {
  @Test func aRoundTripTakesTwiceTheDelayMore() async throws {
    let echo = try EchoServer()
    defer { withExtendedLifetime(echo) {} }
    let relay = try DelayRelay(to: "127.0.0.1", port: echo.port, milliseconds: 40)
    defer { relay.stop() }
    let client = try Client(port: relay.port)
    for _ in 0..<3 {
      let began = ContinuousClock.now
      #expect(try client.exchange(Array("ping".utf8)) == Array("ping".utf8))
      let took = ContinuousClock.now - began
      #expect(took >= .milliseconds(80))
      // Generous, because the tests' machine may be busy; without the delay it takes less than 1 ms.
      #expect(took < .milliseconds(1000))
    }
  }

  @Test func everyByteArrivesInOrderAndTheEndToo() async throws {
    let echo = try EchoServer()
    defer { withExtendedLifetime(echo) {} }
    let relay = try DelayRelay(to: "127.0.0.1", port: echo.port, milliseconds: 5)
    defer { relay.stop() }
    let client = try Client(port: relay.port)
    let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
    DispatchQueue.global().async {
      client.send(sent)
      client.finishSending()
    }
    // The echo server ends its side only when it has seen the end of ours.
    #expect(try client.receiveToEnd() == sent)
  }

  @Test func aRefusedTargetEndsTheConnection() async throws {
    // Bound and not listening: nobody else can be given the port, and it refuses.
    let bound = openStreamSocket()
    defer { close(bound) }
    let own = try #require(SocketAddress("127.0.0.1", port: 0))
    try #require(own.withPointer { bind(bound, $0, $1) } == 0)
    let relay = try DelayRelay(
      to: "127.0.0.1", port: #require(SocketAddress.port(of: bound)), milliseconds: 0)
    defer { relay.stop() }
    let client = try Client(port: relay.port)
    #expect(throws: (any Error).self) { _ = try client.exchange([1]) }
  }

  @Test func afterStopNobodyListens() async throws {
    let echo = try EchoServer()
    defer { withExtendedLifetime(echo) {} }
    let relay = try DelayRelay(to: "127.0.0.1", port: echo.port, milliseconds: 0)
    _ = try Client(port: relay.port)
    relay.stop()
    let deadline = ContinuousClock.now + .seconds(10)
    while (try? Client(port: relay.port)) != nil, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(10))
    }
    #expect(throws: (any Error).self) { try Client(port: relay.port) }
  }

  @Test func whatMakesNoSenseIsRefused() {
    #expect(throws: LabError.self) { try DelayRelay(to: "lab1", port: 22, milliseconds: 1) }
    #expect(throws: LabError.self) { try DelayRelay(to: "127.0.0.1", port: 22, milliseconds: -1) }
    #expect(throws: LabError.self) { try DelayRelay(to: "127.0.0.1", port: 22, milliseconds: .nan) }
  }
}

/// Sends back what it receives, one connection at a time.
private final class EchoServer: Sendable {
  let port: UInt16
  private let listener: CInt

  init() throws {
    let listener = openStreamSocket()
    let own = try #require(SocketAddress("127.0.0.1", port: 0))
    try #require(own.withPointer { bind(listener, $0, $1) } == 0 && listen(listener, 8) == 0)
    port = try #require(SocketAddress.port(of: listener))
    self.listener = listener
    DispatchQueue(label: "echo").async {
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
          let count = recv(connection, &buffer, buffer.count, 0)
          guard count > 0 else { break }
          var sent = 0
          while sent < count {
            let result = buffer[sent..<count].withUnsafeBytes {
              send(connection, $0.baseAddress, $0.count, 0)
            }
            guard result > 0 else { break }
            sent += result
          }
        }
        close(connection)
      }
    }
  }

  deinit {
    // Ends accept(2) on the thread above.
    shutdown(listener, CInt(SHUT_RDWR))
    close(listener)
  }
}

private final class Client: Sendable {
  private let descriptor: CInt

  init(port: UInt16) throws {
    descriptor = openStreamSocket()
    let target = try #require(SocketAddress("127.0.0.1", port: port))
    guard target.withPointer({ connect(descriptor, $0, $1) }) == 0 else {
      close(descriptor)
      throw LabError("refused")
    }
    // No test may hang, whatever the relay does.
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit { close(descriptor) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let result = bytes[sent...].withUnsafeBytes {
        sendBytes(descriptor, $0.baseAddress, $0.count)
      }
      guard result > 0 else { return }
      sent += result
    }
  }

  func finishSending() { shutdown(descriptor, CInt(SHUT_WR)) }

  func exchange(_ bytes: [UInt8]) throws -> [UInt8] {
    send(bytes)
    var received: [UInt8] = []
    while received.count < bytes.count { received += try receive() ?? { throw LabError("ended") }() }
    return received
  }

  func receiveToEnd() throws -> [UInt8] {
    var received: [UInt8] = []
    while let more = try receive() { received += more }
    return received
  }

  private func receive() throws -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    guard count >= 0 else { throw LabError(lastSystemError()) }
    return count == 0 ? nil : Array(buffer[..<count])
  }
}

private func sendBytes(_ descriptor: CInt, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  #if os(Linux)
    send(descriptor, bytes, count, CInt(MSG_NOSIGNAL))
  #else
    send(descriptor, bytes, count, 0)
  #endif
}
