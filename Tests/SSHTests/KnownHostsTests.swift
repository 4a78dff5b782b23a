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

    func keys(_ text: String, _ host: String, port: Int = 22, alias: String? = nil) -> KnownKeys {
      KnownHosts([("f", KnownHosts.Lines(KnownHosts.parse(Array(text.utf8))))])
        .keys(of: KnownHosts.Name(host: host, port: port, alias: alias))
    }

    func check(
      _ text: String, _ host: String, port: Int = 22, alias: String? = nil, key line: String? = nil
    ) throws -> KnownHosts.Verdict {
      keys(text, host, port: port, alias: alias).check(try blob(line ?? key))
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
      #expect(keys(text, "web").types == ["ssh-ed25519", "ecdsa-sha2-nistp256"])
    }

    @Test func changedKeyNamesTheLine() throws {
      let type = KnownHosts.Key(file: "f", line: 3, type: "ssh-ed25519", blob: try blob(other))
      #expect(try check("# comment\n\nweb \(other)\n", "web") == .changed([type]))
    }

    /// As for OpenSSH: whoever is in between would otherwise only have to offer another type.
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
        KnownHosts.wildcard(
          Array("*a*a*a*a*a*a*b".utf8)[...], String(repeating: "a", count: 20_000).utf8) == false)
    }

    @Test func revokedWinsOverListed() throws {
      let text = "web \(key)\n@revoked * \(key)\n"
      let line = KnownHosts.Key(file: "f", line: 2, type: "ssh-ed25519", blob: try blob(key))
      #expect(try check(text, "web") == .revoked(line))
      #expect(try check(text, "web", port: 2222) == .revoked(line))
      #expect(try check("@revoked other \(key)\nweb \(key)\n", "web") == .trusted)
    }

    @Test func authorityIsNoHostKey() throws {
      let line = KnownHosts.Key(file: "f", line: 1, type: "ssh-ed25519", blob: try blob(key))
      #expect(try check("@cert-authority web \(key)\n", "web") == .certificateNeeded(line))
      #expect(try check("@cert-authority *.example.org,!a.example.org \(key)\n", "a.example.org") == .unknown)
      #expect(try check("@cert-authority web \(key)\nweb \(other)\n", "web", key: other) == .trusted)
      #expect(try check("@cert-authority web \(key)\n", "web", port: 2222) == .certificateNeeded(line))
      #expect(try check("@cert-authority web \(other)\nweb \(key)\n", "web", port: 2222) == .trusted)
      #expect(try check("@nonsense web \(key)\n", "web") == .unknown)
      #expect(keys("@cert-authority * \(key)\n", "web").needsCertificate)
      #expect(!keys("@cert-authority * \(key)\nweb \(other)\n", "web").needsCertificate)
    }

    /// An alias stands alone: neither the port nor the host's own name count then.
    @Test func alias() throws {
      #expect(try check("Db \(key)\n", "web", port: 2222, alias: "DB") == .trusted)
      #expect(try check("[db]:2222 \(key)\n", "web", port: 2222, alias: "db") == .unknown)
      #expect(try check("web \(key)\n", "web", alias: "db") == .unknown)
      let hashed = KnownHosts.line(
        try #require(HostKey(blob: try blob(key))), for: .init(host: "web", port: 22, alias: "DB"),
        isHashed: true)
      #expect(hashed.hasPrefix("|1|"))
      #expect(try check(hashed, "web", port: 2222, alias: "db") == .trusted)
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
