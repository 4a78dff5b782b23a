import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct TreeManifestTests {
  @Test(arguments: LocalShell.allCases)
  func listsAFolder(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("root/a", "1", mode: 0o600)
    try folder.write("root/sub/-b 'c' \\ \"ü\" *", "2", mode: 0o755)
    try folder.write("root/sub/cache/x", "3")
    try folder.write("root/other/y", "4")
    try folder.write("root/cachefile", "5")
    _ = try await shell.run(
      "cd \(folder.path + "/root") && ln -s 'to: where' 'l k' && ln -s 'x\ns:81a4:1:0:0:root:root:./forged' bad && touch 'line\nbreak' && mkfifo p && mkdir empty"
    )
    let facts = [
      TreeManifest(folder.remote("root")),
      TreeManifest(folder.remote("root"), entries: ["sub", "none", "a"], pruning: ["cache/", "*.pyc"]),
      TreeManifest(folder.remote("none")), TreeManifest(folder.remote("root/a")),
      TreeManifest(folder.remote("root/l k")), TreeManifest(folder.remote("root/empty"), entries: ["x"]),
    ]
    let values = try await shell.ask(facts)
    guard case .folder(let all)? = values[facts[0]], case .folder(let some)? = values[facts[1]],
      case .folder(let empty)? = values[facts[5]]
    else {
      Issue.record("no listing: \(values)")
      return
    }
    let odd: BytePath = "sub/-b 'c' \\ \"ü\" *"
    #expect(
      all.keys.sorted()
        == [
          "", "a", "bad", "cachefile", "empty", "l k", "other", "other/y", "p", "sub", odd, "sub/cache",
          "sub/cache/x",
        ].sorted())
    #expect(all["a"]?.sha256 == SHA256.hex("1"))
    #expect(all["a"]?.status.mode == 0o600)
    #expect(all[odd]?.sha256 == SHA256.hex("2"))
    #expect(all[odd]?.status.mode == 0o755)
    #expect(all["l k"]?.target == "to: where")
    // A target can't pass for lines of the listing.
    #expect(all["bad"]?.target == nil && all["forged"] == nil)
    #expect(all["p"]?.status.kind == .other)
    #expect(all["sub"]?.status.kind == .directory)
    #expect(all[""]?.status.kind == .directory)
    #expect(some.keys.sorted() == ["", "a", "sub", odd, "sub/cache"].sorted())
    #expect(some["a"]?.sha256 == SHA256.hex("1"))
    #expect(values[facts[2]] == .absent)
    #expect(values[facts[3]] == .notAFolder)
    #expect(values[facts[4]] == .notAFolder)
    #expect(empty.keys.sorted() == [""])
  }

  @Test(.needsRoot("to look as somebody else"), arguments: LocalShell.allCases)
  func aHiddenFolderIsNotCalledAbsent(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("closed/root/a", "1")
    _ = try await shell.run("chmod 700 \(folder.remote("closed"))")
    let fact = TreeManifest(folder.remote("closed/root"))
    #expect(try await shell.ask([fact], as: 65534).isEmpty)
  }

  @Test func aGarbledAnswerIsAnError() {
    let fact = TreeManifest("/x")
    #expect(throws: FactError.self) { try TreeManifest.parse(ProbeOutput("= 3\n"), for: [fact]) }
    #expect(throws: FactError.self) {
      try TreeManifest.parse(ProbeOutput("= 0\nfolder\ns:zz:1\n"), for: [fact])
    }
  }
}
