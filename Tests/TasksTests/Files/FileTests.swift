import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct FileTests {
  static let folder = FileStatus.directory(owner: "root", group: "root")
  let task = File("/etc/motd", content: "Managed host\n")

  @Test func aMissingFileIsWritten() {
    let decision = task.decide(given: (.absent, nil, Self.folder))
    #expect(decision.changes == ["contents /etc/motd"])
    #expect(decision.actions.first?.touches == [.path("/etc/motd")])
  }

  @Test func aRightFileIsLeftAlone() {
    let found = FileStatus.file(mode: 0o644, owner: "someone", group: "root")
    #expect(task.decide(given: (found, FileDigest(of: "Managed host\n"), Self.folder)).isUnchanged)
  }

  @Test func modeAndOwnerAreChangesOfTheirOwn() {
    let task = File("/etc/motd", content: "x", mode: 0o600, owner: "shop", group: "www-data")
    let found = FileStatus.file(mode: 0o644, owner: "root", group: "root")
    let decision = task.decide(given: (found, FileDigest(of: "x"), Self.folder))
    #expect(decision.changes == ["~ mode 0644 → 0600", "~ owner root → shop", "~ group root → www-data"])
    // Whoever has the old file open would go on writing to what is another's now.
    guard case .write(let write)? = decision.actions.first?.effect else {
      Issue.record("a file for another owner is not written anew")
      return
    }
    #expect(write.owner == "shop" && write.group == "www-data" && write.mode == 0o600)
    let same = File("/etc/motd", content: "x", mode: 0o600)
    guard
      case .setAttributes(let change)? = same.decide(given: (found, FileDigest(of: "x"), Self.folder)).actions
        .first?.effect
    else {
      Issue.record("attributes are set without writing the file again")
      return
    }
    #expect(change.mode == 0o600 && change.currentOwner == "root" && change.owner == nil)
  }

  /// Row 11.
  @Test func whatExistsKeepsItsModeAndWhatIsNewGetsASafeOne() {
    let old = FileStatus.file(mode: 0o600, owner: "root", group: "root")
    #expect(task.decide(given: (old, FileDigest(of: "Managed host\n"), Self.folder)).isUnchanged)
    func mode(_ task: File, over found: FileStatus = .absent, in folder: FileStatus = FileTests.folder)
      -> FileMode?
    {
      let decision = task.decide(given: (found, found.exists ? FileDigest(of: "old") : nil, folder))
      guard case .write(let write)? = decision.actions.first?.effect else { return nil }
      return write.mode
    }
    #expect(mode(task, over: old) == 0o600)
    #expect(mode(task, over: .file(mode: 0o4755)) == 0o755, "not for other contents")
    #expect(mode(task) == 0o644)
    #expect(mode(task, in: .directory(mode: 0o750)) == 0o640)
    #expect(mode(task, in: .directory(mode: 0o700)) == 0o600)
    let secret = File("/etc/token", content: "token=\(Secret("hunter22"))\n")
    #expect(mode(secret) == 0o600)
    #expect(mode(secret, over: .file(mode: 0o640)) == 0o640)
  }

  @Test func anOwnerMayBeGivenByNumber() {
    let task = File("/etc/motd", content: "x", owner: "1000")
    let found = FileStatus(
      kind: .file, mode: 0o644, owner: "shop", group: "shop", ownerID: 1000, groupID: 1000, size: 1)
    #expect(task.decide(given: (found, FileDigest(of: "x"), Self.folder)).isUnchanged)
  }

  @Test func newContentsKeepTheOwnerThatIsNotSpokenOf() {
    let found = FileStatus.file(mode: 0o644, owner: "someone", group: "staff")
    let decision = task.decide(given: (found, FileDigest(of: "old"), Self.folder))
    guard case .write(let write)? = decision.actions.first?.effect else {
      Issue.record("not written")
      return
    }
    #expect(write.owner == "someone" && write.group == "staff" && write.mode == 0o644)
  }

  @Test func secretContentsNeverComeWithTheOldOnes() {
    let task = File("/etc/token", content: "token=\(Secret("hunter22"))\n", mode: 0o600)
    let old = FileDigest(sha256: "0", bytes: Array("token=old".utf8))
    let decision = task.decide(given: (.file(mode: 0o600), old, Self.folder))
    #expect(
      decision.actions.first?.changes == [
        .contents("/etc/token", isNew: false, old: nil, new: "token=\(Secret("hunter22"))\n")
      ])
    #expect(
      !"\(decision)".contains("hunter22") || !"\(decision.actions.first?.summary ?? "")".contains("hunter"))
  }

  @Test(arguments: [
    (FileStatus.directory(), FileTests.folder, "is a folder"),
    (FileStatus(kind: .other, mode: 0o644), FileTests.folder, "device"),
    (FileStatus.absent, FileStatus.absent, "doesn't exist: make it first"),
    (FileStatus.absent, FileStatus.file(), "is not a folder"),
  ])
  func aPathThatIsTakenIsAFailure(found: FileStatus, folder: FileStatus, why: String) {
    #expect(task.decide(given: (found, nil, folder)).failure?.contains(why) == true)
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try File("/x", content: "", owner: "").validate() }
    #expect(throws: InvalidTask.self) { try File("/x", content: "", owner: "-r").validate() }
    #expect(throws: InvalidTask.self) { try File("/x", content: "", group: "a:b").validate() }
    var inspection = Inspection()
    inspection.look(into: File("etc/motd", content: "", mode: 644))
    #expect(inspection.problems.count >= 2)
  }

  @Test func aMissingLocalFileIsAProblemThatThePlannerFinds() throws {
    var inspection = Inspection()
    inspection.look(into: File("/x", source: "no/such/file"))
    #expect(inspection.problems.first?.contains("no/such/file, looked for in") == true)
    inspection = Inspection()
    inspection.look(into: File("/x", source: "/etc"))
    #expect(inspection.problems.first?.contains("TreeUpload") == true)
  }

  @Test func aLocalFileIsReadAgainWhenItHasChanged() throws {
    let folder = try TemporaryFolder()
    try folder.write("source", "one")
    #expect(
      File("/x", source: folder.path + "/source").decide(
        given: (.file(), FileDigest(of: "one"), Self.folder)
      ).isUnchanged)
    try folder.write("source", "three")
    #expect(
      File("/x", source: folder.path + "/source").decide(
        given: (.file(), FileDigest(of: "three"), Self.folder)
      ).isUnchanged)
  }

  @Test(.needsRoot("to give a file away"), arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("occupied", "old")
    let host = LocalHost(shell)
    for path in [folder.remote("new 'file'"), folder.remote("occupied")] {
      let task = File(path, content: "line\n", mode: 0o640, owner: "nobody")
      try await host.expectConvergence(of: task)
    }
    _ = try await shell.run("ln -s occupied \(folder.remote("link"))")
    try await host.expectConvergence(of: File(folder.remote("link"), content: "own\n"))
    #expect(try folder.read("occupied") == "line\n")
  }
}
