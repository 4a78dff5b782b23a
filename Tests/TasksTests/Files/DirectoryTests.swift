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

  /// Row 11.
  @Test func whatExistsKeepsItsModeAndWhatIsNewGetsASafeOne() {
    let ssh = Directory("/root/.ssh")
    #expect(ssh.decide(given: [.directory(mode: 0o700), .directory(mode: 0o700)]).isUnchanged)
    func mode(_ task: Directory, in folder: FileStatus) -> FileMode? {
      guard case .makeFolder(let making)? = task.decide(given: [.absent, folder]).actions.first?.effect else {
        return nil
      }
      return making.mode ?? making.defaultMode
    }
    #expect(mode(ssh, in: .directory()) == 0o700)
    #expect(mode(Directory("/root/bin"), in: .directory(mode: 0o700)) == 0o700)
    #expect(mode(Directory("/srv/shop"), in: .directory()) == 0o755)
    #expect(mode(Directory("/srv/shop", mode: 0o711), in: .directory(mode: 0o700)) == 0o711)
  }

  /// Row 34.
  @Test func aLinkIsFollowedWhereThatIsAsked() {
    let link = FileStatus(kind: .symbolicLink, mode: 0o777, owner: "root", group: "root")
    let task = Directory("/srv/data", mode: 0o750, followsLink: true)
    #expect(task.decide(given: [link, .directory(), .directory(mode: 0o750)]).isUnchanged)
    let decision = task.decide(given: [link, .directory(), .directory()])
    #expect(decision.changes == ["~ mode 0755 → 0750"])
    guard case .setAttributes(let change)? = decision.actions.first?.effect else { return }
    #expect(change.kind == .linkedFolder)
    #expect(
      task.decide(given: [link, .directory(), .file()]).failure?.contains("leads to no folder") == true)
    #expect(task.decide(given: [link, .directory(), .absent]).failure?.contains("leads to nothing") == true)
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
    try await host.expectConvergence(of: Directory(folder.remote("plain/er"), followsLink: true))
  }
}
