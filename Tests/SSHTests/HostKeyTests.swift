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

    @Test func changedKeyIsRefusedInEveryMode() async throws {
      let server = try LoopbackServer()
      try shell(
        "ssh-keygen -q -t ed25519 -N '' -f new; printf '# first\n[127.0.0.1]:\(server.port) ' > changed; "
          + "cat new.pub >> changed", in: server.folder)
      for mode in [KnownHostsPolicy.Mode.strict, .ask, .acceptNew, .off] {
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
      try await server.connect { $0.knownHosts.files = [server.path("one")] }.close()
      try shell("ssh-keygen -q -H -f one 2>/dev/null", in: server.folder)
      try await server.connect { $0.knownHosts.files = [server.path("one")] }.close()
      // Within what the configuration wants, also against its order.
      try await server.connect {
        $0.knownHosts.files = [server.path("one")]
        $0.algorithms.hostKeys = ["sk-ssh-ed25519@openssh.com", "ssh-ed25519", "ecdsa-sha2-nistp256"]
      }.close()
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

    /// Where the file can't be written to, only the mode that wants no checks goes on.
    @Test(arguments: [KnownHostsPolicy.Mode.strict, .ask, .acceptNew, .off])
    func modesOfAnUnknownHost(mode: KnownHostsPolicy.Mode) async throws {
      let server = try LoopbackServer()
      try shell("printf x > file", in: server.folder)
      for file in [server.path("new"), "/dev/null", server.path("file/known")] {
        var target = server.target
        target.knownHosts = KnownHostsPolicy(files: [file], mode: mode)
        let isWritable = !file.hasSuffix("file/known")
        if mode == .off || mode == .acceptNew && isWritable {
          try await SSHConnection.connect(to: target).close()
        } else {
          let error = try await refusal(of: target)
          if mode == .acceptNew {
            #expect(error.kind == .knownHostsFile && error.message.contains(file), "\(error)")
          } else {
            guard case .hostKeyUnknown = error.kind else { throw error }
          }
        }
      }
      let isWritten = FileManager.default.fileExists(atPath: server.path("new"))
      #expect(isWritten == (mode == .off || mode == .acceptNew))
    }

    @Test func confirmedKeyIsBelievedWithoutAFile() async throws {
      let server = try LoopbackServer(hostKeys: ["ed25519", "ecdsa"])
      var target = server.target
      target.knownHosts = KnownHostsPolicy(mode: .ask)
      guard case .unknown(let host) = try await HostKeyProbe.probe(target) else { throw TestFailure("known") }
      target.knownHosts.confirmed = [host.key]
      try await SSHConnection.connect(to: target).close()
      // Where a file knows another key, nobody's word counts.
      try shell(
        "ssh-keygen -q -t ed25519 -N '' -f new; sed 's/^/[127.0.0.1]:\(server.port) /' new.pub > changed",
        in: server.folder)
      target.knownHosts.files = [server.path("changed")]
      let error = try await refusal(of: target)
      guard case .hostKeyChanged = error.kind else { throw error }
    }

    @Test func globalFilesAreReadAndNotWritten() async throws {
      let server = try LoopbackServer()
      let policy = KnownHostsPolicy(files: [server.path("own")], globalFiles: [server.path("known_hosts")])
      try await server.connect { $0.knownHosts = policy }.close()
      #expect(!FileManager.default.fileExists(atPath: server.path("own")))
      try shell(": > empty", in: server.folder)
      try await server.connect {
        $0.knownHosts = KnownHostsPolicy(
          files: [server.path("own")], globalFiles: [server.path("empty")], mode: .acceptNew)
      }.close()
      #expect(try shell("cat empty; wc -l < own", in: server.folder) == "1\n")
      try shell("printf '@revoked * ' > revoked; cat host_ed25519.pub >> revoked", in: server.folder)
      let error = try await failure { () async throws(SSHError) in
        var target = server.target
        target.knownHosts.globalFiles = [server.path("revoked")]
        return try await SSHConnection.connect(to: target)
      }
      guard case .hostKeyRevoked = error.kind else { throw error }
    }

    @Test(arguments: [false, true])
    func aliasIsLookedUpAndWritten(hashes: Bool) async throws {
      let server = try LoopbackServer(hostKeys: ["ed25519", "ecdsa"])
      let file = server.path("alias")
      func target(_ mode: KnownHostsPolicy.Mode, _ alias: String?) -> SSHTarget {
        var target = server.target
        target.hostKeyAlias = alias
        target.knownHosts = KnownHostsPolicy(files: [file], mode: mode, hashesNames: hashes)
        return target
      }
      try await SSHConnection.connect(to: target(.acceptNew, "Shop")).close()
      let text = try String(contentsOfFile: file, encoding: .utf8)
      #expect(hashes ? text.hasPrefix("|1|") : text.hasPrefix("shop ssh-ed25519 "), "\(text)")
      #expect(try shell("ssh-keygen -F shop -f alias", in: server.folder).contains("found: line 1"))
      // The known type is asked for under the alias too.
      try shell(
        "sed '1!d; s/ .*//' alias > line; tr '\\n' ' ' < line > ecdsa; cat host_ecdsa.pub >> ecdsa; mv ecdsa alias",
        in: server.folder)
      try await SSHConnection.connect(to: target(.strict, "shop")).close()
      for alias in [nil, "other"] {
        let error = try await refusal(of: target(.strict, alias))
        guard case .hostKeyUnknown = error.kind else { throw error }
        #expect(
          error.message.contains("no entry for \(alias ?? "[127.0.0.1]:\(server.port)") in"), "\(error)")
        #expect(error.message.contains("sed") == (alias != nil))
      }
      // OpenSSH finds what was written.
      try shell(
        "ssh -F none -p \(server.port) -i id -o IdentitiesOnly=yes -o HostKeyAlias=shop -o GlobalKnownHostsFile=none "
          + "-o UserKnownHostsFile=alias -o StrictHostKeyChecking=yes -o BatchMode=yes \(currentUser)@127.0.0.1 true 2>&1",
        in: server.folder)
    }

    /// The file is right: OpenSSH believes the host by its certificate. libssh2 can't, and says so.
    @Test func hostCertificate() async throws {
      let server = try LoopbackServer(options: ["HostCertificate /dev/null"])
      let folder = server.folder
      try shell(
        "ssh-keygen -q -t ed25519 -N '' -f ca; ssh-keygen -q -s ca -I host -h -n 127.0.0.1 host_ed25519.pub; "
          + "sed -i 's|^HostCertificate.*|HostCertificate \(folder)/host_ed25519-cert.pub|' sshd_config; "
          + "printf '@cert-authority [127.0.0.*]:* ' > trusted; cat ca.pub >> trusted", in: folder)
      try server.reload()
      try shell(
        "ssh -F none -p \(server.port) -i id -o IdentitiesOnly=yes -o GlobalKnownHostsFile=none "
          + "-o UserKnownHostsFile=trusted -o StrictHostKeyChecking=yes -o BatchMode=yes \(currentUser)@127.0.0.1 true 2>&1",
        in: folder)
      for mode in [KnownHostsPolicy.Mode.strict, .ask, .acceptNew] {
        var target = server.target
        target.knownHosts = KnownHostsPolicy(files: [server.path("trusted")], mode: mode)
        let keys = try target.knownHostKeys()
        #expect(keys.needsCertificate && keys.isKnown && keys.types.isEmpty)
        #expect(keys.reasonForSystemSSH?.contains("@cert-authority") ?? false)
        let error = try await refusal(of: target)
        guard case .hostCertificateNeeded = error.kind else { throw error }
        for part in ["\(server.path("trusted")):1", "transport openssh"] {
          #expect(error.message.contains(part), "\(error)")
        }
      }
      // Its plain key beside the authority is enough.
      try shell("cat known_hosts >> trusted", in: folder)
      let connection = try await server.connect { $0.knownHosts.files = [server.path("trusted")] }
      #expect(try connection.target.knownHostKeys().reasonForSystemSSH == nil)
      await connection.close()
    }

    /// A host that is known by its RSA key alone hasn't changed because libssh2 can't check that one.
    @Test func knownByAnUnusableType() async throws {
      let server = try LoopbackServer(hostKeys: ["rsa", "ed25519"])
      try shell("grep ssh-rsa known_hosts > rsa", in: server.folder)
      var target = server.target
      target.knownHosts.files = [server.path("rsa")]
      guard !SSHAlgorithms.supported(.hostKeys).contains("rsa-sha2-256") else {
        #expect(try target.knownHostKeys().reasonForSystemSSH == nil)
        return try await SSHConnection.connect(to: target).close()
      }
      #expect(try target.knownHostKeys().reasonForSystemSSH?.contains("ssh-rsa") ?? false)
      let error = try await refusal(of: target)
      guard case .hostKeyTypeUnusable = error.kind else { throw error }
      #expect(
        error.message.contains("\(server.path("rsa")):1") && error.message.contains("openssh"), "\(error)")
      // A server that has no RSA key has changed.
      let other = try LoopbackServer()
      try shell("sed 's/^[^ ]*/[127.0.0.1]:\(other.port)/' rsa > moved", in: server.folder)
      let changed = try await refusal(of: other.target { $0.knownHosts.files = [server.path("moved")] })
      guard case .hostKeyChanged = changed.kind else { throw changed }
    }

    @Test func probeLooksAndDoesNotLogIn() async throws {
      let server = try LoopbackServer()
      var target = server.target
      guard case .known = try await HostKeyProbe.probe(target) else { throw TestFailure("not known") }
      target.knownHosts = KnownHostsPolicy(files: [server.path("learned")], mode: .acceptNew)
      target.user = "nobody-at-all"
      guard case .unknown(let host) = try await HostKeyProbe.probe(target) else { throw TestFailure("known") }
      #expect(host.name == "[127.0.0.1]:\(server.port)" && host.key.type == "ssh-ed25519")
      #expect(
        try shell("ssh-keygen -lf host_ed25519.pub", in: server.folder).contains(host.key.fingerprint + " "))
      #expect(!FileManager.default.fileExists(atPath: server.path("learned")))
      #expect(await HostKeyProbe.learn([(host.key, target)]) == [nil])
      guard case .known = try await HostKeyProbe.probe(target) else { throw TestFailure("not learned") }
      try shell(
        "ssh-keygen -q -t ed25519 -N '' -f new; sed 's/^/[127.0.0.1]:\(server.port) /' new.pub > learned",
        in: server.folder)
      guard case .refused(let error) = try await HostKeyProbe.probe(target), case .hostKeyChanged = error.kind
      else {
        throw TestFailure("not refused")
      }
      guard case .hostKeyChanged? = await HostKeyProbe.learn([(host.key, target)])[0]?.kind else {
        throw TestFailure("learned over a changed key")
      }
      #expect(!server.log.contains("nobody-at-all") && !server.log.contains("Accepted"))
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
