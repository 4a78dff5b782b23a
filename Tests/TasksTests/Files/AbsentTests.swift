import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct AbsentTests {
  @Test func decides() {
    let task = Absent("/srv/old")
    #expect(task.decide(given: .absent).isUnchanged)
    #expect(task.decide(given: .file()).changes == ["- /srv/old"])
    #expect(task.decide(given: .directory()).changes == ["- /srv/old/ and all in it"])
    #expect(task.decide(given: .directory()).actions.first?.touches == [.tree("/srv/old")])
  }

  @Test func whatADaemonReadsIsTriedFirst() {
    let actions = Absent("/etc/sudoers.d/a").decide(given: .file()).actions
    #expect(actions.map(\.summary).first == "try visudo's configuration without /etc/sudoers.d/a")
    // Who takes all of a program's configuration away means it.
    #expect(Absent("/etc/nginx").decide(given: .directory()).actions.count == 1)
  }

  @Test(arguments: ["/", "/etc", "/srv/", "/usr/bin", "/var/lib", "/etc/ssh/"] as [RemotePath])
  func pathsOfTheSystemAreRefused(path: RemotePath) {
    #expect(throws: InvalidTask.self) { try Absent(path).validate() }
  }

  @Test(arguments: ["/srv/shop", "/etc/nginx/sites-enabled/default", "/usr/local/bin/x"] as [RemotePath])
  func otherPathsAreFine(path: RemotePath) throws { try Absent(path).validate() }

  @Test(arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    try folder.write("-r 'x'/deep/file", "x")
    try folder.write("kept/file", "x")
    _ = try await shell.run("ln -s kept \(folder.remote("link"))")
    try await host.expectConvergence(of: Absent(folder.remote("-r 'x'")))
    try await host.expectConvergence(of: Absent(folder.remote("link")))
    #expect(try folder.read("kept/file") == "x")
  }
}
