import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

/// What is refused before anything is sent.
@Suite struct SelectionTests {
  struct Vars: HostVars {
    var domain = ""
    var workers = 3
    var secret: Secret?
  }

  private func inventory(_ vars: [String: InventoryValue] = [:]) -> Inventory {
    Inventory(
      hosts: [
        InventoryHost(
          name: "web1", groups: ["web"],
          vars: vars.mapValues { InventoryVariable($0, origin: "inventory.yaml:7") }),
        InventoryHost(name: "db1", groups: ["db"]),
      ], groups: ["web": ["web1"], "db": ["db1"]], source: "inventory.yaml")
  }

  private func problems(
    _ vars: [String: InventoryValue] = [:], options: RunOptions = RunOptions(), _ plays: Play...
  ) -> [String] {
    switch Selection.make(plays, inventory: inventory(vars), options: options) {
    case .success: []
    case .failure(let problems): problems.list
    }
  }

  @Test func anUnknownGroupNamesItselfAndWhatIsNear() throws {
    let found = problems([:], Play("Web", on: "wbe") {})
    #expect(found.count == 1)
    #expect(
      try #require(found.first).contains(
        #""wbe" is neither a host nor a group of inventory.yaml; did you mean "web"?"#))
    #expect(found.first?.hasPrefix("EngineTests/SelectionTests.swift:") == true)
  }

  @Test func anEmptyPatternIsRefused() {
    #expect(problems([:], Play("Web", on: " ") {}).first?.contains("the host pattern is empty") == true)
  }

