import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// Look, decide, act, look again, with a real shell as the host.
@Suite struct LoopTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test(arguments: [["sh"], ["bash"], ["dash"], ["busybox", "sh"]])
  func firstRunChangesSecondCostsOneExchange(shell: [String]) async throws {
    let log = folder.file("it's a file")
    try folder.write("zero\n", to: "it's a file")
    let play = Play("Test", on: "all") {
      HasLine(line: "one $HOME 'quoted'", path: log, predicts: true)
      HasLine(line: "two", path: log, predicts: true)
    }
    let first = await run(in: folder, shell: shell, plays: Plays(items: [play]))
    #expect(first.events.failures == [])
    #expect(first.code == 0)
    #expect(first.events.outcomes == ["line one $HOME 'quoted': changed", "line two: changed"])
    #expect(first.events.recaps["local"]?.exchanges == 3)
    #expect(folder.text("it's a file") == "zero\none $HOME 'quoted'\ntwo\n")

    let second = await run(in: folder, shell: shell, plays: Plays(items: [play]))
    #expect(second.code == 0)
    #expect(second.events.outcomes == ["line one $HOME 'quoted': ok", "line two: ok"])
    #expect(second.events.recaps["local"]?.exchanges == 1)
  }

  @Test func checkModeSendsNoAction() async throws {
    let log = folder.file("log")
    try folder.write("", to: "log")
    var options = RunOptions()
    options.check = true
    let sent = ExchangeLog()
    let result = await run(in: folder, log: sent, options: options) {
      HasLine(line: "one", path: log, predicts: true)
    }
    #expect(result.events.plans == ["line one: append one"])
    #expect(result.events.recaps["local"]?.changed == 1)
    #expect(await sent.sent.count == 1)
    #expect(folder.text("log") == "")
    #expect(folder.text("state/handlers") == nil)
  }

  @Test func whatAnEarlierTaskChangesIsUnknownUntilItRan() async throws {
    let log = folder.file("log")
    try folder.write("", to: "log")
    @Sendable func play() -> Play {
      Play("Test", on: "all") {
        HasLine(line: "one", path: log)
        HasLine(line: "two", path: log)
      }
    }
    var options = RunOptions()
    options.check = true
    let plan = await run(in: folder, options: options, plays: Plays(items: [play()]))
    #expect(plan.events.plans == ["line one: append one", "line two: unknown until line one has run"])
    let result = await run(in: folder, plays: Plays(items: [play()]))
    #expect(result.code == 0)
    #expect(result.events.recaps["local"]?.exchanges == 5)
    #expect(folder.text("log") == "one\ntwo\n")
  }

  @Test func aFailureIsFinalOnlyWhenNothingIsLeftThatCouldMendIt() async throws {
    let made = folder.file("made")
    let mended = await run(in: folder) {
      Runs(command: "touch \(made)")
      HasLine(line: "one", path: made)
    }
    #expect(mended.code == 0)
    #expect(folder.text("made") == "one\n")

    let absent = folder.file("absent")
    let failed = await run(in: folder) { HasLine(line: "one", path: absent) }
    #expect(failed.code == 1)
    #expect(failed.events.failures.first?.message == "absent is missing")
  }

  @Test func aTaskThatStillWantsAChangeDidNotConverge() async throws {
    struct Never: HostTask {
      var label: String { "never" }
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision { [.run("true", summary: "try again")] }
    }
    let result = await run(in: folder) { Never() }
    #expect(result.code == 1)
    let failure = try #require(result.events.failures.first)
    #expect(failure.message.hasPrefix("did not converge"))
    #expect(failure.task?.label == "never")
    #expect(failure.output == ["try again"])
  }

  @Test func `Tasks that undo each other are both named`() async throws {
    struct Wants: HostTask {
      var label: String
      var path: RemotePath?
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision {
        guard let path else { return [Action.run("true").oneShot()] }
        return [.run("true", summary: "write", touches: [.tree(path)])]
      }
    }
    let two = await run(in: folder) {
      Wants(label: "folder app", path: "/srv/app")
      Wants(label: "file x", path: "/srv/app/x")
      Wants(label: "file y", path: "/srv/y")
    }
    let message = try #require(two.events.failures.first?.message)
    #expect(two.events.failures.first?.task?.label == "folder app")
    #expect(
      message.contains("file x (") && message.contains("changes /srv/app/x too")
        && !message.contains("file y"))
    let command = await run(in: folder) {
      Wants(label: "command chown", path: nil)
      Wants(label: "file x", path: "/srv/app/x")
    }
    #expect(command.events.failures.first?.task?.label == "file x")
    #expect(
      command.events.failures.first?.message.contains(
        "Perhaps a command of this run undoes them: command chown (") == true)
  }

  @Test func `Two tasks that undo each other are told apart by signs`() async throws {
    try folder.write("one\n", to: "file")
    struct Keeps: HostTask {
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision {
        [.run("true", summary: "write", changes: [.added("one"), .removed("two"), .modified("mode")])]
      }
    }
    let result = await run(in: folder) { Keeps() }
    #expect(result.events.failures.first?.output == ["write", "+ one", "- two", "~ mode"])
  }

  @Test func `What had finished when the connection broke is reported as changed`() async throws {
    try folder.write("", to: "log")
    let log = folder.file("log")
    let result = await run(in: folder) {
      HasLine(line: "one", path: log, predicts: true)
      Runs(command: "kill -9 $$")
    }
    #expect(result.code != 0)
    #expect(folder.text("log") == "one\n")
    #expect(result.events.recaps["local"]?.changed == 1)
  }

  @Test func theFirstFailureStopsTheHostAndSaysWhy() async throws {
    let after = folder.file("after")
    let result = await run(in: folder) {
      Runs(command: "echo some output; echo it broke >&2; exit 3")
      Runs(command: "touch \(after)")
    }
    #expect(result.code == 1)
    let failure = try #require(result.events.failures.first)
    #expect(failure.status == 3)
    #expect(failure.output == ["some output", "it broke"])
    #expect(failure.command == "echo some output; echo it broke >&2; exit 3")
    #expect(failure.task?.location.file.hasSuffix("LoopTests.swift") == true)
    #expect(folder.text("after") == nil)
  }

  @Test func noiseOfTheLoginShellIsNotTakenForAnswers() async throws {
    try folder.write("", to: "log")
    let log = folder.file("log")
    let noise =
      "Welcome!\nmartlet- fact 0\n\u{1b}[31mfact 0\u{1b}[0m\n" + String(repeating: "x", count: 100_000)
    let result = await run(in: folder, noise: noise) { HasLine(line: "one", path: log) }
    #expect(result.code == 0)
    #expect(folder.text("log") == "one\n")
  }

  @Test func oneHostsFailureIsNotTheOthers() async throws {
    let events = RecordedEvents()
    let engine = Engine(
      transport: Flaky(inner: ShellTransport(state: folder.path + "/state"), down: ["b"]),
      options: RunOptions(), sink: events)
    let inventory = Inventory(hosts: ["a", "b", "c"].map { InventoryHost(name: $0) })
    let plays = Plays(items: [Play("Test", on: "all") { Runs(command: "true") }])
    #expect(await engine.run(plays, named: "Test", inventory: inventory) == 4)
    #expect(events.recaps["b"]?.unreachable == true)
    #expect(events.recaps["a"]?.changed == 1)
    #expect(events.recaps["c"]?.changed == 1)
  }

  @Test func conditionsFollowWhatChanged() async throws {
    try folder.write("here\n", to: "log")
    let log = folder.file("log")
    let marker = folder.file("marker")
    @Sendable func play() -> Play {
      let line = HasLine(line: "here", path: log).named("first")
      let other = HasLine(line: "new", path: log).named("second")
      return Play("Test", on: "all") {
        line
        other
        Runs(command: "echo first >>\(marker)").when(line.changed)
        Runs(command: "echo second >>\(marker)").when(other.changed && !line.changed)
      }
    }
    let result = await run(in: folder, plays: Plays(items: [play()]))
    #expect(result.code == 0)
    #expect(folder.text("marker") == "second\n")
    #expect(result.events.recaps["local"]?.skipped == 1)
  }

  @Test func secretsNeverReachReportsOrArguments() async throws {
    let secret = Secret("hunter2-is-secret")
    let file = folder.file("file")
    let result = await run(in: folder) {
      HasFile(path: file, contents: "key=\(secret)\n")
      Runs(command: "cat \(file); tr '=' ' ' <\(file) >&2; exit 1")
    }
    #expect(result.code == 1)
    #expect(folder.text("file") == "key=hunter2-is-secret\n")
    let reported = "\(result.events.all)"
    #expect(!reported.contains("hunter2"))
    #expect(result.events.failures.first?.output == ["key=***", "key ***"])
  }

  @Test func aSecretThatIsCutInTwoShowsNeitherHalf() async throws {
    let secret = Secret("0123456789-is-a-secret-of-some-length")
    let file = folder.file("file")
    for surplus in [1, 12, 30, 37] {
      let result = await run(in: folder) {
        HasFile(path: file, contents: "\(secret)\n")
        // The end of the output is sent; the limit falls inside the secret.
        Runs(
          command: """
            cat \(file)
            head -c \(HostOutput.failureLimit - 38 + surplus) /dev/zero | tr '\\0' x
            exit 1
            """)
      }
      #expect(!"\(result.events.all)".contains("secret-of"))
      #expect(!"\(result.events.all)".contains("length\n"))
    }
  }

  @Test func largeAndBinaryInputsArriveWhole() async throws {
    struct Receives: HostTask {
      var bytes: [UInt8]
      var path: RemotePath
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision {
        var action = Action.run("cat >\(path)").oneShot()
        action.input = Payload(bytes)
        return [action]
      }
    }
    let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let small = Array(UInt8.min...UInt8.max)
    let paths = [folder.file("large"), folder.file("small"), folder.file("second")]
    let result = await run(in: folder) {
      Receives(bytes: large, path: paths[0])
      Receives(bytes: small, path: paths[1])
      Receives(bytes: large.reversed(), path: paths[2])
    }
    #expect(result.events.failures == [])
    #expect(result.events.recaps["local"]?.exchanges == 4)
    #expect(SHA256.hex(try folder.bytes("large")) == SHA256.hex(large))
    #expect(try folder.bytes("small") == small)
    #expect(try folder.bytes("second") == large.reversed())
  }

  @Test func backgroundChildrenDoNotHoldTheHost() async throws {
    // The child ends only when the run has: were the run to wait for it, neither would end.
    let gate = folder.file("gate")
    let ended = folder.file("ended")
    let result = await run(in: folder) {
      Runs(command: "( while [ ! -e \(gate) ]; do sleep 0.05; done; touch \(ended) ) & echo started")
    }
    #expect(result.code == 0)
    #expect(folder.text("ended") == nil)
    try folder.write("", to: "gate")
  }

  @Test func `What was started is waited for only when nothing more is to come`() async throws {
    /// Takes down whether it may wait, and fails until the last line is there.
    struct Page: ProbedFact {
      typealias Value = Bool
      static let kind = "page"
      var log: RemotePath
      var file: RemotePath
      static func probe(_ facts: [Page], _ options: LookOptions) -> ShellCommand {
        ShellCommand(
          lines: facts.map {
            "echo \(options.hasActed ? "waits" : "asks") >>\($0.log); grep -c two \($0.file)"
          })
      }
      static func parse(_ output: ProbeOutput, for facts: [Page]) -> [Page: Bool] {
        Dictionary(uniqueKeysWithValues: facts.map { ($0, output.lines.first == "1") })
      }
    }
    struct Answers: HostTask {
      var observes: Page
      func decide(given isThere: Bool) -> Decision { isThere ? .unchanged : .failed("no page") }
    }
    try folder.write("", to: "log")
    let (log, asked) = (folder.file("log"), folder.file("asked"))
    let result = await run(in: folder) {
      HasLine(line: "one", path: log)
      HasLine(line: "two", path: log)
      Answers(observes: Page(log: asked, file: log))
    }
    #expect(result.events.failures == [])
    #expect(folder.text("asked") == "asks\nasks\nwaits\n")
  }

  @Test func `In check mode a command that only checks is no change, and notifies nobody`() async throws {
    var options = RunOptions()
    options.check = true
    let touched = folder.file("touched")
    let restart = Handler("restart", run: "touch \(touched)")
    let checks = Runs(command: "true", changedWhen: .never).named("checks")
    let result = await run(
      in: folder, options: options,
      plays: Plays(items: [
        Play("Test", on: "all") {
          checks.notify(restart)
          Runs(command: "true").named("follows").when(checks.changed)
        }
      ]))
    #expect(result.events.outcomes == ["checks: ok", "follows: skipped"])
    #expect(result.events.recaps["local"]?.changed == 0)
  }

  @Test func `A long last line without an end shows its tail, and no half of a secret`() async throws {
    let secret = Secret("0123456789-is-a-secret-of-some-length")
    let file = folder.file("file")
    for surplus in [0, 1, 20, 36] {
      let result = await run(in: folder) {
        HasFile(path: file, contents: "\(secret)\n")
        Runs(
          command: """
            head -c 40000 /dev/zero | tr '\\0' x
            printf %s "$(cat \(file))"
            head -c \(HostOutput.failureLimit - 37 + surplus) /dev/zero | tr '\\0' y
            printf THE-END; exit 1
            """)
      }
      let output = try #require(result.events.failures.first?.output)
      #expect(output.first == "…" && output.last?.hasSuffix("yyyTHE-END") == true)
      #expect(!"\(result.events.all)".contains("-length"))
      #expect(!"\(result.events.all)".contains("secret-of"))
    }
  }

}

/// A transport on which some hosts are down.
struct Flaky: Transport {
  var inner: any Transport
  var down: Set<String>

  func connect(to host: InventoryHost) async throws -> any TransportSession {
    if down.contains(host.name) { throw TransportError("\(host.name): no route to host") }
    return try await inner.connect(to: host)
  }
}
