import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// The end of the process in the middle of its work.
  @Suite struct ExitTests {
    /// OpenSSL's clean-up at exit must not meet a thread that encrypts.
    @Test func exitWhileBusy() async throws {
      let server = try LoopbackServer()
      let program = CommandLine.arguments[0]
      let output = try shell(
        "for i in 1 2 3 4; do MARTLET_EXIT='\(server.port) \(server.folder)' '\(program)' "
          + "--testing-library swift-testing --filter exitOfAHelperProcess >/dev/null 2>&1 && echo 0 || echo $?; done",
        in: server.folder)
      #expect(output == String(repeating: "7\n", count: 4))
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["MARTLET_EXIT"] != nil))
    func exitOfAHelperProcess() async throws {
      let words = try #require(ProcessInfo.processInfo.environment["MARTLET_EXIT"])
        .split(separator: " ").map(String.init)
      var target = SSHTarget(host: "127.0.0.1", port: try #require(Int(words[0])), user: currentUser)
      target.identities = [.file(words[1] + "/id")]
      target.knownHosts = KnownHostsPolicy(files: [words[1] + "/known_hosts"])
      for _ in 0..<3 {
        let connection = try await SSHConnection.connect(to: target)
        Task { try await connection.run("cat /dev/zero", limits: minute) }
      }
      try await Task.sleep(for: .milliseconds(200))
      // Stays in the exit handlers for as long as it takes the thread to come by.
      atexit { usleep(20_000) }
      exit(7)
    }
  }
}
