import MartletEngine
import TestSupport
import Testing

extension TransportTests {
  /// Commands that want a terminal.
  @Suite struct TerminalTests {
    @Test(.needsRoot("to have an sshd that may give terminals"), arguments: Reach.Way.overSSH)
    func `Every byte passes a terminal, both ways`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      #expect(session.offersTerminals)
      let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let talk = Talk(onTerminal: true) { talk, number in
        guard number == 0 else { return nil }
        try await talk.hears("ready\n")
        return bytes
      }
      let script = """
        stty raw -echo; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && (: </dev/tty) && echo ready; head -c \(bytes.count)
        echo >&2 " error"; exit 3
        """
      #expect(try await session.run(script, talk) == .code(3))
      let isExact = talk.bytes == Array("ready\n".utf8) + bytes + Array(" error\n".utf8)
      #expect(isExact, "\(talk.bytes.count) bytes: \(talk.text.prefix(40))")
      #expect(talk.errors.isEmpty)
      await session.close()
    }

    /// Without `stty`, which may be missing there.
    @Test(.needsRoot("to have an sshd that may give terminals"), arguments: Reach.Way.overSSH)
    func `It is raw from the start`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      let talk = Talk(onTerminal: true) { talk, number in
        guard number == 0 else { return nil }
        try await talk.hears("ready\n")
        return [3, 4, 13, 17, 19, 26, 28]
      }
      #expect(try await session.run("echo ready; head -c 7 | od -An -tu1", talk) == .code(0))
      let numbers = talk.text.split { $0 == " " || $0 == "\n" }
      #expect(numbers == ["ready", "3", "4", "13", "17", "19", "26", "28"], "\(talk.text)")
      await session.close()
    }

    @Test(.needsRoot("to have an sshd that may give terminals"), arguments: Reach.Way.overSSH)
    func `Other commands of the session have none`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      #expect(try await session.run("[ -t 0 ]", Talk(onTerminal: true)) == .code(0))
      #expect(try await session.run("[ -t 0 ] || [ -t 1 ] || (: </dev/tty)") != .code(0))
      await session.close()
    }

    @Test func `A server that gives none says so`() async throws {
      let session = try await Reach(.ssh, options: ["PermitTTY no"]).connect()
      let (error, _) = try await failure { _ = try await session.run("true", Talk(onTerminal: true)) }
      #expect("\(error)".contains("gives commands no terminal (PermitTTY"), "\(error)")
      #expect(try await session.run("exit 4") == .code(4))
      await session.close()
    }

    @Test(arguments: Reach.Way.all.filter { !Reach.Way.overSSH.contains($0) })
    func `Without SSH there are none`(way: Reach.Way) async throws {
      #expect(try await !Reach(way).connect().offersTerminals)
    }
  }
}
