import Foundation
import MartletLab
import TestSupport
import Testing

extension ServerTests {
  /// The whole plan of this repository's playbook for a fresh server, as its user sees it.
  @Suite struct PlanSnapshotTests {
    @Test func django() async throws {
      let server = try await Server.fresh()
      let workbench = try Workbench()
      let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
      let plan = try await workbench.run(
        "/usr/bin/env",
        [
          "-C", root, Workbench.products + "/Django", "-i", Server.lab.inventory, "--limit", server.name,
          "--check",
          "--diff",
        ])
      #expect(plan.code == 0)
      #expect(plan.errors == "")
      let address = try Server.lab.host(server.number).address
      // Times are all that differs from run to run.
      let text = plan.output.replacing(address, with: "ADDRESS").replacing(
        #/after [0-9]+ ms/#, with: "after 0 ms"
      ).replacing(
        #/\ +[0-9.]+\n$/#, with: " SECONDS\n")
      try expectSnapshot(text, "django-plan")
    }
  }
}
