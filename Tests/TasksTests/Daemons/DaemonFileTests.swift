import MartletCore
import MartletFacts
@testable import MartletTasks
import TestSupport
import Testing

@Suite struct DaemonFileTests {
  @Test(arguments: [
    "/etc/sudoers", "/etc/sudoers.d/deploy", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/a.conf",
    "/etc/nginx/nginx.conf", "/etc/nginx/conf.d/a.conf", "/etc/nginx/snippets/a",
    "/etc/supervisor/conf.d/a.conf",
    "/etc/logrotate.d/a", "/etc/apt/sources.list", "/etc/apt/sources.list.d/a.list",
    "/etc/apt/preferences.d/a",
    "/etc/systemd/system/a.service", "/etc/systemd/system/a@.timer",
    "/etc/systemd/system/ssh.service.d/a.conf",
    "/etc/fstab",
  ]) func aNewFileIsTried(path: String) {
    #expect(DaemonFile.check(of: RemotePath(path), "") != nil)
    let task = File(RemotePath(path), content: "x\n")
    guard case .write(let write)? = task.decide(given: (.absent, nil, .directory())).actions.first?.effect
    else {
      Issue.record("nothing is written")
      return
    }
    #expect(write.validate != nil)
    let own = File(RemotePath(path), content: "x\n", validate: "true")
    guard case .write(let write)? = own.decide(given: (.absent, nil, .directory())).actions.first?.effect
    else { return }
    #expect(write.validate?.text == "true")
  }

  @Test(arguments: [
    "/etc/motd", "/etc/apt/keyrings/a.asc", "/etc/ssh/ssh_config", "/etc/systemd/network/a.network",
    "/etc/systemd/system/a.service.bak", "/srv/etc/sudoers",
  ]) func allElseIsNot(path: String) { #expect(DaemonFile.check(of: RemotePath(path), "x\n") == nil) }

  @Test(arguments: [
    ("/etc/cron.d/shop.conf", "run-parts", "* * * * * root true\n"),
    ("/etc/cron.d/shop", "line 1", "every day\n"),
    ("/etc/cron.d/shop", "line break", "* * * * * root true"), ("/etc/sudoers.d/deploy.conf", "dot", ""),
    ("/etc/sudoers.d/deploy~", "~", ""), ("/etc/ssh/sshd_config.d/shop", ".conf", ""),
    ("/etc/apt/sources.list.d/shop", ".sources", ""),
  ]) func whatWouldNotBeReadIsRefused(path: String, word: String, text: String) {
    let task = File(RemotePath(path), content: Contents(text))
    let failure = task.decide(given: (.absent, nil, .directory())).failure
    #expect(failure?.contains(word == "run-parts" ? "letters, digits" : word) == true, "\(failure ?? "")")
    let other = File(RemotePath(path), content: Contents(text), validate: "true")
    #expect(other.decide(given: (.absent, nil, .directory())).failure == nil)
  }

  @Test func whatOthersMayWriteToIsRefused() {
    for path in ["/etc/cron.d/shop", "/etc/logrotate.d/shop", "/etc/sudoers.d/shop"] {
      let task = File(RemotePath(path), content: "", mode: 0o664)
      #expect(task.decide(given: (.absent, nil, .directory())).failure?.contains("0664") == true)
      let other = File(RemotePath(path), content: "", owner: "deploy")
      #expect(other.decide(given: (.absent, nil, .directory())).failure?.contains("root's") == true)
    }
  }

  @Test(arguments: LocalShell.allCases) func aCopyOfTheWholeIsAsked(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("etc/main", "include \(folder.path)/etc/parts.d\n")
    try folder.write("etc/parts.d/one", "good\n")
    try folder.write("etc/new", "bad\n")
    try folder.write("etc/good", "good\n")
    let root = folder.remote("etc")
    // It complains of every part that has "bad" in it, with the part's name.
    let whole = WholeConfiguration(
      program: "sh", main: root / "main", parts: [root], prefixes: [root.string + "/"],
      test:
        "grep -q \"$copy\" \"$copy\"\(root)/main || { echo lost; exit 1; }; ! grep -H bad \"$copy\"\(root)/parts.d/*"
    )
    func ask(_ new: String, _ path: String) async throws -> LocalShell.Result {
      try await shell.run("sh -c \(word: whole.check(of: root / path)) sh \(root / new)")
    }
    #expect(try await ask("good", "parts.d/two").status == 0)
    let refused = try await ask("new", "parts.d/two")
    #expect(refused.status == 1)
    #expect(refused.text == "\(root)/parts.d/two:bad\n")
    // What another file is at fault for from before isn't held against this one; its own fault is.
    try folder.write("etc/parts.d/one", "bad\n")
    #expect(try await ask("good", "parts.d/two").status == 0)
    #expect(try await ask("new", "parts.d/two").status == 1)
    #expect(try await ask("good", "parts.d/one").status == 0)
    #expect(try folder.read("etc/parts.d/one") == "bad\n")
  }
}
