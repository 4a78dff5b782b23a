import Foundation
import Martlet
import MartletCore
import MartletEngine
import MartletTesting
import TestSupport
import Testing

/// A secret that isn't there stops the run before anything is sent, whichever argument of whichever task it went to.
@Suite struct MissingSecretTests {
  static let variable = "MARTLET_TEST_NO_SUCH_SECRET"
  /// A small one that is there.
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Snapshots").path

  /// A way into a task: the secret itself, or, where the argument is a text, what it reveals.
  struct Way: Sendable, CustomTestStringConvertible {
    let task: String
    let argument: String
    let steps: @Sendable (Secret) -> Steps
    var testDescription: String { "\(task), \(argument)" }

    init(_ task: String, _ argument: String, @StepsBuilder _ steps: @escaping @Sendable (Secret) -> Steps) {
      (self.task, self.argument, self.steps) = (task, argument, steps)
    }
  }

  static let project = DjangoProject("/srv/x", virtualenv: "/srv/x/venv")

  static let ways: [Way] = [
    Way("Absent", "path") { Absent(RemotePath("/x\($0.reveal())")) },
    Way("AptPackages", "packages") { AptPackages("x\($0.reveal())") },
    Way("Certificate", "email") { Certificate("a.example", email: $0.reveal()) },
    Way("CollectStatic", "project") {
      CollectStatic(DjangoProject("/srv/x\($0.reveal())", virtualenv: "/srv/x/venv"))
    },
    Way("Command", "command") { Command("echo \($0.reveal())") },
    Way("Command", "a word of the command") { Command("sh -c \(word: "echo \($0.reveal())")") },
    Way("Command", "input") { Command("cat", input: "token=\($0)") },
    Way("Command", "input, joined") { Command("cat", input: Contents("a") + "\($0)") },
    Way("Command", "environment") { Command("true", environment: ["TOKEN": $0.reveal()]) },
    Way("Command", "unless") { Command("true", unless: "test \($0.reveal()) = x") },
    Way("Directory", "owner") { Directory("/x", owner: "x\($0.reveal())") },
    Way("DjangoApp", "secrets") { DjangoApp("x", from: folder, wsgi: "x.wsgi", secrets: ["A": $0]) },
    Way("DjangoApp", "environment") {
      DjangoApp("x", from: folder, wsgi: "x.wsgi", environment: ["A": $0.reveal()])
    },
    Way("DjangoCheck", "project") {
      DjangoCheck(DjangoProject("/srv/x\($0.reveal())", virtualenv: "/srv/x/venv"))
    },
    Way("DjangoDataCheck", "project") {
      DjangoDataCheck(DjangoProject("/srv/x\($0.reveal())", virtualenv: "/srv/x/venv"))
    },
    Way("DjangoSettingsCheck", "domains") {
      DjangoSettingsCheck(
        project, domains: ["x\($0.reveal())"], isHTTPS: false, staticFolder: "/srv/x/static",
        mediaFolder: "/srv/x/media")
    },
    Way("EnvironmentFile", "secrets") { EnvironmentFile("/x", secrets: ["A": $0]) },
    Way("EnvironmentFile", "variables") { EnvironmentFile("/x", ["A": $0.reveal()]) },
    Way("File", "content") { File("/x", content: "token=\($0)\n") },
    Way("File", "content, in contents") { secret in
      let inner: Contents = "token=\(secret)\n"
      File("/x", content: "\(inner)")
    },
    Way("File", "content, revealed") { File("/x", content: "token=\($0.reveal())\n") },
    Way("File", "source") { File("/x", source: "/etc/passwd\($0.reveal())") },
    Way("File", "validate") { File("/x", content: "x", validate: "grep \($0.reveal())") },
    Way("Group", "name") { MartletTasks.Group("x\($0.reveal())") },
    Way("HTTPCheck", "body") { HTTPCheck("http://localhost/", body: "x\($0.reveal())") },
    Way("HTTPSSite", "extra") {
      HTTPSSite("x", domains: ["a.example"], email: nil, extra: "add_header X y\($0.reveal());")
    },
    Way("InstallPython", "none: a handler") { secret in
      InstallPython().notify(Handler("tell", [.write("\(secret)", to: "/x", mode: 0o600)]))
    },
    Way("LineInFile", "line") { LineInFile("/x", "password \($0)") },
    Way("LineInFile", "removing") { LineInFile("/x", removing: "x\($0.reveal())") },
    Way("Migrate", "database") { Migrate(project, database: "x\($0.reveal())") },
    Way("NginxNameCheck", "domains") {
      NginxNameCheck("x", domains: ["x\($0.reveal())"], ports: [80])
    },
    Way("NginxSite", "content") { NginxSite("x", content: "# \($0)\n") },
    Way("NginxSite", "extra") { NginxSite("x", extra: "add_header X y\($0.reveal());") },
    Way("PipInstall", "index") { PipInstall("x", into: "/srv/venv", indexURL: $0) },
    Way("Service", "name") { Service("x\($0.reveal())") },
    Way("SiteCheck", "path") {
      SiteCheck(domains: [], path: "/x\($0.reveal())", python: "/usr/bin/python3")
    },
    Way("SupervisorProgram", "environment") {
      SupervisorProgram("x", command: "/bin/x", environment: ["A": $0.reveal()])
    },
    Way("SupervisorProgram", "command") { SupervisorProgram("x", command: "/bin/x \($0.reveal())") },
    Way("Symlink", "target") { Symlink("/x", to: "/y\($0.reveal())") },
    Way("Template", "vars") { Template("/x", text: "{{ a }}", vars: ["a": $0]) },
    Way("Template", "vars, optional") { Template("/x", text: "{{ a }}", vars: ["a": Optional($0)]) },
    Way("Template", "vars, deep") { Template("/x", text: "{{ a.0.b }}", vars: ["a": [["b": $0]]]) },
    Way("Template", "vars, not shown") { Template("/x", text: "x", vars: ["a": $0]) },
    Way("TreeUpload", "excludes") { TreeUpload(folder, to: "/x", excludes: ["x\($0.reveal())"]) },
    Way("User", "comment") { User("x", comment: $0.reveal()) },
    Way("Virtualenv", "python") { Virtualenv("/srv/venv", python: "python3\($0.reveal())") },
  ]

