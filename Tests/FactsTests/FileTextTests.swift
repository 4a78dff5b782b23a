import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct FileTextTests {
  @Test(arguments: LocalShell.allCases)
  func fetchesWhatFilesHold(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let texts = [
      "one": "= /looks like a mark\n\n- /x\n", "two": "", "three": "no line break", "ü '\\": "\0\n",
    ]
    for (name, text) in texts { try folder.write(name, text) }
    try folder.write("full", String(repeating: "y", count: FileText.limit))
    try folder.write("over", String(repeating: "y", count: FileText.limit + 1))
    _ = try await shell.run("cd \(folder.path) && ln -s one link && mkdir sub")
    let names = Array(texts.keys) + ["full", "over", "link", "sub", "none"]
    let values = try await shell.ask(names.map { FileText(folder.remote($0)) })
    func value(_ name: String) -> FileTextValue? { values[FileText(folder.remote(name))] }

    for (name, text) in texts { #expect(value(name) == .text(Array(text.utf8)), "\(name)") }
    if case .text(let bytes)? = value("full") {
      #expect(bytes.count == FileText.limit)
    } else {
      Issue.record("a file of just the limit was not fetched")
    }
    #expect(value("over") == .tooLarge)
    #expect(value("link") == .notAFile)
    #expect(value("sub") == .notAFile)
    #expect(value("none") == .absent)
  }

  @Test(.needsRoot("to look as somebody else"), arguments: LocalShell.allCases)
  func anUnreadableFileIsNotAnswered(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("secret", "x", mode: 0o600)
    let values = try await shell.ask([FileText(folder.remote("secret"))], as: 65534)
    #expect(values.isEmpty)
  }

  @Test func onlyUTF8IsText() {
    #expect(FileTextValue.text([0xff]).string == nil)
    #expect(FileTextValue.text([0x61]).string == "a")
    #expect(FileTextValue.absent.string == nil)
  }
}
