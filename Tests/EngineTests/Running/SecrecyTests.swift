import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// What a run shows of the secrets that it knows: nothing, from the moment that they are resolved.
@Suite struct SecrecyTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  struct Vars: HostVars {
    var token: Secret?
    var fallback: Secret = Secret("the-default-of-vars")
  }

  /// Runs a play on a host with a login password and a token, and gives all that was reported as text.
  private func shown(
    _ options: RunOptions = RunOptions(),
    @StepsBuilder tasks: @escaping @Sendable (HostScope<Vars>) throws -> Steps
  ) async -> String {
    let events = RecordedEvents()
    let engine = Engine(
      transport: ShellTransport(shell: ["sh"], state: folder.path + "/state"), options: options, sink: events)
    var hosts = [InventoryHost(name: "local"), InventoryHost(name: "other")]
    hosts[0].connection.user = "root"
    hosts[0].connection.password = Secret("the-login-password")
    hosts[0].vars["token"] = InventoryVariable(.string("tok3n/ABC \"x"), origin: "i.yaml:1")
    hosts[1].connection.becomePassword = Secret("others-password")
    let play = Play("Test \(RemotePath("/x"))", on: "local", vars: Vars.self, tasks: tasks)
    _ = await engine.run(Plays(items: [play]), named: "Test", inventory: Inventory(hosts: hosts))
    return events.all.map { "\($0)" }.joined(separator: "\n")
  }

  private var verbose: RunOptions {
    var options = RunOptions()
    options.verbose = true
    options.diff = true
    return options
  }

  @Test func `One that is revealed in a command is shown in no part of the report`() async {
    let log = folder.file("log")
    let text = await shown(verbose) { host in
      Runs(command: "echo \(host.vars.token?.reveal() ?? ""); echo \(host.vars.fallback.reveal())")
      Runs(command: "printf '%s' \(host.vars.token?.reveal() ?? "") >\(log)").named(
        "say \(host.vars.token?.reveal() ?? "")")
      Runs(command: "echo \(host.vars.token?.reveal() ?? "") >&2; exit 3")
    }
    #expect(text.contains("echo"))
    #expect(!text.contains("tok3n") && !text.contains("the-default"), "\(text)")
    #expect(folder.text("log") == "tok3n/ABC \"x")
  }

  @Test func `Passwords of all hosts are known, whoever shows them, and in colours`() async {
    let text = await shown(verbose) { _ in
      Runs(command: "echo the-login-password; printf 'the-\\033[31mlogin\\033[0m-password'")
      Runs(command: "echo others-password; printf %s others-password | base64")
    }
    #expect(
      !text.contains("login") && !text.contains("others-p") && !text.contains("b3RoZXJzLXBh"), "\(text)")
  }

  @Test func `One that is longer than a label is not shown by half`() async {
    let text = await shown(verbose) { host in
      HasLine(line: "x", path: "/nowhere/\(host.name)").named(
        String("command curl --very-long-option-name 'tok3n/ABC \"x'".prefix(46)) + "…")
    }
    #expect(!text.contains("tok3n"), "\(text)")
  }

  @Test func `A value in quotes stops the run before anything is sent, with the task's line`() async {
    let events = RecordedEvents()
    let sent = ExchangeLog()
    let engine = Engine(
      transport: ShellTransport(shell: ["sh"], state: folder.path + "/state", log: sent),
      options: RunOptions(),
      sink: events)
    let title = "$(id -u); touch /tmp/owned #"
    let line = #line + 2
    let play = Play("Test", on: "local") {
      Runs(command: "echo '\(title)' > /tmp/q1")
      Runs(command: "true").notify(Handler("tell", run: "echo \"\(title)\""))
    }
    let code = await engine.run(
      Plays(items: [play]), named: "Test", inventory: Inventory(hosts: [InventoryHost(name: "local")]))
    #expect(code == 64)
    #expect(
      events.problems == [
        "EngineTests/SecrecyTests.swift:\(line): run, host local: a value stands in single quotes in «echo '\\(…)»: "
          + "the value is quoted already: leave the quotes out",
        "EngineTests/SecrecyTests.swift:\(line + 1): run, host local: a value stands in double quotes in «echo \"\\(…)»: "
          + "the value is quoted already: leave the quotes out",
      ])
    #expect(await sent.sent.isEmpty)
  }

  @Test func `A command that a task builds while it decides is not sent either`() async {
    struct Late: HostTask {
      var label: String { "late" }
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision { [.run("echo '\("x")'")] }
    }
    let before = folder.file("before")
    let result = await run(in: folder) {
      Runs(command: "touch \(before)")
      Late()
    }
    #expect(result.code == 1)
    #expect(result.events.failures.first?.message.contains("in single quotes") == true)
    #expect(folder.text("before") == nil, "nothing that runs can mend it")
  }
}
