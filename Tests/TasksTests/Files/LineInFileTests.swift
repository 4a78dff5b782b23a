import MartletCore
import MartletFacts
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct LineInFileTests {
  private func edit(_ task: LineInFile, _ old: String) throws -> String? {
    try task.edited(Array(old.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test(arguments: [
    ("a\nb\n", "a\nb\nnew\n"), ("a\nb", "a\nb\nnew\n"), ("", "new\n"), ("\n", "\nnew\n"),
    ("a\r\nb\r\n", "a\r\nb\r\nnew\r\n"), ("new\n", nil), ("x\nnew", nil),
  ])
  func putsALineIn(old: String, new: String?) throws {
    #expect(try edit(LineInFile("/f", "new"), old) == new)
  }

  @Test func replacesTheLastMatch() throws {
    let task = LineInFile("/f", "Port 22", replacing: #"^#?\s*Port\b"#)
    #expect(try edit(task, "#Port 1\nPort 2\nPortable\n") == "#Port 1\nPort 22\nPortable\n")
    #expect(try edit(task, "Port 22\n") == nil)
    #expect(try edit(task, "a\nPort 2") == "a\nPort 22")
    // The line stands where the expression doesn't match it.
    #expect(try edit(LineInFile("/f", "new", replacing: "^old$"), "new\n") == nil)
  }

  @Test func expressionsAreThoseOfPython() throws {
    // ansible#14449: a name in a line of names; Unicode's rules for words hold 10.0.0.5 olddb.example.com for two.
    let hosts = "127.0.0.1 localhost\n10.0.0.5 olddb.example.com\n10.0.0.6 olddb2\n"
    #expect(
      try edit(LineInFile("/etc/hosts", removing: #"\bolddb\b"#), hosts)
        == "127.0.0.1 localhost\n10.0.0.6 olddb2\n")
    let user = LineInFile("/f", "deploy:x:2000", replacing: #"^deploy\b"#)
    #expect(try edit(user, "deploy:x:1000\ndeployer:x:1\n") == "deploy:x:2000\ndeployer:x:1\n")
    #expect(try edit(LineInFile("/f", removing: #"(?<!new)db\d$"#), "newdb1\nolddb2\n") == "newdb1\n")
    #expect(try edit(LineInFile("/f", "n", at: .after(#"(?i)^BEGIN\b"#)), "begin.\nx\n") == "begin.\nn\nx\n")
    // A line of a DOS file ends before its line break.
    #expect(try edit(LineInFile("/f", removing: "b$"), "ab\r\nc\r\n") == "c\r\n")
  }

  @Test func aLineIsMadeFromItsParts() throws {
    let task = LineInFile("/f", replacing: #"^(\s*)#?\s*(?P<key>Port)\s.*"#, with: #"\1\g<key> 22"#)
    #expect(try edit(task, "a\n  # Port 1\n#Port 2\nb") == "a\n  # Port 1\nPort 22\nb")
    #expect(try edit(task, "Port 22\r\n") == nil)
    #expect(try edit(task, "Port 2\r\n") == "Port 22\r\n")
    #expect(try edit(task, "nothing\n") == nil)
    let bytes = try LineInFile("/f", replacing: "^x(.*)", with: #"y\1"#).edited([0x78, 0xff, 0x0a])
    #expect(bytes == [0x79, 0xff, 0x0a])
    #expect(throws: InvalidTask.self) { try LineInFile("/f", replacing: "a", with: #"\1"#).validate() }
    #expect(throws: InvalidTask.self) { try LineInFile("/f", replacing: "a", with: "b\nc").validate() }
    #expect(throws: Never.self) { try task.validate() }
  }

  @Test func anExpressionThatTakesTooLongIsAFailure() throws {
    let task = LineInFile("/f", removing: "(a+)+$")
    let text = FileTextValue.text(Array((String(repeating: "a", count: 60) + "!\n").utf8))
    let decision = try task.decide(given: (.file(), text, .directory()))
    #expect(decision.failure?.contains("takes too long") == true)
  }

  @Test func putsALineNextToAnother() throws {
    #expect(try edit(LineInFile("/f", "n", at: .start), "a\n") == "n\na\n")
    #expect(try edit(LineInFile("/f", "n", at: .after("^a")), "a1\na2\nb\n") == "a1\na2\nn\nb\n")
    #expect(try edit(LineInFile("/f", "n", at: .before("^a")), "a1\na2\nb\n") == "a1\nn\na2\nb\n")
    #expect(try edit(LineInFile("/f", "n", at: .before("^z")), "a\n") == "a\nn\n")
    #expect(try edit(LineInFile("/f", "n", at: .after("b")), "a\nb") == "a\nb\nn\n")
  }

  @Test func removesAllMatches() throws {
    let task = LineInFile("/f", removing: "^x")
    #expect(try edit(task, "x1\na\nx2\nb\n") == "a\nb\n")
    #expect(try edit(task, "a\nx") == "a\n")
    #expect(try edit(task, "x") == "")
    #expect(try edit(task, "a\n") == nil)
  }

  @Test func bytesThatAreNotUTF8Stay() throws {
    let task = LineInFile("/f", "b", replacing: "^a")
    #expect(try task.edited([0xff, 0x0a, 0x61, 0x0a]) == [0xff, 0x0a, 0x62, 0x0a])
  }

  @Test func severalTasksForOneFileAreDecidedInOneRound() throws {
    let first = try LineInFile("/etc/f", "one").decide(given: (.file(), .text([]), .directory()))
    var answers = Answers()
    for prediction in try #require(first.actions.first).predictions {
      answers.set(prediction.key, to: .success(prediction.value))
    }
    answers.set(FileState("/etc"), to: .directory())
    let second = LineInFile("/etc/f", "two")
    let decision = try second.decide(given: second.observes.value(in: answers))
    guard case .write(let write)? = decision.actions.first?.effect else {
      Issue.record("not written")
      return
    }
    #expect(write.contents == "one\ntwo\n")
  }

  @Test func whatCannotBeChangedIsAFailure() throws {
    let task = LineInFile("/etc/f", "x")
    let link = FileStatus(kind: .symbolicLink, mode: 0o777)
    #expect(try task.decide(given: (.absent, .absent, .directory())).failure?.contains("create:") == true)
    #expect(try task.decide(given: (.file(), .tooLarge, .directory())).failure?.contains("1024 KiB") == true)
    #expect(try task.decide(given: (link, .notAFile, .directory())).failure?.contains("link") == true)
    let creating = LineInFile("/etc/f", "x", create: 0o600)
    #expect(try creating.decide(given: (.absent, .absent, .absent)).failure?.contains("/etc doesn't") == true)
    #expect(try LineInFile("/f", removing: "x").decide(given: (.absent, .absent, .directory())).isUnchanged)
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try LineInFile("/f", "a\nb").validate() }
    #expect(throws: InvalidTask.self) { try LineInFile("/f", "").validate() }
    #expect(throws: InvalidTask.self) { try LineInFile("/f", "a", replacing: "(").validate() }
    #expect(throws: InvalidTask.self) { try LineInFile("/f", "a", at: .after("[")).validate() }
    #expect(throws: InvalidTask.self) { try LineInFile("/f", removing: "").validate() }
  }

  @Test func aSecretLineMakesTheContentsSecret() throws {
    let task = LineInFile("/f", "password=\(Secret("hunter22"))")
    let decision = try task.decide(given: (.file(mode: 0o600), .text(Array("a\n".utf8)), .directory()))
    guard case .contents(_, _, let old, let new)? = decision.actions.first?.changes.last else {
      Issue.record("no change of contents")
      return
    }
    #expect(old == nil && new.isSecret)
  }

  @Test(.needsRoot("to give a file away"), arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    try folder.write("it's", "one\n", mode: 0o640)
    _ = try await shell.run("chown nobody \(folder.remote("it's"))")
    try await host.expectConvergence(
      of: LineInFile(folder.remote("it's"), "two", validate: "grep -q two \"$1\""))
    try await host.expectConvergence(of: LineInFile(folder.remote("it's"), removing: "one"))
    try await host.expectConvergence(of: LineInFile(folder.remote("new"), "x", create: 0o600))
    #expect(try folder.read("it's") == "two\n")
    #expect(try await shell.run("stat -c '%U %a' \(folder.remote("it's"))").text == "nobody 640\n")
  }

  @Test(arguments: LocalShell.allCases)
  func aFileThatWasChangedMeanwhileIsNotOverwritten(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    try folder.write("file", "one\n")
    let decision = try await host.decide(LineInFile(folder.remote("file"), "two"))
    try folder.write("file", "someone else's\n")
    await #expect(throws: LocalHost.Failed.self) { try await host.act(decision) }
    #expect(try folder.read("file") == "someone else's\n")
  }
}
