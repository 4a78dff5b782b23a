import Foundation
import MartletCore
import MartletEngine
import MartletTransports
import TestSupport
import Testing

extension TransportTests {
  /// What commands find and what they leave.
  @Suite struct ResidueTests {
    @Test(arguments: Reach.Way.all.filter { $0 != .shell })
    func `A command finds nothing of the controller's environment`(way: Reach.Way) async throws {
      setenv("MARTLET_TEST_OWN", "1", 1)
      defer { unsetenv("MARTLET_TEST_OWN") }
      let reach = try Reach(way)
      let session = try await reach.connect()
      let talk = Talk()
      #expect(try await session.run("env", talk) == .code(0))
      let names = talk.text.split(separator: "\n").map { $0.prefix { $0 != "=" } }
      #expect(names.contains("HOME") && names.contains("PATH"))
      #expect(!names.contains("MARTLET_TEST_OWN") && !names.contains("SSH_AUTH_SOCK"), "\(talk.text)")
      await session.close()
    }

    @Test(arguments: Reach.Way.all.filter { $0 != .shell })
    func `A command starts in the home folder, without a terminal`(way: Reach.Way) async throws {
      let reach = try Reach(way)
      let session = try await reach.connect()
      let talk = Talk()
      #expect(
        try await session.run("pwd; tty -s || echo none; (: </dev/tty) 2>/dev/null || echo none", talk)
          == .code(0))
      // The loopback server sets another HOME than the one that sshd goes to.
      let home = way.isContainer ? "/root" : try shell("getent passwd $(id -u) | cut -d: -f6").trimmedLine
      #expect(talk.text == "\(home)\nnone\nnone\n")
      await session.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A login shell that talks comes first`(way: Reach.Way) async throws {
      let reach = try Reach(way)
      try shell("printf 'echo noise\necho more >&2\n' >.bashrc", in: reach.server?.folder ?? "/nowhere")
      let session = try await reach.connect()
      let talk = Talk(sending: Array("said\n".utf8), inPiecesOf: 100)
      #expect(try await session.run("cat; exit 3", talk) == .code(3))
      #expect(["noise\nsaid\n", "said\n"].contains(talk.text), "\(talk.text)")
      await session.close()
    }

    /// Other tests run in this process too, so what is looked for is a descriptor or a process for each command.
    @Test(arguments: Reach.Way.all)
    func `A hundred commands leave no descriptors and no processes`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      #expect(try await session.run("true") == .code(0))
      let before = (descriptors: try descriptors(), children: try children())
      for _ in 0..<20 {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<5 {
            group.addTask { _ = try await session.run("cat", Talk(sending: [1, 2], inPiecesOf: 1)) }
          }
          try await group.waitForAll()
        }
      }
      var patience = 50
      while try descriptors() - before.descriptors > 40, patience > 0 {
        patience -= 1
        usleep(50_000)
      }
      #expect(try descriptors() - before.descriptors <= 40)
      #expect(try children() - before.children <= 40)
      await session.close()
    }
  }
}

private func descriptors() throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
}

/// How many children this process has, those that have ended and weren't collected too.
private func children() throws -> Int {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").reduce(0) { count, thread in
    let list = try? String(contentsOfFile: "/proc/self/task/\(thread)/children", encoding: .utf8)
    return count + (list?.split(separator: " ").count ?? 0)
  }
}

extension String {
  fileprivate var trimmedLine: String { String(prefix { $0 != "\n" }) }
}
