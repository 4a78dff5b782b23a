import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct CommandTests {
  static let yes = CommandOutcome(status: 0)
  static let no = CommandOutcome(status: 1)

  @Test func withoutAGuardItRunsOncePerRun() throws {
    let decision = Command("uptime", changedWhen: .never, user: "shop", in: "/srv").decide(
      given: ([], [], []))
    let action = try #require(decision.actions.first)
    #expect(action.isOneShot && action.user == "shop" && action.folder == "/srv" && action.unless == nil)
    #expect(action.changedWhen == .never)
  }

  @Test func guardsDecide() {
    let creates = Command("x", creates: "/srv/done")
    #expect(creates.decide(given: ([.file()], [], [])).isUnchanged)
    #expect(creates.decide(given: ([.absent], [], [])).actions.first?.isOneShot == false)
    let unless = Command("x", unless: "true")
    #expect(unless.decide(given: ([], [Self.yes], [])).isUnchanged)
    #expect(!unless.decide(given: ([], [Self.no], [])).isUnchanged)
    let onlyIf = Command("x", onlyIf: "true")
    #expect(onlyIf.decide(given: ([], [], [Self.no])).isUnchanged)
    #expect(onlyIf.decide(given: ([], [], [Self.yes])).actions.first?.isOneShot == true)
  }

  @Test func inputMayBeSecret() throws {
    let secret = Secret("hunter22")
    let action = try #require(
      Command("chpasswd", input: "root:\(secret)").decide(given: ([], [], [])).actions.first)
    #expect(action.input == Payload(Array("root:hunter22".utf8), secrets: [secret]))
    #expect(!action.summary.contains("hunter22"))
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try Command(" ").validate() }
    #expect(throws: InvalidTask.self) { try Command("x", user: "").validate() }
    #expect(throws: InvalidTask.self) { try Command("x", environment: ["A B": "x"]).validate() }
    #expect(throws: InvalidTask.self) { try Command("x", environment: ["1A": "x"]).validate() }
    #expect(throws: InvalidTask.self) { try Command("x", timeout: .zero).validate() }
  }

  @Test(arguments: LocalShell.allCases)
  func guardsAreRepeatedOnTheHost(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    let file = folder.remote("it's done")
    let command: ShellCommand = "echo x >>\(file)"
    try await host.expectConvergence(of: Command(command, creates: file))
    try await host.expectConvergence(of: Command(command, unless: "[ $(grep -c x \(file)) -ge 2 ]"))
    let pending = try await host.decide(Command(command, unless: "[ $(grep -c x \(file)) -ge 3 ]"))
    try await host.act(pending)
    try await host.act(pending)
    #expect(try folder.read("it's done") == "x\nx\nx\n")
    let onlyIf = try await host.decide(Command(command, onlyIf: "[ -e \(file) ]"))
    _ = try await shell.run("rm \(file)")
    try await host.act(onlyIf)
    #expect(try await shell.run("ls \(folder.path)").text.isEmpty)
  }

  @Test(arguments: LocalShell.allCases)
  func guardsRunInTheFolderOfTheCommand(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("here", "x")
    let host = LocalHost(shell)
    let path = RemotePath(folder.path)
    try await host.expectConvergence(
      of: Command("touch \"$NAME\"", unless: "[ -e \"$NAME\" ]", in: path, environment: ["NAME": "a b"]))
    #expect(try folder.read("a b").isEmpty)
    try await host.act(try await host.decide(Command("rm here", onlyIf: "[ -e here ]", in: path)))
    #expect(try await shell.run("ls \(path)").text == "a b\n")
  }

  @Test func theLabelIsTheLineThatCounts() {
    let project = DjangoProject(
      "/srv/shop/app", virtualenv: "/srv/shop/venv", settings: "shop.settings",
      environmentFile: "/srv/shop/env")
    #expect(
      Command(project.command("\(project.python) manage.py reindex")).label
        == "command /srv/shop/venv/bin/python manage.py reindex")
    #expect(Command("# why\nset -e\nA=1\nmake").label == "command make")
    #expect(Command("cd /srv && make").label == "command cd /srv && make")
    #expect(Command("A=1 make\ntrue").label == "command A=1 make")
    #expect(Command("cd /srv").label == "command cd /srv")
  }
}
