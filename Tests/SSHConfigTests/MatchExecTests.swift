import Foundation
import Testing

@testable import MartletSSHConfig

struct MatchExecTests {
  private func config(_ text: String, in folder: Folder, deadline: Duration = .seconds(60)) throws
    -> SSHConfig
  {
    let file = try folder.write(text, to: "config")
    let environment = ["SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "FOLDER": folder.path]
    return try SSHConfig.load(user: .file(file), environment: environment, matchDeadline: deadline)
  }

  @Test func runsOnceForAllHosts() async throws {
    let folder = try Folder()
    let config = try config("Match exec \"echo x >>$FOLDER/log\"\n  Port 7\n", in: folder)
    try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<50 { group.addTask { try await config.options(for: "host\(number)").port } }
      for try await port in group { #expect(port == 7) }
    }
    #expect(try String(contentsOfFile: folder.path + "/log", encoding: .utf8) == "x\n")
  }

  @Test func asksForEachHostThatDiffers() async throws {
    let folder = try Folder()
    let config = try config("Match exec \"test %n = b\"\n  Port 7\n", in: folder)
    #expect(try await config.options(for: "a").port == 22)
    #expect(try await config.options(for: "b").port == 7)
  }

  @Test(.timeLimit(.minutes(1))) func mustEnd() async throws {
    let folder = try Folder()
    let text = "\nMatch exec \"(sleep 50; touch $FOLDER/late) & sleep 50; true\"\n  Port 7\n"
    let config = try config(text, in: folder, deadline: .milliseconds(300))
    let error = await #expect(throws: SSHConfigError.self) { try await config.options(for: "a") }
    #expect(error?.origin?.line == 2)
    #expect(error?.message.contains("has not ended in") == true)
  }

  @Test func needsAShell() async throws {
    let folder = try Folder()
    let file = try folder.write("Match exec true\n Port 7\n", to: "config")
    let config = try SSHConfig.load(user: .file(file), environment: ["SHELL": "/nowhere/sh"])
    let error = await #expect(throws: SSHConfigError.self) { try await config.options(for: "a") }
    #expect(error?.message.contains("/nowhere/sh") == true)
  }
}
