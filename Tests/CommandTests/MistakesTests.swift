import TestSupport
import Testing

/// What people write in a playbook's body, and what the compiler tells them: one compilation for all.
@Suite struct MistakesTests {
  private struct Mistake {
    var code: String
    var message: String

    init(_ code: String, _ message: String) {
      self.code = code
      self.message = message
    }
  }

  private static let steps = [
    Mistake("File(\"/etc/a\", content: host.vars.domain)", #"write "\(text)" for a String"#),
    Mistake("File(host.vars.domain, content: \"x\")", "let path: RemotePath"),
    Mistake("File(host.vars.root, content: host.vars.domain)", #"write "\(text)" for a String"#),
    Mistake("File(\"/etc/a\", content: \"x\", mode: \"0644\")", "write the mode as a number in octal: 0o644"),
    Mistake("Directory(host.vars.domain)", "a path is a RemotePath"),
    Mistake("Directory(\"/srv\", mode: \"0755\")", "write the mode as a number in octal"),
    Mistake("Absent(host.vars.domain)", "a path is a RemotePath"),
    Mistake("Command(host.vars.domain)", "a command is a ShellCommand"),
    Mistake("Command(\"echo \" + host.vars.domain)", "a command is a ShellCommand"),
    Mistake("Command(\"true\", become: \"postgres\")", "write .become(\"postgres\") after the task"),
    Mistake("Command(\"true\").notify(Handler(\"x\", run: host.vars.domain))", "a command is a ShellCommand"),
    Mistake("Command(\"true\").notify(\"reload nginx\")", "let reload = Handler("),
    Mistake("Command(\"true\").when(host.vars.workers > 3)", "asked by Swift's own if around the task"),
    Mistake("AptPackages(\"a\", state: \"latest\")", ".present, .latest or .absent"),
    Mistake("Service(\"nginx\", running: true)", "the labels are isRunning: and isEnabled:"),
    Mistake("Service(\"nginx\", state: \"restarted\")", ".notify(Service.restart(\"nginx\"))"),
    Mistake("User(\"a\", groups: \"sudo\")", "groups is a list: write [\"sudo\"]"),
    Mistake("LineInFile(\"/f\", \"x\", regexp: \"y\")", "the regular expression is replacing:"),
    Mistake("if placed.changed { Command(\"true\") }", "write .when(config.changed)"),
    Mistake("Command(\"true\").when(task.changed)", "ask what was placed"),
  ]

  private static let declarations = [
    Mistake("struct Needs: HostVars { var title: String }", "give each property a default"),
    Mistake(
      "func set(_ host: HostScope<Vars>) { host.vars.workers = 4 }", "variables are set in the inventory"),
  ]

  @Test func everyMistakeIsToldWhatToWrite() async throws {
    var lines = [
      "import Martlet",
      "struct Vars: HostVars { var domain = \"\"; var workers = 1; var root: RemotePath = \"/srv\" }",
      "let placed = Command(\"true\").named(\"x\")", "let task = Command(\"true\")",
      "@main struct Mistakes: Playbook { var plays: Plays { Play(\"x\", on: \"all\", vars: Vars.self) { Command(\"true\") } } }",
    ]
    var wanted: [(line: Int, mistake: Mistake)] = []
    for (index, mistake) in Self.steps.enumerated() {
      lines.append("@StepsBuilder func body\(index)(_ host: HostScope<Vars>) -> Steps { \(mistake.code) }")
      wanted.append((lines.count, mistake))
    }
    for mistake in Self.declarations {
      lines.append(mistake.code)
      wanted.append((lines.count, mistake))
    }
    let bench = try Workbench()
    try bench.write("mistakes.swift", lines.joined(separator: "\n") + "\n")
    let outcome = try await bench.martlet(["apply", "mistakes.swift", "-i", "a,"])
    #expect(outcome.code == 64)
    let errors = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("mistakes.swift:") }
    for (line, mistake) in wanted {
      let told = errors.filter { $0.hasPrefix("mistakes.swift:\(line):") && $0.contains(": error: ") }
      #expect(
        told.contains { $0.contains(mistake.message) }, "\(mistake.code): \(told.joined(separator: "\n"))")
    }
    // A body that doesn't name its host, as above, is fine.
    #expect(!errors.contains { $0.hasPrefix("mistakes.swift:5:") })
  }

  @Test(arguments: [
    (["aply", "site.swift"], #"error: there is no command "aply"; did you mean "apply"?"#),
    (["site.swift"], "error: site.swift is no command; to run the playbook: martlet apply site.swift"),
    (["frobnicate"], #"error: there is no command "frobnicate": see martlet --help"#),
  ])
  func whatIsNoCommandIsSaid(arguments: [String], message: String) async throws {
    let outcome = try await Workbench().martlet(arguments)
    #expect(outcome.code == 64 && outcome.errors == message + "\n")
  }

  @Test func localFilesAreLookedForBesideThePlaybook() async throws {
    let bench = try Workbench()
    _ = try await bench.run("/bin/mkdir", ["-p", "books/files"])
    try bench.write("books/files/motd", "hello\n")
    try bench.write(
      "books/here.swift",
      """
      import Martlet
      @main struct Here: Playbook {
        var plays: Plays {
          Play("Here", on: "@local") { File("\(bench.folder)/target", source: "files/motd") }
        }
      }
      """)
    // No inventory is needed for this machine.
    let outcome = try await bench.martlet(["apply", "books/here.swift"])
    #expect(outcome.code == 0, "\(outcome)")
    #expect(try await bench.run("/bin/cat", ["target"]).output == "hello\n")
  }
}
