import Foundation
import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// Actions that take too long or print too much, and hosts that say nothing or never stop.
@Suite struct ActionLimitTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Runs a command that may take some seconds.
  struct Hurries: HostTask {
    var command: ShellCommand
    var seconds = 1
    var label: String { "hurry" }
    var observes: Nothing { Nothing() }

    func decide(given facts: Void) -> Decision {
      var action = Action.run(command).oneShot()
      action.timeout = .seconds(seconds)
      return [action]
    }
  }

  @Test(arguments: ["sh", "bash", "busybox sh"])
  func `What takes too long is ended with all that it started`(shell: String) async throws {
    let pids = folder.file("pids")
    let after = folder.file("after")
    let result = await run(in: folder, shell: shell.split(separator: " ").map(String.init)) {
      Hurries(
        command: """
          note() { echo $! >>\(pids); }
          echo started
          sleep 600 & note
          setsid sleep 601 & note
          sh -c 'trap "" TERM; while :; do sleep 1; done' & note
          (setsid sh -c 'echo $$ >>\(raw: pids.string); exec sleep 602' &)
          wait
          """)
      Runs(command: "touch \(after)")
    }
    #expect(result.code == 1)
    let failure = try #require(result.events.failures.first)
    #expect(
      failure.message == "hurry took longer than 1 s: it was ended on the host, with all that it had started")
    #expect(failure.output.first == "started")
    #expect(folder.text("after") == nil)
    let numbers = (folder.text("pids") ?? "").split(separator: "\n").compactMap { Int32($0) }
    #expect(numbers.count == 4)
    for number in numbers {
      // A zombie is waited for by whoever reaps here.
      let state = (try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8))?
        .split(separator: ")").last?.split(separator: " ").first
      #expect(state == nil || state == "Z", "\(number) is \(state ?? "")")
    }
  }

  @Test func `What installs packages is never ended, and the next run waits for it`() async throws {
    // The name is all that counts.
    let apt = folder.file("apt-get")
    try FileManager.default.copyItem(atPath: "/bin/dash", toPath: apt.string)
    let (gate, done) = (folder.file("gate"), folder.file("done"))
    let result = await run(in: folder) {
      Hurries(command: "\(apt) -c 'while [ ! -e \(raw: gate.string) ]; do sleep 0.05; done'; touch \(done)")
    }
    #expect(result.code == 1)
    let message = try #require(result.events.failures.first?.message)
    #expect(message.contains("apt-get is still at work there"), "\(message)")
    #expect(folder.text("done") == nil)
    // Were the next run not to wait, it would be there first.
    try folder.write("", to: "gate")
    let next = await run(in: folder) { Runs(command: "test -e \(done)") }
    #expect(next.events.failures == [])
  }

  @Test func `The host keeps a deadline when nobody listens any more`() async throws {
    let pid = folder.file("pid")
    // The program's shell is killed, and its session is over.
    let result = await run(in: folder) {
      Hurries(command: "kill -9 $$; sh -c 'echo $$ >\(raw: pid.string); exec sleep 600'")
    }
    #expect(result.code == 1)
    var state: Substring? = "?"
    for _ in 0..<600 where state != nil && state != "Z" {
      try await Task.sleep(for: .milliseconds(50))
      guard let number = folder.text("pid").flatMap({ Int32($0.trimmed) }) else { continue }
      state =
        (try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8))?
        .split(separator: ")").last?.split(separator: " ").first
    }
    #expect(state == nil || state == "Z")
  }

  @Test func `A guard that hangs is ended like its action`() async throws {
    struct Guarded: HostTask {
      var label: String { "guarded" }
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision {
        var action = Action.run("true").oneShot().guarded(unless: "sleep 600")
        action.timeout = .seconds(1)
        return [action]
      }
    }
    let result = await run(in: folder) { Guarded() }
    #expect(result.events.failures.first?.message.contains("guarded took longer than 1 s") == true)
  }

  @Test(arguments: ["sh", "bash"])
  func `A long output is kept to a bound on the host, and its ends are shown`(shell: String) async throws {
    let size = folder.file("size")
    let result = await run(in: folder, shell: [shell]) {
      Runs(
        command: """
          echo FIRST
          n=0; while [ $n -lt 30 ]; do head -c 2000000 /dev/zero | tr '\\0' x; echo; sleep 0.1; n=$((n + 1)); done
          wc -c <"$MARTLET_TMP/out.0" >\(size)
          echo LAST; exit 3
          """)
    }
    let failure = try #require(result.events.failures.first)
    #expect(failure.status == 3)
    #expect(failure.output.first == "FIRST")
    #expect(failure.output.last == "LAST")
    let bytes = try #require(folder.text("size").flatMap { Int($0.trimmed) })
    #expect(bytes < 40_000_000, "\(bytes)")
  }

  @Test func `Of an output that was cut, what can't be found any more counts as a change`() async throws {
    let result = await run(in: folder) {
      Runs(
        command: """
          head -c 5000000 /dev/zero | tr '\\0' x; echo; echo it changed; head -c 9000000 /dev/zero | tr '\\0' x
          n=0; while [ ! -e "$MARTLET_TMP/out.0.tail" ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n + 1)); done
          """, changedWhen: .outputContains("it changed"))
    }
    #expect(result.events.outcomes == ["run: changed"])
  }

  /// A host that takes what it is given and says nothing, or that stops after its first word.
  struct Silent: Transport, TransportSession {
    var words: String
    var answersOthers = false

    func connect(to host: InventoryHost) async throws -> any TransportSession { self }

    func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws
      -> MartletEngine.ExitStatus
    {
      if let program = try await exchange.input() {
        let text = String(decoding: program, as: UTF8.self)
        let marker = text.split(separator: "_M=").dropFirst().first?.prefix { $0 != "\n" } ?? ""
        exchange.output(Array(words.replacing("MARKER", with: marker).utf8))
      } else if answersOthers {
        return .code(0)
      }
      try await Task.sleep(for: .seconds(3600))
      return .code(0)
    }

    func close() async {}
  }

  private func failure(of host: Silent, look: Duration = .seconds(600)) async -> HostFailure? {
    let events = RecordedEvents()
    var options = RunOptions()
    options.startTimeout = .milliseconds(400)
    options.silenceTimeout = .milliseconds(400)
    options.lookTimeout = look
    let engine = Engine(transport: host, options: options, sink: events)
    var inventory = Inventory(hosts: [InventoryHost(name: "a")])
    inventory.updateHosts { $0.connection.user = "root" }
    _ = await engine.run(
      Plays(items: [Play("Test", on: "all") { Runs(command: "true") }]), named: "Test", inventory: inventory)
    return events.failures.first
  }

  @Test func `A login shell that hangs, a host that stops, and one that is only slow`() async throws {
    let hanging = await failure(of: Silent(words: "Welcome\n"))
    #expect(hanging?.kind == .unreachable)
    #expect(hanging?.message.contains("the login shell of root hangs") == true, "\(hanging?.message ?? "")")
    let stopped = await failure(of: Silent(words: "\nMARKER hello\n"))
    #expect(stopped?.kind == .unreachable)
    #expect(stopped?.message.contains("gives no sign of life") == true, "\(stopped?.message ?? "")")
    // It answers when it is asked, so it has as long as a look may take.
    let slow = await failure(of: Silent(words: "\nMARKER hello\n", answersOthers: true), look: .seconds(4))
    #expect(slow?.message.contains("within 4 s") == true, "\(slow?.message ?? "")")
  }
}
