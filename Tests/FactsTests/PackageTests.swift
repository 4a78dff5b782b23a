import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct PackageTests {
  @Test func readsWhatDpkgSays() throws {
    let output = ProbeOutput(
      """
      |nginx|ii |amd64|1.22.1-9|
      |libc6|ii |amd64|2.36-9|
      |libc6|un |i386||
      |apache2|rc |amd64|2.4|
      |half|iU |amd64|1|
      |broken|iiR|amd64|1|
      |held|hi |amd64|1:2-3|
      |mail-transport-agent|un |||
      |waiting|iW |amd64|1|
      provides
      postfix|ii |mail-transport-agent, default-mta (= 1)
      exim4|rc |other-mta

      """)
    let names = [
      "nginx", "libc6", "libc6:i386", "apache2", "half", "broken", "held", "mail-transport-agent", "waiting",
      "default-mta", "other-mta", "unheard-of",
    ]
    let values = try Package.parse(output, for: names.map(Package.init))
    func value(_ name: String) -> PackageStatus? { values[Package(name)] }
    #expect(value("nginx") == .installed("1.22.1-9"))
    #expect(value("libc6") == .installed("2.36-9"))
    #expect(value("libc6:i386") == .absent)
    #expect(value("apache2")?.state == .configurationOnly)
    #expect(value("half")?.state == .unfinished)
    #expect(value("broken")?.state == .unfinished)
    #expect(value("held") == PackageStatus(state: .installed, version: "1:2-3", isHeld: true))
    #expect(value("mail-transport-agent") == PackageStatus(state: .provided, provider: "postfix"))
    #expect(value("waiting")?.state == .installed)
    #expect(value("default-mta")?.provider == "postfix")
    #expect(value("other-mta") == .absent)
    #expect(value("unheard-of") == .absent)
  }

  /// A name alone is of the host's own architecture, which dpkg's own line says.
  @Test func architecturesAreToldApart() throws {
    let output = ProbeOutput(
      """
      |dpkg|ii |amd64|1.21|
      |adduser|ii |all|3.134|
      |libssl3|un |amd64||
      |libssl3|ii |i386|3.0|

      """)
    let facts = ["adduser:amd64", "adduser", "libssl3", "libssl3:i386", "libssl3:any"].map(Package.init)
    let values = try Package.parse(output, for: facts)
    #expect(facts.map { values[$0]?.isInstalled } == [true, true, false, true, true])
  }

  @Test func aHostWithoutDpkgIsAnErrorThatSaysSo() {
    #expect(throws: FactError.self) { try Package.parse(ProbeOutput("unsupported\n"), for: [Package("x")]) }
  }

  @Test(arguments: LocalShell.allCases)
  func asksTheRealDpkg(shell: LocalShell) async throws {
    guard try await shell.run("command -v dpkg-query").status == 0 else { return }
    // Debian's awk is a virtual package, provided by mawk, gawk or BusyBox.
    let facts = ["dpkg", "awk", "martlet-no-such-package", "dpkg:any"].map(Package.init)
    let values = try await shell.ask(facts)
    #expect(values[facts[0]]?.state == .installed)
    #expect(values[facts[1]]?.state == .provided)
    #expect(values[facts[2]] == .absent)
  }

  @Test func readsCandidates() throws {
    let facts = ["nginx", "curl:amd64", "virtual", "unknown"].map(AptCandidate.init)
    let values = try AptCandidate.parse(
      ProbeOutput(
        """
        nginx:
          Installed: 1.22.1-9
          Candidate: 1.22.1-9+deb12u1
          Version table:
             1.22.1-9+deb12u1 500
        curl:
          Installed: (none)
          Candidate: 7.88
        virtual:
          Installed: (none)
          Candidate: (none)

        """), for: facts)
    #expect(facts.map { values[$0] } == ["1.22.1-9+deb12u1", "7.88", .some(nil), .some(nil)])
  }

  @Test(arguments: LocalShell.allCases)
  func saysHowOldTheListsAre(shell: LocalShell) async throws {
    #expect(try await shell.ask([AptLists()]).count == 1)
    func read(_ text: String) throws -> AptListsState? {
      try AptLists.parse(ProbeOutput(text), for: [AptLists()])[AptLists()]
    }
    #expect(try read("run 1\nage 300\n") == AptListsState(age: 300))
    #expect(
      try read("run 5\nage 5\nolder\n")
        == AptListsState(age: 5, isFromThisRun: true, isOlderThanSources: true))
    #expect(try read("run 1\nnone\n") == AptListsState())
    #expect(throws: FactError.self) { try AptLists.parse(ProbeOutput(""), for: [AptLists()]) }
  }
}
