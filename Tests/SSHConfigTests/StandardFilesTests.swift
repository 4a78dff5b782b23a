import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@testable import MartletSSHConfig

/// ~/.ssh/config and /etc/ssh/ssh_config, without `-F`: `ssh` sees a folder of the test's as /root, in a mount
/// namespace of its own, so that the machine's own files aren't touched.
struct StandardFilesTests {
  struct Case: Sendable {
    var user: String
    var system: String
    var mode = 0o600
    var owner = 0
    var other: [String: String] = [:]
    var isRefused = false
  }

  static let cases = [
    Case(user: "User a\nIdentityFile x\n", system: "User b\nPort 5\nIdentityFile x\nIdentityFile y\n"),
    Case(user: "", system: ""),
    Case(user: "Host web1\n", system: "User b\nMatch final\n Port 9\nSendEnv A\n"),
    Case(user: "ProxyCommand nc\n", system: "ProxyJump j\nIgnoreUnknown x\n"),
    Case(user: "Include a.conf\n", system: "User b\n", other: ["a.conf": "User included\n"]),
    Case(
      user: "Include ~/.ssh/conf.d/*\n", system: "", other: ["conf.d/1": "Port 7\n", "conf.d/2": "Port 8\n"]),
    Case(user: "", system: "Include ~/x\n", isRefused: true),
    Case(user: "IgnoreUnknown bogus\n", system: "bogus x\n"),
    Case(user: "", system: "bogus x\n", isRefused: true),
    Case(user: "User a\n", system: "", mode: 0o644),
    Case(user: "User a\n", system: "", mode: 0o646, isRefused: true),
    Case(user: "User a\n", system: "", mode: 0o664),
    Case(user: "User a\n", system: "", owner: 1234, isRefused: true),
  ]

  @Test(arguments: cases.indices) func likeSSH(index: Int) async throws {
    if let obstacle = try await InstalledSSH.obstacle() {
      try Test.cancel("\(obstacle)")
    }
    guard getuid() == 0 else { try Test.cancel("only root can mount a folder over /root") }
    let item = Self.cases[index]
    let folder = try Folder()
    let home = folder.path + "/home"
    let file = try folder.write(item.user, to: "home/.ssh/config", mode: item.mode)
    for (name, text) in item.other { try folder.write(text, to: "home/.ssh/\(name)") }
    let system = try folder.write(item.system, to: "ssh_config")
    #expect(chown(file, uid_t(item.owner), 0) == 0)

    let theirs = try await InstalledSSH.run(
      [
        "-m", "/bin/sh", "-c",
        "mount --bind \(system) /etc/ssh/ssh_config && mount --bind \(home) /root && exec ssh -G web1",
      ], home: "/root", program: "/usr/bin/unshare")
    var ours: String?
    var problem = ""
    do {
      let config = try SSHConfig.load(
        system: .file(system), environment: InstalledSSH.environment(home: home), homeDirectory: home)
      // The one folder that ssh sees elsewhere.
      ours = try await config.dump(for: "web1").replacing(home, with: "/root")
    } catch {
      problem = "\(error)"
    }
    #expect(theirs.succeeded == !item.isRefused, "ssh: \(theirs.errors)")
    #expect(ours == (theirs.succeeded ? theirs.output : nil), "\(problem)\n\(theirs.errors)")
  }
}
