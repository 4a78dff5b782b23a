import MartletCore
import MartletFacts
@testable import MartletTasks
import TestSupport
import Testing

@Suite struct PipInstallTests {
  static let venv: RemotePath = "/srv/shop/venv"
  static let installed = PythonPackages(["django": "5.1", "gunicorn": "23.0.0", "zope-interface": "7.2"])

  @Test func namesAndVersionsDecide() throws {
    let task = PipInstall("Django==5.1", "gunicorn>=20,<24", "zope.interface", into: Self.venv)
    #expect(try task.decide(given: (Self.installed, [])).isUnchanged)
    let newer = try PipInstall("django~=5.2", "redis", into: Self.venv).decide(given: (Self.installed, []))
    #expect(newer.changes == ["~ django 5.1 → django~=5.2", "+ redis"])
    #expect(newer.actions.first?.touches == [.tree(Self.venv)])
    #expect(try task.decide(given: (nil, [])).failure?.contains("no virtual environment") == true)
  }

  @Test func aStampStandsInForWhatNamesDoNotTell() throws {
    let task = PipInstall("uvicorn[standard]==1.0", into: Self.venv)
    var found = PythonPackages(["uvicorn": "1.0"])
    let first = try task.decide(given: (found, []))
    guard case .run(let command)? = first.actions.first?.effect else { throw InvalidTask("no command") }
    let line = try #require(command.text.split(separator: "\n").last)
    let digest = try #require(line.split(separator: "'").first { $0.count == 64 })
    let file = try #require(line.split(separator: "/").last)
    found.stamps[String(file)] = String(digest)
    #expect(try task.decide(given: (found, [])).isUnchanged)
    found.stamps[String(file)] = "another"
    #expect(try task.decide(given: (found, [])).changes == ["~ requirements have changed"])
  }

  @Test func requirementsFilesAreReadAsPipReadsThem() throws {
    let text = """
      # the web
      Django==5.1 \\
          --hash=sha256:0123 \\
          --hash=sha256:4567
      gunicorn >= 20  # server
      -r base.txt
      --constraint=limits.txt
      --extra-index-url https://x.test
      tzdata ; sys_platform == "win32"
      """
    let read = try PipRequirements(text: text, name: "requirements.txt")
    #expect(read.requirements.map(\.name) == ["django", "gunicorn", nil, "tzdata"])
    #expect(read.requirements.map(\.isDecidable) == [true, true, true, false])
    #expect(read.includes == ["base.txt"] && read.constraints == ["limits.txt"])
    let error = #expect(throws: InvalidTask.self) {
      try PipRequirements(text: "django\nflask=3\n", name: "r.txt")
    }
    #expect(error?.description.hasPrefix("r.txt, line 2") == true)
    #expect(error?.description.contains("write == for one version") == true)
  }

  @Test func aRequirementsFileOnTheHost() throws {
    let task = PipInstall(requirements: "/srv/shop/app/requirements.txt", into: Self.venv)
    #expect(try task.decide(given: (Self.installed, [[]])).failure?.contains("no requirements file") == true)
    let file = PipRequirementsFile.IncludedFile(path: "/srv/shop/app/requirements.txt", text: "django==5.1\n")
    #expect(try task.decide(given: (Self.installed, [[file]])).isUnchanged)
    let absent = PipRequirementsFile.IncludedFile(path: "/srv/shop/app/base.txt", text: nil)
    #expect(try task.decide(given: (Self.installed, [[file, absent]])).failure?.contains("base.txt") == true)
  }

  @Test func secretsStayOutOfArguments() throws {
    let task = PipInstall("redis", into: Self.venv, indexURL: Secret("https://me:hush@pypi.test/simple"))
    let action = try #require(try task.decide(given: (Self.installed, [])).actions.first)
    guard case .run(let command) = action.effect else { throw InvalidTask("no command") }
    #expect(!command.text.contains("hush") && !action.summary.contains("hush"))
    let input = action.input.map { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(input == "https://me:hush@pypi.test/simple\n")
    #expect(action.input?.secrets.count == 1)
  }

  @Test func wrongArgumentsAreRefused() {
    for package in ["", "--index-url=x", "django=5", "-e .", "a\nb", "ngi nx"] {
      #expect(throws: InvalidTask.self, "\(package)") { try PipInstall(package, into: Self.venv).validate() }
    }
    #expect(throws: InvalidTask.self) { try PipInstall([], into: Self.venv).validate() }
    #expect(throws: InvalidTask.self) {
      try PipInstall(localRequirements: "/nowhere/requirements.txt", into: Self.venv).validate()
    }
    #expect(throws: Never.self) { try PipInstall("uvicorn[standard]>=1,<2", into: Self.venv).validate() }
  }
}
