import Foundation
import Synchronization
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct AlgorithmTests {
    @Test func supportedOnesAreNamed() {
      #expect(SSHAlgorithms.supported(.kex).contains("curve25519-sha256"))
      #expect(SSHAlgorithms.supported(.hostKeys).contains("ssh-ed25519"))
      #expect(SSHAlgorithms.supported(.ciphers).contains("aes256-ctr"))
      #expect(SSHAlgorithms.supported(.macs).contains("hmac-sha2-256"))
      #expect(!SSHAlgorithms.supported(.hostKeys).contains { $0.contains("cert") })
    }

    /// As `ssh` itself: what is weak is used only where somebody asks for it.
    @Test func weakOnesAreNotOffered() async throws {
      #expect(SSHAlgorithms.standard(.ciphers).contains("aes128-ctr"))
      #expect(SSHAlgorithms.standard(.macs).first?.hasPrefix("hmac-sha2-256") ?? false)
      for weak in ["cbc", "arcfour", "md5", "-96", "ripemd"] {
        let offered = SSHAlgorithms.Purpose.allCases.flatMap(SSHAlgorithms().offered)
        #expect(!offered.contains { $0.contains(weak) })
      }
      let server = try LoopbackServer(options: [
        "Ciphers aes256-cbc", "KexAlgorithms diffie-hellman-group14-sha1",
      ])
      let error = try await refusal(of: server.target)
      #expect(error.kind == .noCommonAlgorithm)
      #expect(
        error.message.contains("KexAlgorithms +diffie-hellman-group14-sha1, Ciphers +aes256-cbc."), "\(error)"
      )
      let asked = server.target {
        $0.algorithms.ciphers = ["aes256-cbc"]
        $0.algorithms.kex = ["diffie-hellman-group14-sha1"]
      }
      try await SSHConnection.connect(to: asked).close()
    }

    @Test func impossibleOnes() {
      var algorithms = SSHAlgorithms()
      #expect(algorithms.impossible.isEmpty)
      algorithms.kex = ["sntrup761x25519-sha512@openssh.com"]
      algorithms.macs = ["x", "hmac-sha2-256"]
      algorithms.hostKeys = ["ssh-ed25519-cert-v01@openssh.com"]
      #expect(algorithms.impossible == [.kex, .hostKeys])
    }

    @Test func knownTypesComeFirst() {
      var algorithms = SSHAlgorithms()
      #expect(algorithms.hostKeyMethods(knownTypes: []).first == "ssh-ed25519")
      let ecdsa = "ecdsa-sha2-nistp521"
      #expect(algorithms.hostKeyMethods(knownTypes: ["x", ecdsa]).prefix(2) == [ecdsa, "ssh-ed25519"])
      #expect(algorithms.hostKeyMethods(knownTypes: ["ssh-rsa"]).first?.contains("rsa") ?? false)
      algorithms.hostKeys = ["ecdsa-sha2-nistp256", "ssh-ed25519", "x"]
      #expect(algorithms.hostKeyMethods(knownTypes: [ecdsa]) == ["ecdsa-sha2-nistp256", "ssh-ed25519"])
      #expect(
        algorithms.hostKeyMethods(knownTypes: ["ssh-ed25519"]) == ["ssh-ed25519", "ecdsa-sha2-nistp256"])
    }

    /// Nothing is sent where it is plain beforehand that it won't do.
    @Test(arguments: SSHAlgorithms.Purpose.allCases)
    func whatTheLibraryLacks(purpose: SSHAlgorithms.Purpose) async throws {
      let connections = Mutex(0)
      let server = try FaultServer { _, _ in connections.withLock { $0 += 1 } }
      var target = server.target(timeout: .seconds(3))
      target.algorithms[purpose] = ["not-there@example.org", "nor-this"]
      let error = try await refusal(of: target)
      #expect(error.kind == .noCommonAlgorithm)
      for part in [purpose.rawValue, "not-there@example.org, nor-this"] + SSHAlgorithms.supported(purpose) {
        #expect(error.message.contains(part), "\(error)")
      }
      #expect(connections.withLock { $0 } == 0)
    }

    /// The server takes one only, which isn't the first of the client's own preference.
    @Test(arguments: [
      (SSHAlgorithms.Purpose.kex, "KexAlgorithms", "ecdh-sha2-nistp384", "curve25519-sha256"),
      (.ciphers, "Ciphers", "aes256-ctr", "aes128-ctr"), (.macs, "MACs", "hmac-sha2-512", "hmac-sha2-256"),
    ])
    func preferencesCount(
      purpose: SSHAlgorithms.Purpose, option: String, only: String, other: String
    ) async throws {
      let server = try LoopbackServer(options: ["\(option) \(only)"])
      try await server.connect { $0.algorithms[purpose] = ["not-there", other, only] }.close()
      let error = try await refusal(of: server.target { $0.algorithms[purpose] = [other] })
      #expect(error.kind == .noCommonAlgorithm)
      #expect(error.message.contains("\(purpose.rawValue): the server has \(only); libssh2"), "\(error)")
      #expect(error.message.contains("was to use \(other)"), "\(error)")
      for purpose in SSHAlgorithms.Purpose.allCases.filter({ $0 != purpose }) {
        #expect(!error.message.contains("\(purpose.rawValue):"), "\(error)")
      }
    }

    @Test func hostKeyPreferenceCounts() async throws {
      let server = try LoopbackServer(hostKeys: ["ed25519", "ecdsa"])
      for type in ["ecdsa-sha2-nistp256", "ssh-ed25519"] {
        var target = server.target
        target.knownHosts.files = []
        target.algorithms.hostKeys = [type]
        guard case .unknown(let host) = try await HostKeyProbe.probe(target) else {
          throw TestFailure("known")
        }
        #expect(host.key.type == type)
      }
      let error = try await refusal(of: server.target { $0.algorithms.hostKeys = ["ecdsa-sha2-nistp521"] })
      #expect(error.kind == .noCommonAlgorithm)
      #expect(error.message.contains("host key: the server has "), "\(error)")
    }

    @Test func serverAliveIsThePeersTimeout() {
      var target = SSHTarget(host: "web", user: "u")
      #expect(target.peerTimeout == .seconds(30))
      target.peerTimeout = .seconds(12)
      target.serverAlive = ServerAlive(interval: .seconds(15), countMax: 4)
      #expect(target.peerTimeout == .seconds(60))
      target.serverAlive = ServerAlive(interval: .zero)
      #expect(target.peerTimeout == .seconds(12))
      target.serverAlive = ServerAlive(interval: .seconds(Int64.max / 2), countMax: .max)
      #expect(target.peerTimeout == .seconds(32767))
      target.serverAlive = ServerAlive(interval: .milliseconds(10), countMax: 0)
      #expect(target.peerTimeout == .seconds(1))
    }
  }
}
