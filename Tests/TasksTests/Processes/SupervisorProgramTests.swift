import MartletCore
import MartletFacts
@testable import MartletTasks
import TestSupport
import Testing

@Suite struct SupervisorProgramTests {
  private let task = SupervisorProgram(
    "shop", command: "/srv/venv/bin/gunicorn shop.wsgi --access-logformat \("%(h)s")", user: "shop",
    environmentFile: "/srv/env")
  private let running = SupervisorAnswer.processes([SupervisedProcess(name: "shop", state: .running)])

  private func decide(
    _ answer: SupervisorAnswer, changed: [String]? = [], isWritten: Bool = true,
    _ other: SupervisorProgram? = nil
  ) -> Decision {
    let task = other ?? task
    return task.decide(
      given: (
        isWritten ? .file(owner: "root", group: "root") : .absent,
        isWritten ? FileDigest(of: task.configuration) : nil, .directory(), answer, changed
      ))
  }

  @Test func theConfiguration() {
    let text = String(decoding: task.configuration.bytes, as: UTF8.self)
    #expect(text.contains("[program:shop]\n"))
    #expect(text.contains("exec /srv/venv/bin/gunicorn shop.wsgi --access-logformat '\\''%%(h)s'\\'''\n"))
    #expect(text.contains("set -a; . /srv/env; set +a;"))
    #expect(text.contains("\nuser=shop\n"))
  }

  @Test func `No value can add a line, a comment or an expansion to the configuration`() {
    let hostile =
      "x ; y # z\n[program:evil]\ncommand=/bin/evil\n%(ENV_HOME)s \"'\"\u{301}'\u{301}%\u{301}\r\\"
    let task = SupervisorProgram(
      "shop", command: "/bin/x \(hostile)", directory: "/srv/a ;b",
      environment: ["A": hostile, "B": "100%,a"])
    let lines = String(decoding: task.configuration.bytes, as: UTF8.self).split(separator: "\n")
    #expect(lines.filter { $0.hasPrefix("[") } == ["[program:shop]"])
    #expect(lines.filter { $0.hasPrefix("command=") }.count == 1)
    #expect(lines.contains("environment=B=\"100%%,a\""))
    #expect(!lines.contains { $0.contains("directory=") })
    #expect(lines.dropFirst().allSatisfy { SupervisorText(String($0)).isPlain })
    #expect(throws: Never.self) { try task.validate() }
  }

  @Test func whatRunsIsLeftAlone() { #expect(decide(running).isUnchanged) }

  @Test func aChangeMeansOneRestart() {
    let code = decide(running, changed: ["/srv/app/views.py"])
    #expect(code.changes == ["~ restarted: /srv/app/views.py has changed"])
    #expect(code.actions.count == 1)
    let new = decide(.processes([]), isWritten: false)
    #expect(
      new.actions.map(\.summary) == [
        "write /etc/supervisor/conf.d/shop.conf", "supervisorctl start shop",
      ])
    let down = decide(.processes([SupervisedProcess(name: "shop", state: .fatal)]))
    #expect(down.changes == ["~ FATAL → RUNNING"])
    #expect(decide(.notInstalled).failure?.contains("AptPackages") == true)
  }

  @Test func `What can't start does not replace what runs: the check comes before anything else`() {
    let task = SupervisorProgram(
      "shop", command: "/srv/venv/bin/gunicorn shop.wsgi", directory: "/srv/app", user: "shop",
      environmentFile: "/srv/env", environment: ["HOME": "/srv"], check: "gunicorn --check-config shop.wsgi")
    let actions = decide(running, isWritten: false, task).actions
    #expect(
      actions.map(\.summary) == [
        "gunicorn --check-config shop.wsgi", "write /etc/supervisor/conf.d/shop.conf",
        "supervisorctl restart shop",
      ])
    #expect(actions.first?.user == "shop" && actions.first?.folder == "/srv/app")
    #expect(actions.first?.environment == ["HOME": "/srv"] && actions.first?.changedWhen == .never)
    #expect(decide(running, task).isUnchanged)
  }

  @Test func stopped() {
    let task = SupervisorProgram("shop", command: "/bin/true", isRunning: false)
    #expect(decide(.processes([SupervisedProcess(name: "shop", state: .stopped)]), task).isUnchanged)
    #expect(decide(running, task).changes == ["~ RUNNING → STOPPED"])
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try SupervisorProgram("a b", command: "x").validate() }
    #expect(throws: InvalidTask.self) { try SupervisorProgram("a", command: "").validate() }
    #expect(throws: InvalidTask.self) { try SupervisorProgram("all", command: "x").validate() }
    #expect(throws: InvalidTask.self) { try SupervisorProgram("-a", command: "x").validate() }
    #expect(throws: InvalidTask.self) { try SupervisorProgram("a", command: "x", user: "a\nb").validate() }
    #expect(throws: InvalidTask.self) {
      try SupervisorProgram("a", command: "x", log: "/var/a ;b").validate()
    }
    #expect(throws: InvalidTask.self) {
      try SupervisorProgram("a", command: "x", environment: ["A=\"\",B": "x"]).validate()
    }
    #expect(throws: InvalidTask.self) {
      try SupervisorProgram("a", command: "x", environment: ["A": "x\0y"]).validate()
    }
    #expect(throws: InvalidTask.self) {
      let long = String(repeating: "x", count: 130_000)
      try SupervisorProgram("a", command: "x", environment: ["A": long + "'"]).validate()
    }
    var options = SupervisorProgram.Options()
    options.stopSignal = "sigterm"
    #expect(throws: InvalidTask.self) {
      try SupervisorProgram("a", command: "x", options: options).validate()
    }
    #expect(throws: Never.self) { try task.validate() }
  }

  @Test func statusLines() throws {
    let output = ProbeOutput(
      """
      installed
      shop                             RUNNING   pid 12, uptime 0:01:02
      jobs:jobs_00                     STARTING
      jobs:jobs_01                     FATAL     Exited too quickly (process log may have details)

      """)
    let facts = [SupervisorStatus("shop"), SupervisorStatus("jobs"), SupervisorStatus("none")]
    let values = try SupervisorStatus.parse(output, for: facts)
    #expect(
      values[facts[0]]
        == .processes([.init(name: "shop", state: .running, detail: "pid 12, uptime 0:01:02")]))
    guard case .processes(let jobs)? = values[facts[1]] else { throw InvalidTask("no answer") }
    #expect(jobs.map(\.state) == [.starting, .fatal])
    #expect(values[facts[2]] == .processes([]))
    let down = ProbeOutput("installed\nunix:///var/run/supervisor.sock no such file\n")
    #expect(
      try SupervisorStatus.parse(down, for: facts)[facts[0]]
        == .notRunning("unix:///var/run/supervisor.sock no such file"))
    #expect(try SupervisorStatus.parse(ProbeOutput(""), for: facts)[facts[0]] == .notInstalled)
  }
}
