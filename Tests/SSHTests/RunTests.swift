import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct RunTests {
    @Test func inputOutputErrorsAndStatus() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let output = Collected()
      let status = try await connection.run(
        "cat; echo problem >&2; exit 7", stdin: .bytes(Array("hello\n".utf8)), limits: minute
      ) { output.add($0) }
      #expect(status == .code(7))
      #expect(output.text == "hello\n")
      #expect(output.stderr == Array("problem\n".utf8))
      #expect(await connection.isOpen)
      await connection.close()
      #expect(await !connection.isOpen)
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("true", limits: minute)
      }
      #expect(error.kind == .closed)
    }

    @Test func endsBySignalAndWithoutInput() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      #expect(try await connection.run("kill -KILL $$", limits: minute) == .signal("KILL"))
      #expect(try await connection.run("cat", limits: minute) == .code(0))
      #expect(try await connection.run("exit 255", limits: minute) == .code(255))
      await connection.close()
    }

    @Test func exitAfterItsOutputHasEnded() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let status = try await connection.run("exec >&- 2>&-; sleep 0.3; exit 9", limits: minute)
      #expect(status == .code(9))
      await connection.close()
    }

    /// `true` ends without reading: what it leaves is no failure, and nothing waits for its window.
    @Test func commandThatDoesNotReadItsInput() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let input = [UInt8](repeating: 1, count: 8 << 20)
      #expect(try await connection.run("true", stdin: .bytes(input), limits: minute) == .code(0))
      #expect(try await connection.run("echo again", limits: minute) == .code(0))
      await connection.close()
    }

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

    @Test func deadlineLeavesTheConnectionUsable() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let start = ContinuousClock.now
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("sleep 20", limits: CommandLimits(timeout: .milliseconds(300)))
      }
      #expect(error.kind == .timedOut(.running))
      #expect(ContinuousClock.now - start < .seconds(10))
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      await connection.close()
    }

    @Test func idleLimitCountsFromTheLastByte() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let limits = CommandLimits(timeout: .seconds(60), idleTimeout: .milliseconds(600))
      #expect(
        try await connection.run("for i in 1 2 3 4 5; do echo $i; sleep 0.3; done", limits: limits)
          == .code(0))
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("echo once; sleep 5", limits: limits)
      }
      #expect(error.kind == .idle)
      await connection.close()
    }

    /// The child holds standard output, so sshd never ends the channel: the deadline does.
    @Test func backgroundChildThatHoldsTheOutput() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("sleep 3 & exit 0", limits: CommandLimits(timeout: .milliseconds(500)))
      }
      #expect(error.kind == .timedOut(.running))
      #expect(try await connection.run("sleep 3 >/dev/null 2>&1 & exit 4", limits: minute) == .code(4))
      await connection.close()
    }

    @Test func cancellationEndsTheWait() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let start = ContinuousClock.now
      let running = Task { try await connection.run("sleep 20", limits: minute) }
      try await Task.sleep(for: .milliseconds(200))
      running.cancel()
      let result = await running.result
      #expect(throws: SSHError.self) { try result.get() }
      #expect(ContinuousClock.now - start < .seconds(10))
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      await connection.close()
    }

    @Test func closingEndsAllCommands() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let running = Task { try await connection.run("sleep 20", limits: minute) }
      try await Task.sleep(for: .milliseconds(200))
      await connection.close()
      let error = try await failure { () async throws(SSHError) in
        try await running.result.mapError { $0 as? SSHError ?? connection.unexpected }.get()
      }
      #expect(error.kind == .closed)
    }

    @Test func inputThatFails() async throws {
      struct NoSuchFile: Error {}
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("cat", stdin: .pull { throw NoSuchFile() }, limits: minute)
      }
      #expect(error.kind == .inputFailed)
      #expect(error.message.contains("NoSuchFile"))
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      await connection.close()
    }

    /// A password first, then, once the other side is ready, the program.
    @Test func talkingBackAndForth() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect()
      let command = try await connection.start(
        "read -r secret; echo READY; read -r line; echo \"$secret:$line\"; cat", limits: minute)
      try await command.write(Array("password\n".utf8))
      let ready = try await command.read()
      #expect(ready == OutputChunk(stream: .stdout, bytes: Array("READY\n".utf8)))
      try await command.write(Array("program\nrest".utf8))
      try await command.closeInput()
      var text: [UInt8] = []
      while let chunk = try await command.read() { text += chunk.bytes }
      #expect(String(decoding: text, as: UTF8.self) == "password:program\nrest")
      #expect(try await command.waitForExit() == .code(0))
      let error = try await failure { () async throws(SSHError) in try await command.read() }
      #expect(error.kind == .closed)
      await connection.close()
    }

    /// A command that is dropped frees its channel: more of them than MaxSessions allows.
    @Test func droppedCommandsFreeTheirChannels() async throws {
      let server = try LoopbackServer(options: ["MaxSessions 3"])
      let connection = try await server.connect()
      for _ in 0..<8 {
        let command = try await connection.start("cat", limits: minute)
        try await command.write([1])
        _ = try await command.read()
        // The server counts a session until it has buried its process.
        try await Task.sleep(for: .milliseconds(100))
      }
      await connection.close()
    }

    @Test func tooManyCommands() async throws {
      let server = try LoopbackServer(options: ["MaxSessions 1"])
      let connection = try await server.connect()
      let command = try await connection.start("cat", limits: minute)
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("true", limits: minute)
      }
      #expect(error.kind == .commandRefused)
      #expect(error.message.contains("MaxSessions"))
      try await command.write([1])
      #expect(try await command.read()?.bytes == [1])
      await connection.close()
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

    /// sshd asks an idle client for a sign of life and hangs up when none comes.
    @Test func idleConnectionAnswersTheServer() async throws {
      let server = try LoopbackServer(options: ["ClientAliveInterval 1", "ClientAliveCountMax 1"])
      let talking = try await server.connect()
      let idle = try await server.connect()
      let command = try await talking.start("cat", limits: minute)
      try await Task.sleep(for: .seconds(7))
      try await command.write([1])
      #expect(try await command.read()?.bytes == [1])
      #expect(try await idle.run("exit 5", limits: minute) == .code(5))
      await talking.close()
      await idle.close()
    }
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

extension SSHConnection {
  nonisolated var unexpected: SSHError { SSHError(.local, target, "another error type") }
}
