import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// A host that doesn't do as it is told. What it sends is untrusted: each of these ends in an error of that host.
@Suite struct ScriptedHostTests {
  /// Answers each program with the next script; `MARKER` stands for the program's own. A script with a status ends
  /// the shell, as one that is killed does.
  final class Script: Transport, TransportSession {
    let answers:
      [@Sendable (_ program: String) -> (output: String, errors: String, status: MartletEngine.ExitStatus?)]
    private let log = ExchangeCounter()

    init(
      _ answers: (
        @Sendable (String) -> (output: String, errors: String, status: MartletEngine.ExitStatus?)
      )...
    ) {
      self.answers = answers
    }

    func connect(to host: InventoryHost) async throws -> any TransportSession { self }

    func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws
      -> MartletEngine.ExitStatus
    {
      while let program = try await exchange.input() {
        let text = String(decoding: program, as: UTF8.self)
        let index = await log.next()
        guard index < answers.count else { throw TransportError("connection lost") }
        let marker = text.split(separator: "_M=").dropFirst().first?.prefix { $0 != "\n" } ?? ""
        let (output, errors, status) = answers[index](text)
        exchange.errorOutput(Array(errors.utf8))
        exchange.output(Array(output.replacing("MARKER", with: marker).utf8))
        if let status { return status }
      }
      return .code(0)
    }

    func close() async {}
  }

  actor ExchangeCounter {
    private var count = -1
    func next() -> Int {
      count += 1
      return count
    }
  }

  private func run(_ host: Script) async -> RecordedEvents {
    let events = RecordedEvents()
    let engine = Engine(transport: host, options: RunOptions(), sink: events)
    let plays = Plays(items: [Play("Test", on: "all") { Runs(command: "true") }])
    var inventory = Inventory(hosts: [InventoryHost(name: "a")])
    inventory.updateHosts { $0.connection.user = "root" }
    #expect(await engine.run(plays, named: "Test", inventory: inventory) != 0)
    return events
  }

  private static let look = "\nMARKER fact 0\n\nMARKER end\n\nMARKER left 0\n"

  @Test func aProgramWithoutAnEndDidNotRun() async throws {
    let events = await run(Script { _ in ("", "sh: syntax error", .code(2)) })
    let message = try #require(events.failures.first?.message)
    #expect(message.contains("exit status 2") && message.contains("syntax error"))
  }

  @Test func silenceWithAGoodStatusIsNoSuccess() async throws {
    let events = await run(Script { _ in ("Welcome\n", "", .code(0)) })
    #expect(events.failures.first?.message.contains("did not run the program to its end") == true)
  }

  @Test func recordsOfAnotherMarkerAreNoise() async throws {
    let events = await run(Script { _ in ("\nmartlet-0 fact 0\n\nmartlet-0 end\n", "", .code(0)) })
    #expect(events.failures.count == 1)
  }

  @Test func actionsThatWereNotSentCannotBeReported() async throws {
    let events = await run(
      Script({ _ in (Self.look, "", nil) }) { _ in
        ("\nMARKER begin 7\n\nMARKER done 7 changed\n\nMARKER done -1 changed\n\nMARKER end\n", "", .code(0))
      })
    #expect(events.failures.first?.message.contains("stopped in the middle") == true)
    #expect(events.outcomes == [])
  }

  @Test func aFailureIsTakenAtItsWord() async throws {
    let events = await run(
      Script({ _ in (Self.look, "", nil) }) { _ in
        ("\nMARKER begin 0\n\nMARKER failed 0 99999999999\nwhy\n\nMARKER end\n", "", .code(0))
      })
    let failure = try #require(events.failures.first)
    #expect(failure.output == ["why"])
    #expect(failure.status == -1)
  }

  @Test func aConnectionThatIsLostBetweenRoundsIsUnreachable() async throws {
    let events = await run(Script { _ in (Self.look, "", nil) })
    #expect(events.failures.first?.kind == .unreachable)
    #expect(events.recaps["a"]?.exchanges == 2)
  }
}
