import MartletCore
import MartletEngine
import MartletTransports
import TestSupport
import Testing

extension TransportTests {
  @Suite struct EndingTests {
    @Test(arguments: Reach.Way.all)
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

    @Test(arguments: Reach.Way.all)
    func `Cancelling ends the wait, and the session goes on`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      let talk = Talk()
      let running = Task { try await session.run("echo begun; sleep 50", talk) }
      try await talk.hears("begun")
      running.cancel()
      let (error, time) = try await failure { _ = try await running.value }
      #expect(error is CancellationError, "\(error)")
      #expect(time < .seconds(30), "\(time)")
      #expect(try await session.run("exit 3") == .code(3))
      await session.close()
    }

    /// As a program that puts itself into the background carelessly. libssh2 doesn't tell that the command has
    /// ended before sshd closes the channel, which it does when the outputs are closed: there the deadline ends
    /// the wait.
    @Test(arguments: Reach.Way.all)
    func `A child left behind that holds the outputs holds nobody up`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      let talk = Talk()
      let start = ContinuousClock.now
      if way == .ssh {
        let (error, _) = try await failure {
          _ = try await session.run("echo said; sleep 50 & exit 4", exchange: talk, deadline: .seconds(1))
        }
        #expect(error is TransportError, "\(error)")
      } else {
        #expect(try await session.run("echo said; sleep 50 & exit 4", talk) == .code(4))
      }
      #expect(start.duration(to: .now) < .seconds(30))
      #expect(talk.text == "said\n")
      #expect(try await session.run("sleep 30 >/dev/null 2>&1 & exit 5") == .code(5))
      await session.close()
    }

    /// All of what a command said before its end is waited for, however slowly it is taken.
    @Test(arguments: Reach.Way.all)
    func `The last words are heard`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      for _ in 0..<5 {
        let talk = Talk()
        #expect(try await session.run("head -c 300000 /dev/zero; exit 6", talk) == .code(6))
        #expect(talk.bytes.count == 300_000)
      }
      await session.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A connection that breaks is an error at once`(way: Reach.Way) async throws {
      let reach = try Reach(way)
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

    @Test(arguments: Reach.Way.overSSH)
    func `A server that isn't there is an error that names it`(way: Reach.Way) async throws {
      let reach = try Reach(way)
      let port = try freePort()
      let (error, _) = try await failure { _ = try await reach.connect(port: port) }
      #expect("\(error)".contains("127.0.0.1:\(port)"), "\(error)")
      #expect(error is TransportError, "\(error)")
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A session that is closed ends its commands`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      let talk = Talk()
      let running = Task { try await session.run("echo begun; sleep 50", talk) }
      try await talk.hears("begun")
      await session.close()
      let (error, time) = try await failure { _ = try await running.value }
      #expect(error is TransportError, "\(error)")
      #expect(time < .seconds(30), "\(time)")
      let (later, _) = try await failure { _ = try await session.run("true") }
      #expect(later is TransportError, "\(later)")
      await session.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `More commands at once than the server takes are an error that says so`(way: Reach.Way) async throws
    {
      let session = try await Reach(way, options: ["MaxSessions 2"]).connect()
      let talks = [Talk(sending: [], inPiecesOf: 1), Talk(sending: [], inPiecesOf: 1)]
      let running = talks.map { talk in Task { try await session.run("echo begun; sleep 2", talk) } }
      for talk in talks { try await talk.hears("begun") }
      let (error, _) = try await failure { _ = try await session.run("true") }
      #expect("\(error)".contains("MaxSessions"), "\(error)")
      #expect(error is TransportError)
      for task in running { #expect(try await task.value == .code(0)) }
      #expect(try await session.run("exit 3") == .code(3))
      await session.close()
    }
  }
}
