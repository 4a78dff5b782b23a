import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MartletSSH

/// Much of it, or many at once.
extension SSHTests.RunTests {
  @Test func largeInput() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let chunk = [UInt8](repeating: 0x61, count: 64 << 10)
    let left = Mutex(1600)
    let output = Collected()
    let status = try await connection.run(
      "wc -c",
      stdin: .pull {
        left.withLock { left in
          left -= 1
          return left < 0 ? nil : chunk
        }
      }, limits: minute
    ) { output.add($0) }
    #expect(status == .code(0))
    #expect(output.text == "\(1600 * 65536)\n")
    await connection.close()
  }

  @Test func largeOutput() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let count = Mutex(0)
    let status = try await connection.run("head -c 100000000 /dev/zero", limits: minute) { chunk in
      count.withLock { $0 += chunk.bytes.count }
    }
    #expect(status == .code(0))
    #expect(count.withLock { $0 } == 100_000_000)
    await connection.close()
  }

  /// Input and output at once, with a socket that takes packets in pieces: naive use of libssh2 1.10 ends in
  /// BAD_USE, and writing all before reading ends in a deadlock.
  @Test(arguments: [Int32?.none, 4608])
  func fullDuplex(sendBuffer: Int32?) async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect { $0.sendBufferSize = sendBuffer }
    let input = pattern(sendBuffer == nil ? 50_000_000 : 8_000_000)
    let output = Collected()
    let status = try await connection.run("cat", stdin: .bytes(input), limits: minute) { output.add($0) }
    #expect(status == .code(0))
    #expect(output.stdout == input)
    await connection.close()
  }

  /// The server changes keys while data flow both ways.
  @Test func fullDuplexWithRekeying() async throws {
    let server = try LoopbackServer(options: ["RekeyLimit 1M"])
    let connection = try await server.connect { $0.sendBufferSize = 8192 }
    let input = pattern(12_000_000)
    let output = Collected()
    let status = try await connection.run("cat", stdin: .bytes(input), limits: minute) { output.add($0) }
    #expect(status == .code(0))
    #expect(output.stdout == input)
    await connection.close()
  }

  /// Both outputs at once: reading one takes what belongs to the other from the socket.
  @Test func bothOutputsInterleaved() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let script = "i=0; while [ $i -lt 400 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done"
    for _ in 0..<5 {
      let output = Collected()
      #expect(try await connection.run(script, limits: minute) { output.add($0) } == .code(0))
      #expect(output.text == (0..<400).map { "out\($0)\n" }.joined())
      #expect(output.stderr == Array((0..<400).map { "err\($0)\n" }.joined().utf8))
    }
    await connection.close()
  }

  /// Commands side by side on one connection: each reads from the socket what the others wait for.
  @Test func manyCommandsOnOneConnection() async throws {
    let server = try LoopbackServer(options: ["MaxSessions 100"])
    let connection = try await server.connect()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<20 {
        group.addTask {
          let input = [UInt8](repeating: UInt8(number), count: 300_000)
          let output = Collected()
          let status = try await connection.run(
            "cat; exit \(number)", stdin: .bytes(input), limits: minute
          ) { output.add($0) }
          #expect(status == .code(Int32(number)))
          #expect(output.stdout == input)
        }
      }
      try await group.waitForAll()
    }
    await connection.close()
  }

  @Test func fiftyConnectionsAtOnce() async throws {
    let server = try LoopbackServer()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<50 {
        group.addTask {
          let connection = try await server.connect()
          let output = Collected()
          let status = try await connection.run("echo \(number)", limits: minute) { output.add($0) }
          #expect(status == .code(0))
          #expect(output.text == "\(number)\n")
          await connection.close()
        }
      }
      try await group.waitForAll()
    }
  }

  /// Nothing is read ahead of a slow reader but the window.
  @Test func slowReaderHoldsTheServerBack() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let before = try residentMegabytes()
    let command = try await connection.start("head -c 60000000 /dev/zero; echo end >&2", limits: minute)
    _ = try await command.read()
    try await Task.sleep(for: .milliseconds(500))
    #expect(try residentMegabytes() - before < 20)
    var count = 0
    while let chunk = try await command.read() { if chunk.stream == .stdout { count += chunk.bytes.count } }
    #expect(count > 59_000_000)
    await connection.close()
  }
}

/// Bytes that don't repeat with the size of a packet.
func pattern(_ count: Int) -> [UInt8] {
  let part = (0..<65_537).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
  var bytes: [UInt8] = []
  while bytes.count < count { bytes += part }
  return Array(bytes.prefix(count))
}

func residentMegabytes() throws -> Int {
  let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
  return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
}
