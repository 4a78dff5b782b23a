import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct DirectoryTests {
  let task = Directory("/srv/shop/media", mode: 0o750, owner: "shop")

  @Test func missingFoldersAreMadeFromTheTop() {
    let decision = task.decide(given: [.absent, .absent, .directory()])
    #expect(decision.changes == ["+ /srv/shop/", "+ /srv/shop/media/"])
    #expect(decision.actions.first?.touches == [.path("/srv/shop"), .path("/srv/shop/media")])
  }

  @Test func aRightFolderIsLeftAlone() {
    let found = FileStatus.directory(mode: 0o750, owner: "shop", group: "any")
    #expect(task.decide(given: [found, .directory(), .directory()]).isUnchanged)
  }

  @Test func attributesAreCorrected() {
    let found = FileStatus.directory(mode: 0o755, owner: "root", group: "root")
    let decision = task.decide(given: [found, .directory(), .directory()])
    #expect(decision.changes == ["~ mode 0755 → 0750", "~ owner root → shop"])
  }

  @Test(arguments: [
    ([FileStatus.file(), .directory(), .directory()], "is a file, where a folder"),
    ([FileStatus(kind: .symbolicLink, mode: 0o777), .directory(), .directory()], "symbolic link"),
    ([FileStatus.absent, .file(), .directory()], "/srv/shop is not a folder"),
  ])
  func aPathThatIsTakenIsAFailure(states: [FileStatus], why: String) {
    #expect(task.decide(given: states).failure?.contains(why) == true)
  }

  @Test func aRelativePathIsAProblemAndNotAnEndlessLoop() {
    var questions = Questions()
    Directory("srv/shop").observes.ask(&questions)
    var inspection = Inspection()
    inspection.look(into: Directory("srv/shop"))
    #expect(inspection.problems.first?.contains("relative") == true)
  }

  @Test(.needsRoot("to give a folder away"), arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    let task = Directory(folder.remote("a b/c'd/e"), mode: 0o2750, owner: "nobody", group: "daemon")
    try await host.expectConvergence(of: task)
    try await host.expectConvergence(of: Directory(folder.remote("a b/c'd/e"), mode: 0o700))
    try await host.expectConvergence(of: Directory(folder.remote("plain")))
  }
}
