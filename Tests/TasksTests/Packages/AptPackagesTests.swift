import MartletCore
import MartletFacts
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct AptPackagesTests {
  @Test func missingPackagesAreInstalledTogether() throws {
    let task = AptPackages("nginx", "curl", "python3-venv")
    let decision = task.decide(given: ([.absent, .installed("7"), .absent], [], []))
    #expect(decision.changes == ["+ nginx", "+ python3-venv"])
    let action = try #require(decision.actions.first)
    #expect(decision.actions.count == 1)
    #expect(action.touches.contains(.packages))
    #expect(action.environment["DEBIAN_FRONTEND"] == "noninteractive")
    guard case .run(let command) = action.effect else { return }
    #expect(command.text.contains("-- 'nginx' 'python3-venv'"))
    #expect(!command.text.contains("'curl'"))
  }

  @Test func installedPackagesAreLeftAlone() {
    let task = AptPackages("nginx", "awk")
    let provided = PackageStatus(state: .provided, provider: "mawk")
    #expect(task.decide(given: ([.installed("1"), provided], [], [])).isUnchanged)
  }

  @Test func interruptedInstallationsAreFinished() {
    let found = PackageStatus(state: .unfinished, version: "1")
    #expect(
      AptPackages("nginx").decide(given: ([found], [], [])).changes.first?.contains("interrupted") == true)
  }

  @Test(arguments: [
    ("1.2", "1.2", true), ("1.2", "1.2.1", false), ("1.2*", "1.2.1", true), ("1*+deb*", "1.2+deb12u1", true),
    ("1*+deb*", "1.2", false), ("*", "x", true), ("1*1", "1", false),
  ])
  func versionsAreCompared(wanted: String, installed: String, isMet: Bool) {
    let decision = AptPackages("x1=\(wanted)").decide(given: ([.installed(installed)], [], []))
    #expect(decision.isUnchanged == isMet)
    if !isMet { #expect(decision.changes == ["~ x1 \(installed) → \(wanted)"]) }
  }

  @Test func theNewestVersionIsInstalled() {
    let task = AptPackages("nginx", "curl", state: .latest)
    let found: [PackageStatus] = [.installed("1"), .installed("7")]
    #expect(task.decide(given: (found, ["1", "7"], [60])).isUnchanged)
    #expect(task.decide(given: (found, ["2", "7"], [60])).changes == ["~ nginx 1 → 2"])
    let stale = task.decide(given: (found, ["1", "7"], [7 * 24 * 3600]))
    #expect(stale.changes.first?.contains("168 hours old") == true)
    #expect(stale.actions.first?.changedWhen == .outputLacks("0 upgraded, 0 newly installed, 0 to remove"))
    #expect(task.decide(given: (found, ["1", "7"], [nil])).changes.first?.contains("missing") == true)
  }

  @Test func packagesAreRemoved() {
    let task = AptPackages("apache2", "nginx", state: .absent)
    let rest = PackageStatus(state: .configurationOnly)
    #expect(task.decide(given: ([.installed("1"), rest], [], [])).changes == ["- apache2"])
    #expect(task.decide(given: ([rest, .absent], [], [])).isUnchanged)
  }

  @Test(arguments: [
    [], [""], ["-y"], ["Nginx"], ["nginx curl"], ["nginx="], ["a"], ["nginx-"], ["x1=$(id)"],
    ["curl", "curl"],
    ["nginx:"], ["ngin*"],
  ])
  func wrongNamesAreRefused(names: [String]) {
    #expect(throws: InvalidTask.self) { try AptPackages(names).validate() }
  }

  @Test func rightNamesAreNot() throws {
    try AptPackages("g++", "libc6:i386", "0ad", "nginx=1:1.22~rc1-9+b1", "x1=1.2*").validate()
  }

  @Test(arguments: LocalShell.allCases)
  func theScriptIsUnderstoodByEveryShell(shell: LocalShell) async throws {
    let script = AptScript(lockTimeout: .seconds(60))
    for command in [
      script.install(["x"], recommends: false, listsValidFor: .seconds(60)), script.remove(["x"]),
    ] {
      let result = try await shell.run(
        "sh() { :; }; \(raw: shell == .dash ? "dash" : shell == .bash ? "bash" : "busybox sh") -n -c \(word: command)"
      )
      #expect(result.status == 0, "\(result.errors)")
    }
  }

  /// Installs and removes a package of this machine, so it runs only where that is wanted.
  @Test(.enabled(if: LocalHost.mayBeChanged))
  func convergesOnARealSystem() async throws {
    let host = LocalHost(.dash)
    _ = try await host.shell.run("apt-get remove -y hello sl")
    try await host.expectConvergence(of: AptPackages("hello", "sl"))
    try await host.expectConvergence(of: AptPackages("hello", "sl", state: .absent))
    try await host.expectConvergence(of: AptPackages("hello", state: .latest, cacheValidFor: .seconds(3600)))
    try await host.expectConvergence(of: AptPackages("hello", state: .absent))
  }
}
