import Foundation
import Testing

@testable import MartletSSHConfig

/// Where `ssh -G` of OpenSSH 9.2 and Martlet differ, each with its reason: the whole list.
struct KnownDifferenceTests {
  /// `ssh` 9.2 refuses these, later versions take them: a user who has them has such an `ssh`.
  @Test(arguments: [
    "Tag t", "ObscureKeystrokeTiming no", "ChannelTimeout session:*=10m", "VersionAddendum x",
    "WarnWeakCrypto no",
    "KexAlgorithms mlkem768x25519-sha256", "ControlPath %j", "Match tagged t",
    "Host other\nRefuseConnection no",
    "Host other\nMatch host other localnetwork 10.0.0.0/8",
  ]) func acceptedBecauseLaterVersionsDo(text: String) async throws {
    try await compare(text, theyRefuse: true, weRefuse: false)
  }

  /// `ssh` 9.2 says "invalid argument" of a list that leaves nothing, and by mistake goes on without the list and
  /// without many a default after it.
  @Test(arguments: ["Ciphers ,bogus", "KexAlgorithms gss-gex-sha1-", "CASignatureAlgorithms ssh-*-cert*"])
  func refusedBecauseNothingIsLeft(text: String) async throws {
    try await compare(text, theyRefuse: false, weRefuse: true)
  }

  /// `ssh` passes on whatever bytes a value has; here values are text, and names that aren't are refused where they
  /// count. In comments, and in blocks that don't apply, they may be anything.
  @Test func refusedBecauseNotText() async throws {
    let folder = try Folder()
    let bytes: [UInt8] =
      Array("# B\u{fc}ro: ".utf8) + [0xfc, 0x0a] + Array("Host other\nUser ".utf8) + [0xfc, 0x0a]
    let file = try folder.write("", to: "config")
    try Data(bytes).write(to: URL(filePath: file))
    let config = try SSHConfig.load(user: .file(file))
    #expect(try await config.options(for: "web1").user != "")
    await #expect(throws: SSHConfigError.self) { try await config.options(for: "other") }
  }

  /// `ssh` asks a name server; Martlet says that it would have to.
  @Test(arguments: [
    "CanonicalizeHostname yes\nCanonicalDomains invalid",
    "CanonicalizeHostname always\nCanonicalDomains invalid",
  ]) func refusedBecauseOfNameServer(text: String) async throws {
    let config = try load(text)
    let error = await #expect(throws: SSHConfigError.self) { try await config.options(for: "web1") }
    #expect(error?.description.contains("config:1: CanonicalizeHostname needs a name server") == true)
    // Where no name server is needed, nothing is refused.
    #expect(try await config.options(for: "web1.a.b").hostName == "web1.a.b")
    #expect(try await config.options(for: "10.0.0.1").hostName == "10.0.0.1")
  }

  /// `ssh -G` looks a name up for CanonicalizePermittedCNAMEs even if CanonicalizeHostname is off, when the answer
  /// changes nothing.
  @Test func noQuestionWithoutUse() async throws {
    try await compare(
      "CanonicalizePermittedCNAMEs *:*", theyRefuse: true, weRefuse: false, host: "name.invalid")
  }

  /// `ssh -G ""` prints an empty host.
  @Test func emptyHost() async throws {
    try await compare("User a", theyRefuse: false, weRefuse: true, host: "")
  }

  private func load(_ text: String) throws -> SSHConfig {
    let folder = try Folder()
    let file = try folder.write(text + "\n", to: "config")
    return try SSHConfig.load(user: .file(file), environment: InstalledSSH.environment(home: folder.path))
  }

  private func compare(
    _ text: String, theyRefuse: Bool, weRefuse: Bool, host: String = "web1"
  ) async throws {
    if let obstacle = try await InstalledSSH.obstacle() {
      try Test.cancel("\(obstacle)")
    }
    let folder = try Folder()
    let file = try folder.write(text + "\n", to: "config")
    let theirs = try await InstalledSSH.run(["-F", file, "-G", host], home: folder.path)
    #expect(theirs.succeeded == !theyRefuse, "\(theirs.errors)")
    var ours: SSHConfigError?
    do throws(SSHConfigError) {
      let config = try SSHConfig.load(
        user: .file(file), environment: InstalledSSH.environment(home: folder.path))
      _ = try await config.dump(for: host)
    } catch {
      ours = error
    }
    #expect((ours != nil) == weRefuse, "\(String(describing: ours))")
  }
}
