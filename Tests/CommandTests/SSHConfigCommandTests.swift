import Foundation
import TestSupport
import Testing

/// The command itself; what it prints is compared with `ssh -G` in SSHConfigTests.
@Suite struct SSHConfigCommandTests {
  @Test func optionsWinOverTheFile() async throws {
    let bench = try Workbench()
    let file = NSTemporaryDirectory() + "/martlet-ssh-config-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: file) }
    try Data("User a\nPort 5\nHostName %h.example.com\nIdentityFile %z\n".utf8).write(to: URL(filePath: file))
    let outcome = try await bench.martlet(
      ["ssh-config", "-F", file, "-o", "ConnectTimeout=1m", "-p", "7", "deploy@web1"])
    #expect(outcome.code == 0)
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines.prefix(4) == ["host web1", "user deploy", "hostname web1.example.com", "port 7"])
    #expect(lines.contains("connecttimeout 60") && lines.contains("identityfile %z"))
  }

  @Test func mistakesNameTheLine() async throws {
    let bench = try Workbench()
    let outcome = try await bench.martlet(["ssh-config", "-F", "none", "-o", "Port=x", "web1"])
    #expect(outcome.code == 64)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.contains("error: command line: Port needs a port from 1 to 65535, not “x”"))
    #expect(try await bench.martlet(["ssh-config", "-F", "/nowhere", "web1"]).code == 64)
    #expect(try await bench.martlet(["ssh-config", "@web1"]).code == 64)
  }
}
