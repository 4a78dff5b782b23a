import ArgumentParser
import Foundation
import Martlet
import MartletEngine
import MartletReports
import MartletTesting
import Synchronization
import TestSupport
import Testing

@testable import Martlet

/// A run as the command line starts it, with the engine and the reports, on this machine's own shell.
@Suite struct PlaybookRunTests {
  private func run(_ words: [String], in folder: String) async throws -> (code: Int32, text: String) {
    let options = try RunCommandOptions.parse(["-i", "here,"] + words)
    var inventory = try InventoryChoice.load(options.connection.inventories) { _ in }
    options.apply(to: &inventory)
    let text = Mutex("")
    let report = PlainReport(to: ReportOutput { piece in text.withLock { $0 += piece } })
    var run = PlaybookRun(
      plays: SmallPlaybook(folder: folder).plays, name: "Small", options: options.runOptions,
      inventory: inventory,
      transport: ShellTransport(state: folder + "/state"))
    run.warnings = ["look here"]
    let code = await run.perform(reportingTo: report)
    let seconds = /\ +\d+\.\d\n/
    return (code, text.withLock { $0.replacing(folder, with: "/F").replacing(seconds, with: "  -\n") })
  }

  @Test func `Check, apply and apply again, as they are printed`() async throws {
    let bench = try Workbench()
    let check = try await run(["--check", "--diff"], in: bench.folder)
    #expect(check.code == 0, "\(check.text)")
    #expect(
      check.text.hasPrefix(
        "warning: look here\nSmall: 1 host, check mode: nothing is changed\nhere | would change: "))
    #expect(check.text.contains("here |   + hello"))
    #expect(!FileManager.default.fileExists(atPath: bench.folder + "/motd"))

    let apply = try await run([], in: bench.folder)
    #expect(apply.code == 0, "\(apply.text)")
    #expect(apply.text.contains("here | changed: "))
    #expect(try String(contentsOfFile: bench.folder + "/motd", encoding: .utf8) == "hello\n")

    let again = try await run([], in: bench.folder)
    #expect(
      again.text == """
        warning: look here
        Small: 1 host

        recap  ok  changed  failed  unreachable  skipped  unknown  exchanges  seconds
        here    1        0       0            0        0        0          1  -

        """)
  }

  @Test func `A failed task is 1, a wrong pattern 64`() async throws {
    let bench = try Workbench()
    try FileManager.default.createDirectory(atPath: bench.folder + "/motd", withIntermediateDirectories: true)
    let failed = try await run([], in: bench.folder)
    #expect(failed.code == 1 && failed.text.contains("here | FAILED: "), "\(failed.text)")
    let wrong = try await run(["--limit", "there"], in: bench.folder)
    #expect(
      wrong.code == 64 && wrong.text.contains("\"there\" is neither a host nor a group"), "\(wrong.text)")
  }
}

private struct SmallPlaybook: Playbook {
  var folder = "/nowhere"

  init() {}

  init(folder: String) { self.folder = folder }

  var plays: Plays {
    Play("Small", on: "all") { File(RemotePath(folder) / "motd", content: "hello\n") }
  }
}
