import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct FileStateTests {
  @Test(arguments: LocalShell.allCases)
  func saysWhatIsThere(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("plain", "four", mode: 0o640)
    try folder.write("odd name: 'quote' \"double\" $HOME * \\ ü", "x", mode: 0o4755)
    _ = try await shell.run("cd \(folder.path) && mkdir -m 2750 sub && ln -s nowhere link && mkfifo pipe")
    let names = [
      "plain", "odd name: 'quote' \"double\" $HOME * \\ ü", "sub", "link", "pipe", "none", "none/below",
      "plain/below",
    ]
    let values = try await shell.ask(names.map { FileState(folder.remote($0)) })
    func value(_ name: String) -> FileStatus? { values[FileState(folder.remote(name))] }

    let ids = try await shell.run("id -u; id -g; id -un; id -gn").text.split(separator: "\n").map(String.init)
    let plain = FileStatus(
      kind: .file, mode: 0o640, owner: ids[2], group: ids[3], ownerID: Int(ids[0]), groupID: Int(ids[1]),
      size: 4)
    #expect(value("plain") == plain)
    #expect(value(names[1])?.mode == 0o4755)
    #expect(value("sub")?.kind == .directory)
    #expect(value("sub")?.mode == 0o2750)
    #expect(value("link")?.kind == .symbolicLink)
    #expect(value("pipe")?.kind == .other)
    #expect(value("none") == .absent)
    #expect(value("none/below") == .absent)
    #expect(value("plain/below") == .absent)
  }

  @Test(.needsRoot("to look as somebody else"), arguments: LocalShell.allCases)
  func whatIsHiddenIsNotCalledAbsent(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("closed/file", "x")
    _ = try await shell.run("chmod 700 \(folder.remote("closed"))")
    let facts = ["closed/file", "closed/none", "closed/a/b", "open"].map { FileState(folder.remote($0)) }
    let values = try await shell.ask(facts, as: 65534)
    #expect(values[facts[0]] == nil)
    #expect(values[facts[1]] == nil)
    #expect(values[facts[2]] == nil)
    #expect(values[facts[3]] == .absent)
    #expect(facts[0].silence?.contains("become") == true)

    var answers = Answers()
    answers.set(facts[3], to: .absent)
    #expect(throws: FactError.self) { try facts[0].value(in: answers) }
  }

  @Test(.needsRoot("to give a file away"), arguments: LocalShell.allCases)
  func aNumberWithoutANameIsTheOwner(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("orphan", "x")
    _ = try await shell.run("chown 54321:54322 \(folder.remote("orphan"))")
    let fact = FileState(folder.remote("orphan"))
    let status = try #require(try await shell.ask([fact])[fact])
    #expect(status.owner == "54321")
    #expect(status.group == "54322")
    #expect(status.isOwned(by: "54321") && !status.isOwned(by: "root"))
  }

  @Test func noFactsAskNothing() {
    #expect(FileState.probe([], LookOptions()).text.isEmpty)
  }

  @Test func aGarbledAnswerIsAnError() {
    #expect(throws: FactError.self) {
      try FileState.parse(ProbeOutput("81a4:four:0:0:root:root:/a\n"), for: [FileState("/a")])
    }
  }

  @Test func pathsThatWereNotAskedForAreLeftOut() throws {
    let output = ProbeOutput("81a4:4:0:0:root:root:/b\n- /c\n")
    #expect(try FileState.parse(output, for: [FileState("/a")]).isEmpty)
  }
}
