import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct KnownHostsWriterTests {
    /// A key of its own for each number; no server has it.
    func key(_ number: Int) throws -> HostKey {
      var writer = WireWriter()
      writer.string("ssh-ed25519".utf8)
      writer.string((0..<32).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0) })
      return try #require(HostKey(blob: writer.bytes))
    }

    func request(_ number: Int, _ host: String, port: Int = 22, file: String) throws
      -> KnownHostsWriter.Request
    {
      .init(
        key: try key(number), name: .init(host: host, port: port), policy: KnownHostsPolicy(files: [file]))
    }

    func text(_ file: String) throws -> String { try String(contentsOfFile: file, encoding: .utf8) }

    @Test func learningAppends() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let file = "\(folder)/ssh/known_hosts"
      let (one, two) = (Base64.encode(try key(1).blob), Base64.encode(try key(2).blob))
      #expect(try await KnownHostsWriter.learn(request(1, "Web", file: file)) == .trusted)
      #expect(try await KnownHostsWriter.learn(request(1, "web", port: 2222, file: file)) == .trusted)
      #expect(try text(file) == "web ssh-ed25519 \(one)\n")
      #expect(try await KnownHostsWriter.learn(request(2, "db", port: 2222, file: file)) == .trusted)
      #expect(try text(file) == "web ssh-ed25519 \(one)\n[db]:2222 ssh-ed25519 \(two)\n")
      guard case .changed = try await KnownHostsWriter.learn(request(2, "web", file: file)) else {
        throw TestFailure("a changed key was learned")
      }
      #expect(try shell("stat -c '%a' '\(file)' '\(folder)/ssh'") == "600\n700\n")
      for name in ["a b", "*", "a,b", "|1|x", "#x", "", "a\nb"] {
        await #expect(throws: KnownHostsStore.Failure.self) {
          try await KnownHostsWriter.learn(request(1, name, file: file))
        }
      }
    }

    @Test func unfinishedLastLineIsEnded() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let file = "\(folder)/known"
      let whole = KnownHosts.line(try key(1), for: .init(host: "old", port: 22), isHashed: false)
      for cut in [0, 1, 20] {
        try String(whole.dropLast(cut)).write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try await KnownHostsWriter.learn(request(2, "new", file: file)) == .trusted)
        let known = try KnownHostsStore.load([file])
        #expect(known.keys(of: .init(host: "new", port: 22)).check(try key(2).blob) == .trusted)
        #expect(known.keys(of: .init(host: "old", port: 22)).plain.isEmpty == (cut == 20))
      }
    }

    /// Each opens and locks the file by itself, as two processes do, while a third appends as ssh does and a
    /// fourth replaces the file as ssh-keygen -R does.
    @Test func writersDoNotDisturbEachOther() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let file = "\(folder)/known"
      try "gone \(try key(9).type) \(Base64.encode(try key(9).blob))\n".write(
        toFile: file, atomically: true, encoding: .utf8)
      let foreign = Base64.encode(try key(500).blob)
      let other = Task.detached {
        try shell(
          "i=0; while [ $i -lt 60 ]; do echo \"foreign$i ssh-ed25519 \(foreign)\" >>'\(file)'; i=$((i+1)); done"
        )
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<2 {
          group.addTask {
            for number in 0..<100 {
              let answers = KnownHostsWriter.write([try request(number, "host\(number)", file: file)])
              for answer in answers { #expect(try answer.get() == .trusted) }
            }
          }
        }
        try await group.waitForAll()
      }
      _ = try await other.value
      let lines = try text(file).split(separator: "\n")
      #expect(lines.count == 161)
      #expect(Set(lines).count == lines.count)
      #expect(KnownHosts.parse(Array(try text(file).utf8)).count == lines.count)
      try shell("ssh-keygen -q -R gone -f '\(file)' 2>/dev/null; ssh-keygen -lf '\(file)' >/dev/null")
      #expect(try await KnownHostsWriter.learn(request(7, "gone", file: file)) == .trusted)
    }

    /// As many connections of one process do: in few batches.
    @Test func manyAtOnce() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let file = "\(folder)/known"
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<300 {
          group.addTask {
            let verdict = try await KnownHostsWriter.learn(
              request(number, "host\(number / 2 * 2)", file: file))
            // Two keys for each name: one of them comes first, and the other is a changed one.
            if verdict != .trusted {
              guard case .changed = verdict else { throw TestFailure("\(verdict)") }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(KnownHosts.parse(Array(try text(file).utf8)).count == 150)
    }

    /// A writer that is stopped while it holds the lock holds nobody up for long.
    @Test func stuckLock() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let file = "\(folder)/known"
      let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
      defer { close(descriptor) }
      #expect(flock(descriptor, LOCK_EX) == 0)
      let start = ContinuousClock.now
      #expect(try await KnownHostsWriter.learn(request(1, "web", file: file)) == .trusted)
      #expect(ContinuousClock.now - start < .seconds(4))
      #expect(try text(file).hasPrefix("web "))
    }

    @Test func unwritable() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try shell("mkfifo pipe; mkdir folder; printf x > file", in: folder)
      for path in ["pipe", "folder", "file/known", "/proc/version", "/dev/full/x"] {
        let path = path.hasPrefix("/") ? path : "\(folder)/\(path)"
        let unwritable = try request(1, "web", file: path)
        do throws(KnownHostsStore.Failure) {
          _ = try await KnownHostsWriter.learn(unwritable)
          Issue.record("\(path) was written to")
        } catch {
          #expect(error.message.contains(path), "\(error.message)")
        }
      }
      #expect(try await KnownHostsWriter.learn(request(1, "web", file: "/dev/null")) == .trusted)
    }
  }
}
