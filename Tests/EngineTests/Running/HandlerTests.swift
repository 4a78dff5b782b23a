import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

@Suite struct HandlerTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("", to: "log")
  }

  private func play(_ failing: Bool = false) -> Plays {
    let log = folder.file("log")
    let restarts = folder.file("restarts")
    let restart = Handler("restart", run: "echo restarted >>\(restarts)")
    return Plays(items: [
      Play("Test", on: "all") {
        HasLine(line: "one", path: log, predicts: true).notify(restart)
        HasLine(line: "two", path: log, predicts: true).notify(restart)
        if failing { Runs(command: "exit 1") }
      }
    ])
  }

  @Test func runsOnceForManyNotifications() async {
    let first = await run(in: folder, plays: play())
    #expect(first.code == 0)
    #expect(folder.text("restarts") == "restarted\n")
    #expect(first.events.recaps["local"]?.exchanges == 3)
    let second = await run(in: folder, plays: play())
    #expect(folder.text("restarts") == "restarted\n")
    #expect(second.events.recaps["local"]?.exchanges == 1)
    #expect(second.events.recaps["local"]?.changed == 0)
  }

  @Test func aNotificationOutlivesAFailedRun() async {
    let failed = await run(in: folder, plays: play(true))
    #expect(failed.code == 1)
    #expect(folder.text("restarts") == nil)
    let next = await run(in: folder, plays: play())
    #expect(next.code == 0)
    #expect(folder.text("restarts") == "restarted\n")
    #expect(next.events.outcomes == ["restart: changed", "line one: ok", "line two: ok"])
    let last = await run(in: folder, plays: play())
    #expect(last.events.recaps["local"]?.exchanges == 1)
    #expect(folder.text("restarts") == "restarted\n")
  }

  /// As after the handler was given another name.
  @Test func aNotificationThatNoHandlerAnswersToIsTold() async {
    _ = await run(in: folder, plays: play(true))
    let other = await run(in: folder) { Runs(command: "true") }
    #expect(other.code == 0)
    #expect(other.events.warnings.count { $0.contains("has left \"restart\" to be done") } == 1)
    #expect(await run(in: folder, plays: play()).events.warnings.isEmpty)
    #expect(await run(in: folder) { Runs(command: "true") }.events.warnings.isEmpty)
  }

  @Test func aFailedHandlerStaysDue() async {
    let log = folder.file("log")
    let broken = Plays(items: [
      Play("Test", on: "all") {
        HasLine(line: "one", path: log).notify(Handler("restart", run: "exit 7"))
      }
    ])
    let failed = await run(in: folder, plays: broken)
    #expect(failed.code == 1)
    #expect(failed.events.failures.first?.task?.isHandler == true)
    let next = await run(in: folder, plays: play())
    #expect(next.code == 0)
    #expect(folder.text("restarts") == "restarted\n")
  }

  @Test func aCommandThatChangedNothingNotifiesNobody() async {
    let restarts = folder.file("restarts")
    let restart = Handler("restart", run: "echo restarted >>\(restarts)")
    let result = await run(in: folder) {
      Runs(command: "echo nothing new", changedWhen: .outputContains("changed")).notify(restart)
    }
    #expect(result.code == 0)
    #expect(folder.text("restarts") == nil)
    #expect(result.events.outcomes == ["run: ok"])
  }

  @Test func aFlushRunsHandlersBeforeLaterTasks() async {
    let log = folder.file("log")
    let restarts = folder.file("restarts")
    let restart = Handler("restart", run: "echo restarted >>\(restarts)")
    let result = await run(in: folder) {
      HasLine(line: "one", path: log).notify(restart)
      RunHandlers()
      HasLine(line: "checked", path: restarts)
    }
    #expect(result.code == 0)
    #expect(folder.text("restarts") == "restarted\nchecked\n")
  }

  @Test func checkModePlansThem() async {
    var options = RunOptions()
    options.check = true
    let result = await run(in: folder, options: options, plays: play())
    #expect(result.events.plans.count == 3)
    #expect(folder.text("restarts") == nil)
    #expect(folder.text("log") == "")
  }
}