  /// Nothing of these tasks must come to this machine: whoever gets past the planning ends here.
  private struct Unreachable: Transport {
    func prepare(for hosts: [InventoryHost]) async throws -> [TransportNotice] { [] }

    func connect(to host: InventoryHost) async throws -> any TransportSession {
      throw TransportError("nothing is reached")
    }
  }

  private func run(
    _ plays: [Play], hosts: [InventoryHost] = [InventoryHost(name: "here")]
  ) async throws -> (code: Int32, events: RecordedEvents) {
    let events = RecordedEvents()
    let engine = Engine(transport: Unreachable(), options: RunOptions(), sink: events)
    let code = await engine.run(
      Plays(items: plays), named: "Test", inventory: Inventory(hosts: hosts, groups: [:]))
    return (code, events)
  }

  private func isRefused(_ events: RecordedEvents, _ text: String = Self.variable) -> Bool {
    events.problems.contains { $0.contains(text) } && events.failures.isEmpty
  }

  @Test(arguments: ways) func `It is refused before anything is sent`(way: Way) async throws {
    let (code, events) = try await run([
      Play("Test", on: "all") { way.steps(.environment(Self.variable)) }
    ])
    #expect(code == 64 && isRefused(events), "\(events.all)")
    // One that is there is not in the way of itself.
    let (_, other) = try await run([Play("Test", on: "all") { way.steps(Secret("martlet-test-value")) }])
    #expect(!other.problems.contains { $0.contains("secret is") }, "\(other.all)")
  }

  @Test func `Every task is among them`() throws {
    let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Sources/Tasks")
    var tasks: Set<String> = []
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    while let file = files?.nextObject() as? URL {
      guard file.pathExtension == "swift" else { continue }
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: /public struct (\w+): [^{]*(HostTask|CompositeTask)/) {
        tasks.insert(String(match.1))
      }
    }
    #expect(tasks.count > 20)
    #expect(
      tasks.subtracting(Self.ways.map(\.task)) == [], "say in `ways` where a secret can go in these tasks")
  }

  @Test func `An optional variable that refers to nothing is no empty text`() async throws {
    struct Vars: HostVars { var token: Secret? }
    var host = InventoryHost(name: "here")
    host.vars["token"] = InventoryVariable(.string("env:\(Self.variable)"), origin: "inventory.yaml:3")
    let play = Play("Test", on: "all", vars: Vars.self) { host in
      if let token = host.vars.token { File("/nowhere/x", content: "token=\(token)\n") }
    }
    let (code, events) = try await run([play], hosts: [host])
    #expect(code == 64 && isRefused(events))
  }

  @Test func `Passwords of connections are among them, where they are used`() async throws {
    var host = InventoryHost(name: "here")
    host.connection.password = .environment(Self.variable)
    let play = Play("Test", on: "all") { Command("true") }
    let login = try await run([play], hosts: [host])
    #expect(login.code == 64 && isRefused(login.events))
    host.connection.password = nil
    host.connection.user = "somebody"
    host.connection.becomePassword = .environment(Self.variable)
    let become = try await run([Play("Test", on: "all", become: true) { Command("true") }], hosts: [host])
    #expect(become.code == 64 && isRefused(become.events))
    let unused = try await run([play], hosts: [host])
    #expect(unused.code == 4, "\(unused.events.all)")
  }

  @Test func `Empty ones and files that hold none are missing too`() async throws {
    let bench = try Workbench()
    try bench.write("empty", "\n")
    for (secret, text) in [
      (Secret(""), "is empty"), (.file(bench.folder + "/empty"), "is empty"),
      (.file(bench.folder + "/none"), "can't be read"),
    ] {
      let (code, events) = try await run([
        Play("Test", on: "all") { File("/nowhere/x", content: "a=\(secret)") }
      ])
      #expect(code == 64 && isRefused(events, text))
    }
  }
}
