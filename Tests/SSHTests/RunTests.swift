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
  }
}
