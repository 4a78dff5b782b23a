import Foundation
import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// Two controllers at once, and what an interrupted one has left behind.
@Suite(.timeLimit(.minutes(5))) struct HostLockTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write("", to: "log")
  }

  /// Waits for something that another task of the test brings about.
  private func until(_ what: String, _ condition: () -> Bool) async throws {
    for _ in 0..<2400 {
      if condition() { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    Issue.record("never: \(what)")
  }

  /// A command that says it was reached, and goes on when the gate is open.
  private func gated(_ rest: ShellCommand = "true") -> ShellCommand {
    """
    touch \(folder.file("reached"))
    while [ ! -e \(folder.file("gate")) ]; do sleep 0.05; done
    \(splice: rest)
    """
  }

  private func waits(_ events: RecordedEvents) -> [String] {
    events.all.compactMap { if case .waiting(_, _, let reason) = $0 { reason } else { nil } }
  }

  @Test(arguments: ["sh", "bash", "busybox sh"])
  func `The second controller waits, says for whom, and looks again`(shell: String) async throws {
    let log = folder.file("log")
    let words = shell.split(separator: " ").map(String.init)
    let gated = gated()
    async let first = run(in: folder, shell: words) {
      Runs(command: gated).named("gated work")
      HasLine(line: "once", path: log)
    }
    try await until("the first run works") { folder.text("reached") != nil }
    let events = RecordedEvents()
    let engine = Engine(
      transport: ShellTransport(shell: words, state: folder.path + "/state"), options: RunOptions(),
      sink: events)
    var inventory = Inventory(hosts: [InventoryHost(name: "local")])
    inventory.updateHosts { $0.connection.user = "root" }
    let plays = Plays(items: [Play("Test", on: "all") { HasLine(line: "once", path: log) }])
    async let second = engine.run(plays, named: "Test", inventory: inventory)
    try await until("the second run waits") { !waits(events).isEmpty }
    let message = try #require(waits(events).first)
    #expect(message.contains("\(HostWait.thisController)"), "\(message)")
    #expect(message.contains("since ") && message.contains("gated work"), "\(message)")
    try folder.write("", to: "gate")
    #expect(await first.code == 0)
    #expect(await second == 0)
    #expect(events.failures == [])
    // It was decided before the other run had added the line.
    #expect(folder.text("log") == "once\n")
    #expect(events.outcomes == ["line once: ok"])
  }

  @Test func `A run that was decided before another one acted does nothing and looks again`() async throws {
    // As another controller's program does, between this run's look and its program.
    struct Meddler: Transport {
      var inner: any Transport
      var meddle: @Sendable () -> Void
      func connect(to host: InventoryHost) async throws -> any TransportSession {
        Session(inner: try await inner.connect(to: host), meddle: meddle)
      }
      struct Session: TransportSession {
        var inner: any TransportSession
        var meddle: @Sendable () -> Void
        func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws
          -> MartletEngine.ExitStatus
        { try await inner.run(command, exchange: Watching(exchange, meddle), deadline: deadline) }
        func close() async { await inner.close() }
      }
      final class Watching: ExchangeHandler {
        let exchange: any ExchangeHandler
        let meddle: @Sendable () -> Void
        let count = ScriptedHostTests.ExchangeCounter()
        init(_ exchange: any ExchangeHandler, _ meddle: @escaping @Sendable () -> Void) {
          (self.exchange, self.meddle) = (exchange, meddle)
        }
        func input() async throws -> [UInt8]? {
          let bytes = try await exchange.input()
          if bytes != nil, await count.next() == 1 { meddle() }
          return bytes
        }
        func output(_ bytes: [UInt8]) { exchange.output(bytes) }
        func errorOutput(_ bytes: [UInt8]) { exchange.errorOutput(bytes) }
      }
    }
    let log = folder.file("log")
    let path = folder.path
    let events = RecordedEvents()
    let engine = Engine(
      transport: Meddler(inner: ShellTransport(state: path + "/state")) {
        try? FileManager.default.createDirectory(atPath: path + "/state", withIntermediateDirectories: true)
        try? "martlet-other\n".write(toFile: path + "/state/generation", atomically: true, encoding: .utf8)
        try? "once\n".write(toFile: path + "/log", atomically: true, encoding: .utf8)
      }, options: RunOptions(), sink: events)
    var inventory = Inventory(hosts: [InventoryHost(name: "local")])
    inventory.updateHosts { $0.connection.user = "root" }
    let plays = Plays(items: [Play("Test", on: "all") { HasLine(line: "once", path: log) }])
    #expect(await engine.run(plays, named: "Test", inventory: inventory) == 0)
    #expect(events.outcomes == ["line once: ok"])
    #expect(folder.text("log") == "once\n")
    #expect(events.recaps["local"]?.exchanges == 3)
  }

  @Test(arguments: ["sh", "bash", "busybox sh"])
  func `An action that outlives its program is waited for and not doubled`(shell: String) async throws {
    let log = folder.file("log")
    let words = shell.split(separator: " ").map(String.init)
    let gated = gated("echo slow >>\(log)")
    // $$ is the program's shell; the action goes on.
    let killed = await run(in: folder, shell: words) {
      Runs(command: "kill -9 $$\n\(splice: gated)").named("slow work")
    }
    #expect(killed.code != 0)
    let events = RecordedEvents()
    let engine = Engine(
      transport: ShellTransport(shell: words, state: folder.path + "/state"), options: RunOptions(),
      sink: events)
    var inventory = Inventory(hosts: [InventoryHost(name: "local")])
    inventory.updateHosts { $0.connection.user = "root" }
    let plays = Plays(items: [Play("Test", on: "all") { HasLine(line: "slow", path: log) }])
    async let next = engine.run(plays, named: "Test", inventory: inventory)
    try await until("the next run waits") { !waits(events).isEmpty }
    let message = try #require(waits(events).first)
    #expect(message.contains("slow work"), "\(message)")
    try folder.write("", to: "gate")
    #expect(await next == 0)
    #expect(folder.text("log") == "slow\n")
    #expect(events.outcomes == ["line slow: ok"])
  }

  @Test func `A look takes no lock and waits for none, and patience ends`() async throws {
    let log = folder.file("log")
    let gated = gated()
    async let first = run(in: folder) { Runs(command: gated) }
    try await until("the first run works") { folder.text("reached") != nil }
    var check = RunOptions()
    check.check = true
    let looked = await run(in: folder, options: check) { HasLine(line: "one", path: log) }
    #expect(looked.code == 0)
    #expect(waits(looked.events) == [])
    var impatient = RunOptions()
    impatient.lockPatience = .seconds(1)
    let given = await run(in: folder, options: impatient) { HasLine(line: "one", path: log) }
    #expect(given.code == 1)
    let message = try #require(given.events.failures.first?.message)
    #expect(
      message.contains("waited for") && message.contains("gave up after 1 s, and nothing was changed"),
      "\(message)")
    try folder.write("", to: "gate")
    #expect(await first.code == 0)
    #expect(folder.text("log") == "")
  }

  @Test func `A child that stays behind does not keep the lock`() async throws {
    let log = folder.file("log")
    let gate = folder.file("gate")
    let first = await run(in: folder) {
      Runs(
        command:
          """
          ( while [ ! -e \(gate) ]; do sleep 0.05; done; touch \(folder.file("one")) ) &
          setsid sh -c 'while [ ! -e \(raw: gate.string) ]; do sleep 0.05; done; touch \(raw: gate.string).two' &
          """
      )
    }
    #expect(first.code == 0)
    var impatient = RunOptions()
    impatient.lockPatience = .zero
    let second = await run(in: folder, options: impatient) { HasLine(line: "one", path: log) }
    try folder.write("", to: "gate")
    #expect(second.events.failures == [])
    // Or they would wait for ever for what was in the test's folder.
    while folder.text("one") == nil || folder.text("gate.two") == nil {
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test(arguments: [["dash"], ["bash"], ["busybox", "sh"]])
  func `Without flock a link is the lock, and a dead holder's is taken over`(shell: [String]) async throws {
    // A host whose PATH has no flock.
    let bin = folder.path + "/bin"
    try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
    let lock = HostLock(holder: "me", generation: nil, patience: .seconds(60))
    // The functions alone, as a program has them; `_take` finds no flock where PATH is a folder without it.
    for name in ["ln", "readlink", "rm", "mkdir", "sleep", "cat"] {
      try FileManager.default.createSymbolicLink(
        atPath: bin + "/" + name, withDestinationPath: "/usr/bin/" + name)
    }
    let script = """
      PATH=\(bin); _M=M; _record() { echo "$*"; }; _L=\(folder.path)/lock
      \(HostProcesses.functions)
      \(HostLock.functions)
      \(lock.settings(id: "martlet-1"))
      _boot=; { read -r _boot; } 2>/dev/null </proc/sys/kernel/random/boot_id
      _stat $$; _mainbegan=$_began
      _lock
      echo taken; [ -L "$_L/link" ] && echo linked
      """
    for _ in 0..<2 {
      // The first one leaves its link behind, as one does that is killed.
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = shell + ["-c", script]
      let pipe = Pipe()
      process.standardOutput = pipe
      try process.run()
      let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(output.contains("taken\nlinked\n"), "\(output)")
    }
  }
}
