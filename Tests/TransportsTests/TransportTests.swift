import MartletCore
import MartletEngine
import TestSupport
import Testing

/// What the engine relies on, of every transport. One at a time: they measure times.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TransportTests {
  @Test(arguments: Reach.Way.all)
  func `Hostile text in single quotes arrives as it is`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let hostile = [
      "", " two  spaces ", "it's 'quoted'", "$HOME `id` $(id) ${x}", #"back\slash \n \\"#, "!! !$ ^a^b",
      "*?[a-z]~",
      "; | & < > # % {a,b}", "\u{1B}[31m\t\u{7F}", "line\nbreak\r\n", "\"", "--help", "ünïcödé 🐦",
    ]
    for text in hostile {
      let talk = Talk()
      #expect(try await session.run("printf %s \(Shell.quote(text))", talk) == .code(0))
      #expect(talk.text == text)
    }
    let all = Talk()
    let words = hostile.map { Shell.quote($0) }.joined(separator: " ")
    #expect(try await session.run("printf '[%s]' \(words)", all) == .code(0))
    #expect(all.text == hostile.map { "[\($0)]" }.joined())
    await session.close()
  }

  @Test(arguments: Reach.Way.all)
  func `Errors are apart from output`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let talk = Talk()
    let script = "i=0; while [ $i -lt 200 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done"
    #expect(try await session.run(script, talk) == .code(0))
    #expect(talk.text == (0..<200).map { "out\($0)\n" }.joined())
    #expect(talk.errors == (0..<200).map { "err\($0)\n" }.joined())
    await session.close()
  }

  @Test(arguments: Reach.Way.all)
  func `Exit statuses and signals are told`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    for code: Int32 in [0, 3, 127, 255] {
      #expect(try await session.run("exit \(code)") == .code(code))
    }
    for (signal, number) in [("KILL", Int32(9)), ("TERM", 15), ("SEGV", 11)] {
      #expect(try await session.run("kill -\(signal) $$") == way.ending(by: signal, number: number))
    }
    #expect(try await session.run("exec >&- 2>&-; sleep 0.3; exit 9") == .code(9))
    await session.close()
  }

  /// sudo's dialogue: a password after its prompt, and the program only once the shell behind it is there.
  @Test(arguments: Reach.Way.all)
  func `Input can wait for what the command says`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let talk = Talk { talk, number in
      switch number {
      case 0:
        try await talk.hears("Password: ")
        return Array("secret\n".utf8)
      case 1:
        try await talk.hears("ready: secret\n")
        return Array("echo from the program\n".utf8)
      default: return nil
      }
    }
    let script = "printf 'Password: ' >&2; read -r p; echo \"ready: $p\"; sh"
    #expect(try await session.run(script, talk) == .code(0))
    #expect(talk.text == "ready: secret\nfrom the program\n")
    #expect(talk.errors == "Password: ")
    await session.close()
  }

  /// Without docker's client: the service of podman 4.3, which it talks to here, makes an error of unread input
  /// (`head -c 4000000 /dev/zero | docker exec -i BOX sh -c 'exit 3'` ends with 1, "connection reset by peer").
  @Test(arguments: Reach.Way.all.filter { $0 != .docker })
  func `A command may leave its input unread`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let bytes = [UInt8](repeating: 1, count: 4 << 20)
    let commands: [(String, Int32)] = [
      ("exit 3", 3), ("exit 3", 3), ("exit 3", 3), ("head -c 100000 >/dev/null", 0),
      ("exec <&-; sleep 0.3; exit 4", 4),
    ]
    for (command, code) in commands {
      let talk = Talk(sending: bytes, inPiecesOf: 65_536)
      #expect(try await session.run(command, talk) == .code(code))
    }
    await session.close()
  }

  /// As where sudo is missing: nobody will ever ask for the password.
  @Test(arguments: Reach.Way.all)
  func `A command that ends while its input still waits has ended`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let start = ContinuousClock.now
    let talk = Talk { talk, _ in
      try await talk.hears("never")
      return nil
    }
    #expect(try await session.run("echo once; exit 127", talk) == .code(127))
    #expect(talk.text == "once\n")
    #expect(start.duration(to: .now) < .seconds(30), "far from the deadline")
    await session.close()
  }

  @Test(arguments: Reach.Way.all)
  func `Two commands run at once on one session`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    for round in 0..<3 {
      let second = Talk { _, number in number == 0 ? Array("hello \(round)\n".utf8) : nil }
      // The first can only end once the second has said something.
      let first = Talk { _, number in
        guard number == 0 else { return nil }
        try await second.hears("hello")
        return Array("heard\n".utf8)
      }
      async let one = session.run("read -r line; echo \"$line\"; exit 1", first)
      async let two = session.run("cat; exit 2", second)
      let statuses = try await [one, two]
      #expect(statuses == [.code(1), .code(2)])
      #expect(first.text == "heard\n" && second.text == "hello \(round)\n")
    }
    await session.close()
  }
}
