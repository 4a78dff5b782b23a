import MartletCore
import MartletEngine
import TestSupport
import Testing

/// What the engine relies on, of every transport. One at a time: they measure times.
@Suite(.serialized, .timeLimit(.minutes(1))) struct TransportTests {
  @Test(arguments: Reach.Way.allCases)
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

  @Test(arguments: Reach.Way.allCases)
  func `A large input arrives exact, asked for piece by piece`(way: Reach.Way) async throws {
    let reach = try Reach(way)
    let session = try await reach.connect()
    let sample = try reach.sample(20_000_000)
    let talk = Talk(sending: sample.bytes, inPiecesOf: 65_536)
    #expect(try await session.run("sha256sum", talk) == .code(0))
    #expect(talk.inputs == 307, "306 pieces and the end")
    let sum = try shell("sha256sum <'\(sample.path)'")
    #expect(talk.text == sum && sum.count > 64)
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
  func `A large output arrives exact`(way: Reach.Way) async throws {
    let reach = try Reach(way)
    let session = try await reach.connect()
    let sample = try reach.sample(20_000_000)
    let talk = Talk()
    #expect(try await session.run("cat '\(sample.path)'", talk) == .code(0))
    let isExact = talk.bytes == sample.bytes
    #expect(isExact, "\(talk.bytes.count) bytes")
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
  func `Input and output flow at once`(way: Reach.Way) async throws {
    let reach = try Reach(way)
    let session = try await reach.connect()
    let bytes = try reach.sample(5_000_000).bytes
    let talk = Talk(sending: bytes, inPiecesOf: 100_000)
    #expect(try await session.run("cat", talk) == .code(0))
    let isExact = talk.bytes == bytes
    #expect(isExact, "\(talk.bytes.count) bytes")
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
  func `Errors are apart from output`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let talk = Talk()
    let script = "i=0; while [ $i -lt 200 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done"
    #expect(try await session.run(script, talk) == .code(0))
    #expect(talk.text == (0..<200).map { "out\($0)\n" }.joined())
    #expect(talk.errors == (0..<200).map { "err\($0)\n" }.joined())
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
  func `Exit statuses and signals are told`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    for code: Int32 in [0, 3, 127, 255] {
      #expect(try await session.run("exit \(code)") == .code(code))
    }
    for signal in ["KILL", "TERM", "SEGV"] {
      #expect(try await session.run("kill -\(signal) $$") == .signal(signal))
    }
    #expect(try await session.run("exec >&- 2>&-; sleep 0.3; exit 9") == .code(9))
    await session.close()
  }

  /// sudo's dialogue: a password after its prompt, and the program only once the shell behind it is there.
  @Test(arguments: Reach.Way.allCases)
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

  @Test(arguments: Reach.Way.allCases)
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
  @Test(arguments: Reach.Way.allCases)
  func `A command that ends while its input still waits has ended`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let start = ContinuousClock.now
    let talk = Talk { talk, _ in
      try await talk.hears("never")
      return nil
    }
    #expect(try await session.run("echo once; exit 127", talk) == .code(127))
    #expect(talk.text == "once\n")
    #expect(start.duration(to: .now) < .seconds(5))
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
  func `A deadline that passes is an error, and the session goes on`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let waiting = Talk { talk, _ in
      try await talk.hears("never")
      return nil
    }
    for talk in [Talk(), waiting] {
      let (error, time) = try await failure {
        _ = try await session.run("sleep 20", exchange: talk, deadline: .milliseconds(500))
      }
      #expect(error is TransportError, "\(error)")
      #expect(.milliseconds(400) < time && time < .seconds(5), "\(time)")
    }
    #expect(try await session.run("exit 3") == .code(3))
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
  func `Cancelling ends the wait, and the session goes on`(way: Reach.Way) async throws {
    let session = try await Reach(way).connect()
    let talk = Talk()
    let running = Task { try await session.run("echo begun; sleep 20", talk) }
    try await talk.hears("begun")
    running.cancel()
    let (error, time) = try await failure { _ = try await running.value }
    #expect(error is CancellationError, "\(error)")
    #expect(time < .seconds(3), "\(time)")
    #expect(try await session.run("exit 3") == .code(3))
    await session.close()
  }

  @Test(arguments: Reach.Way.allCases)
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

  @Test func `A connection that breaks is an error at once`() async throws {
    let reach = try Reach(.ssh)
    let session = try await reach.connect()
    let talk = Talk { talk, number in
      if number == 0 { return Array("some\n".utf8) }
      try await talk.hears("never")
      return nil
    }
    let running = Task { try await session.run("head -n 1; sleep 20", talk) }
    try await talk.hears("some")
    try reach.server?.dropConnections()
    let (error, time) = try await failure { _ = try await running.value }
    #expect(error is TransportError, "\(error)")
    #expect(time < .seconds(5), "\(time)")
    let (later, _) = try await failure { _ = try await session.run("true") }
    #expect(later is TransportError, "\(later)")
    await session.close()
    let again = try await reach.connect()
    #expect(try await again.run("exit 3") == .code(3))
    await again.close()
  }

  @Test func `A server that isn't there is an error that names it`() async throws {
    let reach = try Reach(.ssh)
    let port = try freePort()
    let (error, _) = try await failure { _ = try await reach.connect(port: port) }
    #expect("\(error)".contains("127.0.0.1:\(port)"), "\(error)")
    #expect(error is TransportError, "\(error)")
  }
}
