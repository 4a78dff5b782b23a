import Foundation
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct HostKeyTests {
    @Test func unknownHostIsRefused() async throws {
      let server = try LoopbackServer()
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.knownHosts = KnownHostsPolicy(files: [server.path("none")])
        return try await SSHConnection.connect(to: target)
      }
      let shown = try shell("ssh-keygen -lf host_ed25519.pub | cut -d' ' -f2", in: server.folder)
        .trimmingCharacters(in: .newlines)
      #expect(error.kind == .hostKeyUnknown(fingerprint: shown))
      #expect(error.description.hasPrefix("127.0.0.1:\(server.port): "))
      for part in [shown, server.path("none"), "ssh-keyscan -p \(server.port) 127.0.0.1 >> "] {
        #expect(error.message.contains(part), "\(error)")
      }
      #expect(!server.log.contains("Accepted"))
    }

    @Test func changedKeyIsRefusedInBothModes() async throws {
      let server = try LoopbackServer()
      try shell(
        "ssh-keygen -q -t ed25519 -N '' -f new; printf '# first\n[127.0.0.1]:\(server.port) ' > changed; "
          + "cat new.pub >> changed", in: server.folder)
      for mode in [KnownHostsPolicy.Mode.strict, .acceptNew] {
        let error = try await failure { () async throws(SSHError) in
          var target = server.target
          target.knownHosts = KnownHostsPolicy(files: [server.path("changed")], mode: mode)
          return try await SSHConnection.connect(to: target)
        }
        guard case .hostKeyChanged = error.kind else { throw error }
        for part in ["\(server.path("changed")):2", "ssh-keygen -R '[127.0.0.1]:\(server.port)' -f "] {
          #expect(error.message.contains(part), "\(error)")
        }
      }
      #expect(!server.log.contains("Accepted"))
    }

    @Test func revokedKeyIsRefused() async throws {
      let server = try LoopbackServer()
      try shell(
        "cat known_hosts > revoked; printf '@revoked * ' >> revoked; cat host_ed25519.pub >> revoked",
        in: server.folder)
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.knownHosts = KnownHostsPolicy(files: [server.path("revoked")], mode: .acceptNew)
        return try await SSHConnection.connect(to: target)
      }
      guard case .hostKeyRevoked = error.kind else { throw error }
      #expect(error.message.contains("\(server.path("revoked")):2"))
    }

    @Test(arguments: ["ssh-keygen -q -H -f known_hosts", "sed -i 's/^[^ ]*/[127.0.0.*]:*/' known_hosts"])
    func hashedAndWildcardNames(change: String) async throws {
      let server = try LoopbackServer()
      try shell(change + " 2>/dev/null", in: server.folder)
      #expect(!(try shell("cat known_hosts", in: server.folder)).contains("[127.0.0.1]"))
      let connection = try await server.connect()
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
    }

    /// The server has two keys and libssh2 prefers the ECDSA one; only the other is known.
    @Test(arguments: ["ed25519", "ecdsa"])
    func knownTypeIsAskedFor(type: String) async throws {
      let server = try LoopbackServer(hostKeys: ["ed25519", "ecdsa"])
      let name = type == "ecdsa" ? "ecdsa-sha2" : "ssh-ed25519"
      try shell("grep ' \(name)' known_hosts > one; test $(wc -l < one) = 1", in: server.folder)
      let connection = try await server.connect { $0.knownHosts.files = [server.path("one")] }
      await connection.close()
    }

    @Test func acceptNewThenStrict() async throws {
      let server = try LoopbackServer()
      let file = server.path("learned")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<8 {
          group.addTask {
            let connection = try await server.connect {
              $0.knownHosts = KnownHostsPolicy(files: [file], mode: .acceptNew)
            }
            await connection.close()
          }
        }
        try await group.waitForAll()
      }
      #expect(try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").count == 1)
      #expect(
        try shell("ssh-keygen -F '[127.0.0.1]:\(server.port)' -f learned", in: server.folder).contains(
          "found"))
      let connection = try await server.connect { $0.knownHosts = KnownHostsPolicy(files: [file]) }
      await connection.close()
    }

    @Test func unreadableKnownHosts() async throws {
      let server = try LoopbackServer()
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.knownHosts = KnownHostsPolicy(files: [server.folder])
        return try await SSHConnection.connect(to: target)
      }
      #expect(error.kind == .knownHostsFile)
      #expect(error.message.contains(server.folder))
    }
  }
}
