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
    let young = AptListsState(age: 60)
    #expect(task.decide(given: (found, ["1", "7"], [young])).isUnchanged)
    #expect(task.decide(given: (found, ["2", "7"], [young])).changes == ["~ nginx 1 → 2"])
    let stale = task.decide(given: (found, ["1", "7"], [AptListsState(age: 7 * 24 * 3600)]))
    #expect(stale.changes.first?.contains("168 hours old") == true)
    #expect(stale.actions.first?.changedWhen == .outputLacks("0 upgraded, 0 newly installed, 0 to remove"))
    let none = task.decide(given: (found, ["1", "7"], [AptListsState()]))
    #expect(none.changes.first?.contains("missing") == true)
    let older = task.decide(given: (found, ["1", "7"], [AptListsState(age: 60, isOlderThanSources: true)]))
    #expect(older.changes.first?.contains("older than their sources") == true)
  }

  @Test func listsAreFetchedOnceARun() {
    let task = AptPackages("nginx", state: .latest, cacheValidFor: .zero)
    let before = task.decide(given: ([.installed("1")], ["1"], [AptListsState(age: 1)]))
    #expect(!before.isUnchanged)
    let after = AptListsState(age: 1, isFromThisRun: true)
    #expect(task.decide(given: ([.installed("1")], ["1"], [after])).isUnchanged)
    #expect(task.decide(given: ([.installed("1")], ["2"], [after])).changes == ["~ nginx 1 → 2"])
  }

  @Test func packagesOnHoldAreKeptAndSaidSo() throws {
    let held = PackageStatus(state: .installed, version: "1", isHeld: true)
    let lists = [AptListsState(age: 60)]
    func check(_ task: AptPackages, _ candidate: String, _ warning: String?) {
      let facts = ([held], [candidate as String?], lists)
      #expect(task.decide(given: facts).isUnchanged)
      #expect(
        task.warnings(given: facts).first.map { $0.contains(warning ?? "-") } == (warning == nil ? nil : true)
      )
    }
    check(AptPackages("tree", state: .latest), "2", "tree is on hold at 1, so 2 is not installed")
    check(AptPackages("tree", state: .latest), "1", nil)
    check(AptPackages("tree=2.0"), "2", "so 2.0 is not installed: `apt-mark unhold tree`")
    check(AptPackages("tree=1*"), "2", nil)
    check(AptPackages("tree"), "2", nil)
    check(AptPackages("tree", state: .absent), "2", "it is not removed")
    // Stale lists: what isn't on hold is given to apt.
    let both = AptPackages("tree", "curl", state: .latest)
      .decide(given: ([held, .installed("7")], ["2", "7"], [AptListsState()]))
    guard case .run(let command)? = both.actions.first?.effect else { throw InvalidTask("no command") }
    #expect(command.text.contains("-- 'curl'") && !command.text.contains("'tree'"))
    let absent = PackageStatus(state: .absent, isHeld: true)
    #expect(AptPackages("tree").decide(given: ([absent], [], [])).failure?.contains("on hold") == true)
  }

  @Test(
    arguments: [
      (["E: Unable to locate package ngnix"], "no source of this host has the package ngnix"),
      (
        ["E: Version '9' for 'nginx' was not found"],
        "Version '9' for 'nginx' was not found on this host's sources"
      ),
      (
        [
          "Err:1 http://deb.debian.org/debian bookworm InRelease",
          "  Temporary failure resolving 'deb.debian.org'", "E: Some index files failed to download.",
        ],
        "this host can't reach a package source: Temporary failure resolving 'deb.debian.org'"
      ),
      (
        [
          "E: Release file for http://d.o/x/InRelease is not valid yet (invalid for another 9d).",
          "E: Unable to locate package nginx",
        ],
        "Besides, Release file for http://d.o/x/InRelease is not valid yet (invalid for another 9d). Is the host's clock"
      ),
      (
        ["E: The repository 'http://d.o x Release' is not signed.", "E: Unable to locate package nginx"],
        "Besides, a source can't be read: The repository 'http://d.o x Release' is not signed."
      ),
      (
        ["W: Failed to fetch http://d.o/x/InRelease  503", "W: Some index files failed to download."],
        "a source can't be read: Failed to fetch http://d.o/x/InRelease  503"
      ),
      (["E: You don't have enough free space in /var/cache/apt/archives/."], "the disk is full"),
      (
        [
          "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)",
          "E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), are you root?",
        ],
        "become: true"
      ),
      (
        [
          "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (apt-get)",
          "apt-get install nginx (process 7, since 14:02 UTC)",
        ],
        "waited for, 30 minutes long: apt-get install nginx (process 7, since 14:02 UTC)"
      ),
      (
        [
          "The following packages have unmet dependencies:",
          " libpq-dev : Depends: libpq5 (= 15.1) but 16.1 is to be installed",
          "E: Unable to correct problems",
        ],
        "apt can't find versions that go together: libpq-dev : Depends: libpq5"
      ),
      (
        [
          "dpkg: error processing package nginx (--configure):",
          " installed nginx package post-installation script",
          "E: Sub-process /usr/bin/dpkg returned an error code (1)",
        ],
        "dpkg could not install or configure nginx: installed nginx package post-installation script"
      ),
      (["E: Repository 'x' changed its 'Label' value from 'a' to 'b'"], "--allow-releaseinfo-change"),
      (["all went well"], "-"),
    ] as [([String], String)])
  func failuresAreSaidInALine(output: [String], expected: String) {
    let text = AptFailure.explain(output, waitedFor: 1800) ?? "-"
    #expect(text.contains(expected), "\(text)")
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
    let script = AptScript()
    for command in [
      script.install(["x"], recommends: false, listsValidFor: .seconds(60)), script.remove(["x"]),
      script.install(["x"], recommends: true, listsValidFor: nil),
      script.installNewest(["x"], recommends: true),
    ] {
      let result = try await shell.run(
        "sh() { :; }; \(raw: shell == .dash ? "dash" : shell == .bash ? "bash" : "busybox sh") -n -c \(word: command)"
      )
      #expect(result.status == 0, "\(result.errors)")
    }
  }

  /// apt-get succeeds also if it could reach none of the sources; then nobody knows what is newest. Installing what the
  /// lists at hand have is another matter.
  @Test(arguments: LocalShell.allCases)
  func whatIsNewestIsNotKnownIfASourceCanNotBeRead(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "bin/apt-get",
      "#!/bin/sh\nfor a; do case $a in update) echo 'W: Some index files failed to download. They have been ignored';; "
        + "install) echo installed >>\"$MARTLET_TMP/did\";; esac; done\n")
    _ = try await shell.run("chmod 755 \(folder.remote("bin/apt-get"))")
    func run(_ command: ShellCommand) async throws -> (Int, String) {
      let result = try await shell.run(
        """
        PATH=\(folder.remote("bin")):$PATH; MARTLET_TMP=\(folder.path); export MARTLET_TMP; rm -f "$MARTLET_TMP/did"
        ( \(splice: command) ) >/dev/null; _r=$?; cat "$MARTLET_TMP/did" 2>/dev/null; exit $_r
        """)
      return (result.status, result.text)
    }
    let script = AptScript()
    #expect(try await run(script.installNewest(["x"], recommends: true)) == (100, ""))
    #expect(
      try await run(script.install(["x"], recommends: true, listsValidFor: .zero)) == (0, "installed\n"))
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