  @Test func aLimitThatLeavesNoHostIsRefused() {
    var options = RunOptions()
    options.limit = HostPattern("db")
    #expect(
      problems([:], options: options, Play("Web", on: "web") {}) == [
        #"the plays ("web") match no host of inventory.yaml within --limit db"#
      ])
  }

  @Test func aVariableOfAnotherTypeNamesPlaceHostKeyAndKind() {
    let found = problems(["workers": .string("many")], Play("Web", on: "web", vars: Vars.self) { _ in })
    #expect(
      found == [
        "inventory.yaml:7: host web1, variable workers: expected a whole number, found the text \"many\""
      ])
  }

  @Test func aMisspeltVariableIsRefused() {
    let found = problems(["domian": .string("example.org")], Play("Web", on: "web", vars: Vars.self) { _ in })
    #expect(
      found == [
        "inventory.yaml:7: no play of this playbook knows the variable \"domian\"; did you mean \"domain\"? (if it is another playbook's, set domain as well)"
      ])
  }

  @Test(
    arguments: [
      ["color": .string("red"), "app_version": .int(3)], ["domian": .string("x"), "domain": .string("x")],
      ["workers2": .int(1)],
    ] as [[String: InventoryValue]])
  func whatNoPlayDeclaresIsNobodysBusiness(vars: [String: InventoryValue]) {
    #expect(problems(vars, Play("Web", on: "web", vars: Vars.self) { _ in }) == [])
  }

  @Test func aVariableThatIsAConnectionSettingTooIsRefused() throws {
    struct Ports: HostVars { var port = 8100 }
    var host = InventoryHost(name: "web1")
    host.bareSettings = ["port": "hosts.yaml:4", "user": "hosts.yaml:5"]
    let inventory = Inventory(hosts: [host])
    let play = Play("Web", on: "all", vars: Ports.self) { _ in }
    guard case .failure(let found) = Selection.make([play], inventory: inventory, options: RunOptions())
    else {
      Issue.record("not refused")
      return
    }
    #expect(found.list.count == 1)
    let text = try #require(found.list.first)
    #expect(
      text.hasPrefix("hosts.yaml:4: port says how the host is reached, and the plays have a variable port"))
    #expect(text.contains("write martlet_port"))
  }

  @Test func aSettingThatCannotBeHonouredIsAnErrorOfAHostThatIsUsed() throws {
    var host = InventoryHost(name: "switch1", groups: ["net"])
    host.problems = ["hosts.yaml:4: ansible_become_method: expected sudo, su or doas"]
    let inventory = Inventory(
      hosts: [host, InventoryHost(name: "web1", groups: ["web"])],
      groups: ["net": ["switch1"], "web": ["web1"]])
    func problems(_ pattern: String) -> [String] {
      switch Selection.make([Play("P", on: pattern) {}], inventory: inventory, options: RunOptions()) {
      case .success: []
      case .failure(let problems): problems.list
      }
    }
    #expect(problems("web") == [])
    #expect(problems("all") == host.problems)
  }

  @Test func thisMachineNeedsNoInventory() throws {
    let play = Play("Here", on: "@local") {}
    let selection = try Selection.make([play], inventory: inventory(), options: RunOptions()).get()
    #expect(selection.hosts.map(\.host.name) == ["@local"])
    #expect(selection.hosts.first?.host.connection.transport == .local)
    // It is in no group, and no wildcard means it.
    let all = [play, Play("All", on: "all") {}, Play("Any", on: "*") {}, Play("Others", on: "!db") {}]
    let entries = try Selection.make(all, inventory: inventory(), options: RunOptions()).get().hosts
    #expect(entries.map(\.plays) == [[1, 2, 3], [1, 2], [0]])
  }

  @Test func aVariableOfAnotherPlayIsNotMisspelt() {
    struct Other: HostVars { var domian = "" }
    let found = problems(
      ["domian": .string("x")], Play("Web", on: "web", vars: Vars.self) { _ in },
      Play("Other", on: "db", vars: Other.self) { _ in })
    #expect(found == [])
  }

  @Test func usersWhoCanNotBeBecomeAreFoundInThePlan() {
    let line = #line + 2
    let found = problems(
      [:], Play("Web", on: "web", become: .user("app")) { Runs(command: "x").become("db") })
    #expect(found.count == 1)
    #expect(
      found.first?.hasPrefix("EngineTests/SelectionTests.swift:\(line): run, host web1: it runs as db")
        == true)
    #expect(
      problems([:], Play("Web", on: "web", become: .user("app")) { Runs(command: "x").become("app") }) == [])
    #expect(problems([:], Play("Web", on: "web", become: true) { Runs(command: "x").become("app") }) == [])
    let names = problems(
      [:], Play("Web", on: "web", become: .user("-a")) {},
      Play("Web", on: "web") { Runs(command: "x").become("b c") })
    #expect(names.count == 2 && names.allSatisfy { $0.contains("is not the name of a user") }, "\(names)")
  }

  @Test func wrongValuesInTasksAreFoundWithoutTheirHelp() {
    struct Wrong: HostTask {
      var path: RemotePath = "srv/shop"
      var mode: FileMode = 755
      var secret = Secret.environment("MARTLET_TEST_NO_SUCH_VARIABLE")
      var observes: Nothing { Nothing() }
      func decide(given facts: Void) -> Decision { .unchanged }
    }
    let line = #line + 1
    let found = problems([:], Play("Web", on: "web") { Wrong() })
    #expect(
      found
        == [
          "the environment variable MARTLET_TEST_NO_SUCH_VARIABLE, which holds a secret, is not set",
          "the mode 755 is a decimal number: write it in octal, as 0o755",
          "the remote path \"srv/shop\" is relative: write it from the root, as in \"/srv/srv/shop\"",
        ].map { "EngineTests/SelectionTests.swift:\(line): Wrong, host web1: \($0)" })
  }

  @Test func aConditionOnATaskThatIsNotPlacedIsRefused() {
    let never = Runs(command: "true").named("never")
    let found = problems([:], Play("Web", on: "web") { Runs(command: "true").when(never.changed) })
    #expect(found.first?.contains("its condition speaks of a task that is not in the play") == true)
  }

  @Test func twoHandlersOfOneNameMustBeAlike() {
    let found = problems(
      [:],
      Play("Web", on: "web") {
        Runs(command: "true").notify(Handler("restart", run: "one"))
        Runs(command: "false").notify(Handler("restart", run: "two"))
      })
    #expect(found.first?.contains("two different handlers of the play are called \"restart\"") == true)
  }

  @Test func `What is wrong for several hosts is said once`() {
    let found = problems([:], Play("All", on: "all") { HasFile(path: "relative", contents: "x") })
    #expect(found.count == 1)
    #expect(found.first?.contains(", hosts web1, db1: the remote path \"relative\" is relative") == true)
    let many = HostProblem(subject: "site:1: x", hosts: (1...7).map { "h\($0)" }, text: "no")
    #expect(many.description == "site:1: x, hosts h1, h2, h3, h4, h5 and 2 more: no")
  }

  @Test func `A tag that no task has is refused`() throws {
    var options = RunOptions()
    options.tags = ["deplyo", "db"]
    options.skipTags = ["slow"]
    let play = Play("Web", on: "web") {
      Runs(command: "true").tags("deploy")
      Runs(command: "false").tags("db")
    }
    #expect(
      problems(options: options, play) == [
        "--tags deplyo: no task of these hosts has this tag; did you mean \"deploy\"?",
        "--skip-tags slow: no task of these hosts has this tag",
      ])
    // Other hosts may have it; but a name that is nearly another is a mistake there too.
    options.limit = HostPattern("web")
    #expect(problems(options: options, play).count == 1)
    options.tags = ["db"]
    let selection = try Selection.make([play], inventory: inventory(), options: options).get()
    #expect(selection.warnings == ["--skip-tags slow: no task of these hosts has this tag"])
  }

  @Test func `Tags of a body that asks for the system are looked for on several`() throws {
    var options = RunOptions()
    options.tags = ["apt"]
    let play = Play("Web", on: "web") { host in
      if host.os.isDebian { Runs(command: "true").tags("apt") }
    }
    #expect(problems(options: options, play) == [])
    options.tags = ["atp"]
    #expect(problems(options: options, play).first?.contains("did you mean \"apt\"?") == true)
  }

  @Test func tagsChooseTasks() {
    var options = RunOptions()
    options.tags = ["deploy"]
    options.skipTags = ["slow"]
    #expect(options.wants(["deploy"]))
    #expect(!options.wants([]))
    #expect(!options.wants(["deploy", "slow"]))
  }
}
