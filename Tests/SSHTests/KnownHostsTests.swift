import Foundation
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct KnownHostsTests {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGMnu/WU8MW0FzsyVOD93ceEVSMPJqY3cRqLOKBkPeXd"
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBCXlJwfEl4gfg3LhNlqq2s4GfCcxEQK9TTdTwDVBMtz"
    let ecdsa =
      "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFFSXRdlWJX8LsT8Lz1rwOy6B9NYv7kfzFYhV"
      + "9zTTAoR9xKJ1bXSaWAGvQUrDJhLLoR0gfjwnXdzBzVGWQUjUhc="

    func blob(_ line: String) throws -> [UInt8] {
      let letters = try #require(line.split(separator: " ").last)
      return try #require(Base64.decode(Array(letters.utf8)))
    }

    func check(_ text: String, _ host: String, port: Int = 22, key line: String? = nil) throws
      -> KnownHosts.Verdict
    {
      KnownHosts([("f", KnownHosts.parse(Array(text.utf8)))]).check(
        try blob(line ?? key), host: host, port: port)
    }

    @Test func plainNamesListsAndPorts() throws {
      #expect(try check("web \(key)\n", "web") == .trusted)
      #expect(try check("web \(key)", "WEB") == .trusted)
      #expect(try check("Web,10.0.0.1 \(key) comment here\n", "10.0.0.1") == .trusted)
      #expect(try check("web \(key)\n", "web2") == .unknown)
      #expect(try check("w \(key)\n", "w") == .trusted)
      #expect(try check("web\t\(key)\r\n", "web") == .trusted)
      #expect(try check("[web]:2222 \(key)\n", "web", port: 2222) == .trusted)
      #expect(try check("[web]:2222 \(key)\n", "web") == .unknown)
      #expect(try check("[::1]:2222 \(key)\n", "::1", port: 2222) == .trusted)
      #expect(try check("2001:db8::1 \(key)\n", "2001:DB8::1") == .trusted)
    }

    @Test func keyOfTheNameCountsOnOtherPorts() throws {
      #expect(try check("web \(key)\n", "web", port: 2222) == .trusted)
      #expect(try check("web \(other)\n", "web", port: 2222) == .unknown)
    }

    @Test func severalKeysOfAHost() throws {
      let text = "web \(other)\nweb \(ecdsa)\nweb \(key)\n"
      #expect(try check(text, "web") == .trusted)
      #expect(
        KnownHosts([("f", KnownHosts.parse(Array(text.utf8)))]).types(host: "web", port: 22)
          == ["ssh-ed25519", "ecdsa-sha2-nistp256"])
    }

    @Test func changedKeyNamesTheLine() throws {
      let type = KnownHosts.Key(file: "f", line: 3, type: "ssh-ed25519", blob: try blob(other))
      #expect(try check("# comment\n\nweb \(other)\n", "web") == .changed([type]))
    }

    /// OpenSSH would take a new type for a new key; whoever is in between would only have to offer another type.
    @Test func otherTypeIsAChange() throws {
      let known = KnownHosts.Key(file: "f", line: 1, type: "ecdsa-sha2-nistp256", blob: try blob(ecdsa))
      #expect(try check("web \(ecdsa)\n", "web") == .changed([known]))
    }

    @Test func wildcardsAndNegation() throws {
      #expect(try check("*.example.org,!bad.example.org \(key)\n", "web.example.org") == .trusted)
      #expect(try check("*.example.org,!bad.example.org \(key)\n", "bad.example.org") == .unknown)
      #expect(try check("!bad.example.org,*.example.org \(key)\n", "bad.example.org") == .unknown)
      #expect(try check("*.example.org \(key)\n", "example.org") == .unknown)
      #expect(try check("web? \(key)\n", "web1") == .trusted)
      #expect(try check("web? \(key)\n", "web12") == .unknown)
      #expect(try check("[*.example.org]:2222 \(key)\n", "a.example.org", port: 2222) == .trusted)
      #expect(
        KnownHosts.wildcard(Array("*a*a*a*a*a*a*b".utf8), [UInt8](repeating: 97, count: 20_000)) == false)
    }

    @Test func revokedWinsOverListed() throws {
      let text = "web \(key)\n@revoked * \(key)\n"
      let line = KnownHosts.Key(file: "f", line: 2, type: "ssh-ed25519", blob: try blob(key))
      #expect(try check(text, "web") == .revoked(line))
      #expect(try check(text, "web", port: 2222) == .revoked(line))
      #expect(try check("@revoked other \(key)\nweb \(key)\n", "web") == .trusted)
    }

    @Test func authorityIsNoHostKey() throws {
      #expect(try check("@cert-authority web \(key)\n", "web") == .unknown)
      #expect(try check("@nonsense web \(key)\n", "web") == .unknown)
    }

    @Test func malformedLinesArePassedOver() throws {
      let junk = [
        "web", "web ssh-ed25519", "web ssh-ed25519 !!!!", "web ssh-rsa \(key.split(separator: " ")[1])",
        "web ssh-ed25519 AAAA", "|1|x|y \(key)", "|1|| \(key)", "@revoked", "web 1024 35 1234567",
        String(repeating: "x", count: 100_000), "\u{0}\u{1}", "web ssh-ed25519 AAAAC3Nz=",
      ]
      for line in junk {
        #expect(try check("\(line)\nweb \(key)\n", "web") == .trusted, "\(line.prefix(40))")
        #expect(try check("\(line)\n", "web") == .unknown, "\(line.prefix(40))")
      }
    }

    /// What OpenSSH finds in a file is what we find.
    @Test(arguments: [
      "web", "10.1.2.3", "[web]:2222", "a.example.org", "bad.example.org", "nowhere", "h1", "[h2]:99",
    ])
    func agreesWithSSHKeygen(name: String) throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try "web,10.1.2.3 \(key)\n[web]:2222 \(key)\n*.example.org,!bad.example.org \(key)\n"
        .write(toFile: "\(folder)/plain", atomically: true, encoding: .utf8)
      try "h1 \(key)\n[h2]:99 \(key)\n".write(toFile: "\(folder)/hashed", atomically: true, encoding: .utf8)
      try shell(
        "ssh-keygen -q -H -f hashed 2>/dev/null; cat plain hashed > all; grep -q '^|1|' all", in: folder)
      let found = try shell("ssh-keygen -F '\(name)' -f all || true", in: folder)
      let parts = name.split(separator: "]:")
      let host = name.hasPrefix("[") ? String(parts[0].dropFirst()) : name
      let port = parts.count == 2 ? try #require(Int(parts[1])) : 22
      let known = try KnownHostsStore.load(["\(folder)/all"])
      #expect(!found.isEmpty == !known.types(host: host, port: port).isEmpty, "\(found)")
    }

    @Test func learningAppends() throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      let file = "\(folder)/ssh/known_hosts"
      func learn(_ line: String, _ host: String, port: Int = 22) throws -> KnownHosts.Verdict {
        try KnownHostsStore.learn(
          try blob(line), type: String(line.split(separator: " ")[0]), host: host, port: port, files: [file])
      }
      #expect(try learn(key, "Web") == .trusted)
      #expect(try learn(key, "web", port: 2222) == .trusted)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "web \(key)\n")
      #expect(try learn(other, "db", port: 2222) == .trusted)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "web \(key)\n[db]:2222 \(other)\n")
      guard case .changed = try learn(other, "web") else { throw TestFailure("a changed key was learned") }
      #expect(try shell("stat -c %a '\(file)'") == "600\n")
      #expect(throws: KnownHostsStore.Failure.self) { try learn(key, "a b") }
      #expect(throws: KnownHostsStore.Failure.self) { try learn(key, "*") }

      try "old \(key)".write(toFile: file, atomically: true, encoding: .utf8)
      #expect(try learn(other, "new") == .trusted)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "old \(key)\nnew \(other)\n")
    }

    @Test func fingerprintIsThatOfSSHKeygen() throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try "\(key)\n".write(toFile: "\(folder)/key.pub", atomically: true, encoding: .utf8)
      #expect(try shell("ssh-keygen -lf key.pub", in: folder).contains(fingerprint(try blob(key)) + " "))
    }

    @Test func base64() {
      for count in 0..<50 {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + 5) }
        #expect(Base64.encode(bytes) == Data(bytes).base64EncodedString())
        #expect(Base64.decode(Array(Base64.encode(bytes).utf8)) == bytes)
      }
      for text in ["A", "AA", "AAA", "A===", "AA=A", "AAA\n", "====", "AAAAA"] {
        #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)")
      }
    }
  }
}
