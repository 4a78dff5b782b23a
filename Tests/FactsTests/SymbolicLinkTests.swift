import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct SymbolicLinkTests {
  @Test(arguments: LocalShell.allCases)
  func saysWhereLinksLead(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("file", "x")
    _ = try await shell.run(
      "cd \(folder.path) && ln -s file one && ln -s 'no where' 'two \\' && ln -s targets three")
    let names = ["one", "two \\", "three", "file", "none"]
    let facts = names.map { SymbolicLink(folder.remote($0)) }
    let values = try await shell.ask(facts)
    #expect(facts.map { values[$0] } == ["file", "no where", "targets", .some(nil), .some(nil)])
    #expect(try await shell.ask([facts[0]]) == [facts[0]: "file"])
  }
}
