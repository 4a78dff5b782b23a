import Foundation
import TestSupport
import Testing

/// The README's playbooks are what they say they are.
@Suite struct ReadmeTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  private static let text =
    (try? String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)) ?? ""

  static var playbooks: [String] {
    text.components(separatedBy: "```swift\n").dropFirst()
      .compactMap { $0.components(separatedBy: "```").first }
      .filter { $0.contains("@main") }
  }

  @Test func theExampleIsTheFile() throws {
    let file = try String(
      contentsOf: Self.root.appending(path: "Playbooks/Examples/site.swift"), encoding: .utf8)
    #expect(Self.playbooks.first == file)
  }

  @Test(arguments: playbooks.indices)
  func compiles(index: Int) async throws {
    let workbench = try Workbench()
    try workbench.write("playbook.swift", Self.playbooks[index])
    let outcome = try await workbench.martlet(["apply", "playbook.swift", "-i", "no-such-inventory.yaml"])
    #expect(outcome.code == 64)
    #expect(outcome.errors.contains("no-such-inventory.yaml"), "\(outcome.errors)")
  }
}
