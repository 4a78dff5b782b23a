import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct SymlinkTests {
  let task = Symlink("/srv/current", to: "releases/2")
  static let link = FileStatus(kind: .symbolicLink, mode: 0o777)

  @Test func decides() {
    #expect(task.decide(given: (.absent, nil, .directory())).changes == ["+ /srv/current → releases/2"])
    #expect(
      task.decide(given: (Self.link, "releases/1", .directory())).changes == [
        "~ /srv/current → releases/2, was releases/1"
      ])
    #expect(task.decide(given: (Self.link, "releases/2", .directory())).isUnchanged)
  }

  @Test func aLinkThatADaemonReadsIsTriedFirst() {
    let actions = Symlink("/etc/nginx/sites-enabled/a", to: "../sites-available/a").decide(
      given: (.absent, nil, .directory())
    ).actions
    #expect(
      actions.map(\.summary).first == "try nginx's configuration with /etc/nginx/sites-enabled/a"
        && actions.count == 2)
    #expect(task.decide(given: (.absent, nil, .directory())).actions.count == 1)
  }

  @Test func aTakenPathIsAFailure() {
    #expect(task.decide(given: (.directory(), nil, .directory())).failure?.contains("is a folder") == true)
    #expect(task.decide(given: (.file(), nil, .directory())).failure?.contains("is a file") == true)
    #expect(task.decide(given: (.absent, nil, .absent)).failure?.contains("/srv doesn't exist") == true)
  }

  @Test func wrongTargetsAreRefused() {
    for target in ["", "a\nb", "/srv/current"] {
      #expect(throws: InvalidTask.self) { try Symlink("/srv/current", to: target).validate() }
    }
  }

  @Test func aNameThatItsDaemonPassesOverIsRefused() {
    for path in ["/etc/cron.d/a.cron", "/etc/sudoers.d/a.b", "/etc/ssh/sshd_config.d/a"] as [RemotePath] {
      #expect(throws: InvalidTask.self) { try Symlink(path, to: "/srv/a").validate() }
    }
    #expect(throws: Never.self) { try Symlink("/etc/cron.d/a", to: "/srv/a").validate() }
  }

  @Test(arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    _ = try await shell.run("mkdir \(folder.remote("-one")) \(folder.remote("two"))")
    try await host.expectConvergence(of: Symlink(folder.remote("it's current"), to: "-one"))
    try await host.expectConvergence(of: Symlink(folder.remote("it's current"), to: folder.remote("two")))
    // A link to a folder is replaced, not entered.
    #expect(try await shell.run("ls -A \(folder.path + "/-one")").text.isEmpty)
  }
}
