import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct DjangoTests {
  private let project = DjangoProject(
    "/srv/shop/app", virtualenv: "/srv/shop/venv", settings: "shop.settings",
    environmentFile: "/srv/shop/env",
    user: "shop")

  @Test func migrationsAreNamed() {
    let task = Migrate(project)
    #expect(task.decide(given: .migrations([])).isUnchanged)
    let decision = task.decide(given: .migrations(["shop.0001_initial", "shop.0002_likes"]))
    #expect(decision.changes == ["+ shop.0001_initial", "+ shop.0002_likes"])
    #expect(decision.actions.first?.user == "shop")
    #expect(task.decide(given: .notReady("no manage.py")).failure == "no manage.py")
    #expect(task.decide(given: .error("OperationalError")).failure?.contains("OperationalError") == true)
  }

  @Test func staticFilesByWhatTheyHold() {
    let task = CollectStatic(project, prunes: true)
    var files = DjangoStaticFiles(root: "/srv/shop/static", unmodified: 120)
    #expect(task.decide(given: .staticFiles(files)).isUnchanged)
    files.hasManifest = false
    #expect(task.decide(given: .staticFiles(files)).changes == ["~ the manifest of the static files"])
    files = DjangoStaticFiles(
      root: "/srv/shop/static", copied: (1...12).map { "f\($0).css" }, extra: ["old.css"])
    let decision = task.decide(given: .staticFiles(files))
    #expect(decision.changes.count == 12)
    #expect(decision.changes.contains("+ … and 2 more static files"))
    #expect(decision.changes.last == "- old.css")
    #expect(CollectStatic(project).decide(given: .staticFiles(files)).actions.count == 1)
  }

  @Test func checksStopAtTheirLevel() {
    let messages = DjangoAnswer.messages([
      DjangoMessage(level: 30, id: "security.W004", text: "No HSTS."),
      DjangoMessage(level: 20, text: "By the way."),
    ])
    let task = DjangoCheck(project)
    #expect(task.decide(given: messages).isUnchanged)
    #expect(task.warnings(given: messages) == ["(security.W004) No HSTS.", "By the way."])
    let strict = DjangoCheck(project, failLevel: .warning)
    #expect(strict.decide(given: messages).failure?.contains("security.W004") == true)
    #expect(strict.warnings(given: messages) == ["By the way."])
  }

  @Test func wrongArgumentsAreRefused() {
    var wrong = project
    wrong.settings = "shop/settings.py"
    #expect(throws: InvalidTask.self) { try DjangoCheck(wrong).validate() }
    #expect(throws: InvalidTask.self) { try Migrate(wrong).validate() }
    #expect(throws: InvalidTask.self) { try CollectStatic(wrong).validate() }
    #expect(throws: InvalidTask.self) { try Migrate(project, database: "-x").validate() }
  }

  @Test(arguments: LocalShell.allCases) func whatIsMissingIsSaid(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    let project = DjangoProject(folder.remote("app"), virtualenv: folder.remote("venv"))
    #expect(try await host.decide(Migrate(project)).failure?.contains("manage.py") == true)
    _ = try await shell.run("mkdir -p \(folder.remote("app")) && touch \(folder.remote("app/manage.py"))")
    #expect(try await host.decide(Migrate(project)).failure?.contains("bin/python") == true)
  }
}
