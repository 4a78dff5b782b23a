import TestSupport
import Testing

/// What the command says of itself: a change of the options is seen in review.
@Suite struct HelpSnapshotTests {
  @Test(arguments: [
    ["martlet"], ["martlet", "apply"], ["martlet", "inventory"], ["martlet", "tunnel"], ["martlet", "lab"],
    ["martlet", "ssh-config"], ["martlet", "get"], ["martlet", "put"],
  ])
  func help(words: [String]) async throws {
    let outcome = try await Workbench().martlet(
      words.dropFirst() + ["--help"], environment: ["COLUMNS": "100"])
    #expect(outcome.code == 0)
    try expectSnapshot(outcome.output, words.joined(separator: "-") + "-help")
  }
}
