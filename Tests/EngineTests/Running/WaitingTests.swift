import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// Actions that something else on the host holds up.
@Suite struct WaitingTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Is held up until it was tried as often as this.
  private struct Held: HostTask {
    var attempts: Int
    var limit: Duration
    var path: RemotePath
    var label: String { "held" }
    var observes: Nothing { Nothing() }

    func decide(given facts: Void) -> Decision {
      var action = Action.run(
        """
        echo x >>\(path); n=$(wc -l <\(path))
        [ $n -ge \(attempts) ] || { echo noise; echo "apt-get (process 7)"; exit 75; }
        """
      ).oneShot()
      action.waitsUpTo = limit
      action.explanation = { "given up: \($0.last ?? "")" }
      return [action]
    }
  }

  private func reasons(_ events: RecordedEvents) -> [String] {
    events.all.compactMap { if case .waiting(_, _, let reason) = $0 { reason } else { nil } }
  }

  @Test func areTriedAgainAndSayForWhom() async throws {
    let log = folder.file("log")
    let run = await run(in: folder) { Held(attempts: 2, limit: .seconds(60), path: log) }
    #expect(run.events.failures == [])
    #expect(run.code == 0)
    #expect(reasons(run.events) == ["apt-get (process 7)"])
    #expect(folder.text("log") == "x\nx\n")
  }

  @Test func areGivenUpInTheEnd() async throws {
    let log = folder.file("log")
    let run = await run(in: folder) { Held(attempts: 9, limit: .zero, path: log) }
    #expect(run.code == 1)
    #expect(run.events.failures.map(\.message) == ["given up: apt-get (process 7)"])
    #expect(run.events.failures.map(\.status) == [75])
    #expect(reasons(run.events) == [] && folder.text("log") == "x\n")
  }
}
