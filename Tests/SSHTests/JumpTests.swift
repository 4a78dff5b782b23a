import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// Hosts behind jump hosts, each of them a server of its own.
  @Suite struct JumpTests {
    @Test func oneHop() async throws {
      let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
      let connection = try await server.connect { $0.route = .jump(through: bastion.target) }
      let output = Collected()
      let status = try await connection.run(
        "echo $SSH_CONNECTION; cat; exit 3", stdin: .bytes(Array("hello".utf8)), limits: minute
      ) { output.add($0) }
      #expect(status == .code(3))
      // The host sees the bastion, not this machine's own way out.
      #expect(output.text.hasSuffix("127.0.0.1 \(server.port)\nhello"), "\(output.text)")
      await connection.close()
      #expect(bastion.logins == 1)
      // The last one gone, the bastion's connection is closed too.
      for _ in 0..<300 where !bastion.log.contains("Disconnected from user") {
        try await Task.sleep(for: .milliseconds(10))
      }
      #expect(bastion.log.contains("Disconnected from user"))
    }

    @Test func chainOfThree() async throws {
      let bastions = try (2...4).map { try LoopbackServer(address: "127.0.0.\($0)") }
      let server = try LoopbackServer()
      let connection = try await server.connect { $0.route = chain(bastions.map(\.target)) }
      #expect(try await connection.run("exit 7", limits: minute) == .code(7))
      for (bastion, next) in zip(bastions, bastions.dropFirst() + [server]) {
        #expect(bastion.logins == 1)
        #expect(next.log.contains("Connection from 127.0.0.1 "))
      }
      await connection.close()
    }

    /// One login carries them all.
    @Test func manyBehindOneBastion() async throws {
      let bastion = try LoopbackServer(address: "127.0.0.2")
      let servers = try (3...6).map { try LoopbackServer(address: "127.0.0.\($0)") }
      let start = ContinuousClock.now
      let answers = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 0..<200 {
          group.addTask {
            let connection = try await servers[number % 4].connect {
              $0.route = .jump(through: bastion.target)
              $0.connectTimeout = .seconds(50)
            }
            let output = Collected()
            _ = try await connection.run("echo \(number)", limits: minute) { output.add($0) }
            await connection.close()
            return Int(output.text.trimmingCharacters(in: .newlines)) ?? -1
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      print("200 through one bastion: \(ContinuousClock.now - start)")
      #expect(answers.sorted() == Array(0..<200))
      #expect(bastion.logins == 1)
    }

    @Test func largeBothWays() async throws {
      let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
      let connection = try await server.connect { $0.route = .jump(through: bastion.target) }
      let size = 100 << 20
      let sent = Sum()
      let received = Sum()
      let start = ContinuousClock.now
      let source = Generator(size)
      let status = try await connection.run(
        "cat",
        stdin: .pull {
          let bytes = source.next()
          if let bytes { sent.add(bytes) }
          return bytes
        }, limits: minute
      ) { received.add($0.bytes) }
      print("100 MB both ways through a jump: \(ContinuousClock.now - start)")
      #expect(status == .code(0))
      #expect(received.count == size)
      #expect(received.value == sent.value)
      await connection.close()
    }

    /// A reader that doesn't read keeps its own stream waiting, and no other.
    @Test func slowReaderHoldsUpNoOther() async throws {
      let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
      let slow = try await server.connect { $0.route = .jump(through: bastion.target) }
      let quick = try await server.connect { $0.route = .jump(through: bastion.target) }
      let command = try await slow.start("head -c 50000000 /dev/zero", limits: minute)
      _ = try await command.read()
      for _ in 0..<20 {
        #expect(try await quick.run("true", limits: CommandLimits(timeout: .seconds(5))) == .code(0))
      }
      var total = 0
      while let chunk = try await command.read() { total += chunk.bytes.count }
      #expect(total > 49_000_000)
      await slow.close()
      await quick.close()
    }

    @Test func moreLoginsWhereOneIsFull() async throws {
      let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
      let connections = try await withThrowingTaskGroup(of: SSHConnection.self) { group in
        for _ in 0..<12 {
          group.addTask {
            try await server.connect {
              var hop = bastion.target
              hop.loginLimits.perJumpLogin = 5
              $0.route = .jump(through: hop)
            }
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(bastion.logins == 3)
      for connection in connections { await connection.close() }
    }
  }
}

/// Hops one behind the other, the first being the nearest.
func chain(_ hops: [SSHTarget]) -> Route {
  hops.reduce(.direct) { route, hop in
    var hop = hop
    hop.route = route
    return .jump(through: hop)
  }
}

/// The SSH error that a call ends with; any other error, and none, is a test failure.
func sshError<T>(_ body: () async throws -> T) async throws -> SSHError {
  do {
    _ = try await body()
  } catch let error as SSHError {
    return error
  }
  throw TestFailure("no error was thrown")
}

/// Bytes that can be told from any others of the same length, in pieces of uneven length.
final class Generator: Sendable {
  private let lock = NSLock()
  nonisolated(unsafe) private var left: Int  // guarded by `lock`
  nonisolated(unsafe) private var state: UInt64 = 0x9E37_79B9_7F4A_7C15  // guarded by `lock`

  init(_ size: Int) { left = size }

  func next() -> [UInt8]? {
    lock.withLock {
      guard left > 0 else { return nil }
      let count = min(left, 50_001)
      left -= count
      var bytes = [UInt8](repeating: 0, count: count)
      bytes.withUnsafeMutableBytes { raw in
        for index in stride(from: 0, to: count - 7, by: 8) {
          state = state &* 6_364_136_223_846_793_005 &+ 1
          raw.storeBytes(of: state, toByteOffset: index, as: UInt64.self)
        }
      }
      return bytes
    }
  }
}

/// A sum over a sequence of bytes that depends on their order and not on how they come in pieces.
final class Sum: Sendable {
  private let lock = NSLock()
  nonisolated(unsafe) private var sum: UInt64 = 0xCBF2_9CE4_8422_2325  // guarded by `lock`
  nonisolated(unsafe) private var total = 0  // guarded by `lock`

  func add(_ bytes: [UInt8]) {
    lock.withLock {
      total += bytes.count
      var value = sum
      bytes.withUnsafeBufferPointer { for byte in $0 { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 } }
      sum = value
    }
  }

  var value: UInt64 { lock.withLock { sum } }
  var count: Int { lock.withLock { total } }
}
