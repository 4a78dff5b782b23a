import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct FileSumTests {
  static let names = ["plain", "-dash", "back\\slash", "a 'b' \"c\" $(id) *", "ünï", "empty"]

  @Test(arguments: LocalShell.allCases, [true, false])
  func sumsEveryFile(shell: LocalShell, wantsContents: Bool) async throws {
    let folder = try TemporaryFolder()
    for name in Self.names { try folder.write(name, name == "empty" ? "" : "holds \(name)\n\0\u{1}") }
    try folder.write("large", String(repeating: "x", count: FileSum.contentsLimit + 512))
    _ = try await shell.run("cd \(folder.path) && ln -s plain link && mkdir sub")
    let all = Self.names + ["large", "link", "sub", "none"]
    let values = try await shell.ask(
      all.map { FileSum(folder.remote($0)) }, LookOptions(wantsContents: wantsContents))
    for name in Self.names {
      let bytes = Array((name == "empty" ? "" : "holds \(name)\n\0\u{1}").utf8)
      let expected = FileDigest(sha256: SHA256.hex(bytes), bytes: wantsContents ? bytes : nil)
      #expect(values[FileSum(folder.remote(name))] == expected, "\(name)")
    }
    let large = try #require(values[FileSum(folder.remote("large"))])
    #expect(large?.sha256.isEmpty == false)
    #expect(large?.bytes == nil)
    for name in ["link", "sub", "none"] {
      #expect(values[FileSum(folder.remote(name))] == .some(nil), "\(name)")
    }
  }

  @Test(.needsRoot("to look as somebody else"), arguments: LocalShell.allCases)
  func anUnreadableFileIsNotCalledAbsent(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("secret", "x", mode: 0o600)
    try folder.write("open", "x")
    let values = try await shell.ask(
      [FileSum(folder.remote("secret")), FileSum(folder.remote("open"))],
      LookOptions(wantsContents: true), as: 65534)
    #expect(values.keys.map(\.path) == [folder.remote("open")])
  }

  @Test func escapedNamesAreReadBack() throws {
    let sum = SHA256.hex("x")
    let line = try #require(FileSum.sumAndName(Array("\\\(sum)  /a\\\\b\\nc".utf8)[...]))
    #expect(line.sum == sum && line.name == Array("/a\\b\nc".utf8))
    #expect(FileSum.sumAndName(Array("sha256sum: /x: Permission denied".utf8)[...]) == nil)
  }
}
