import MartletCore
import MartletFacts
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct PipInstallTests {
  static let venv: RemotePath = "/srv/shop/venv"
  static let file = "/srv/shop/app/requirements.txt"
  static let installed = PythonPackages(["django": "5.1", "gunicorn": "23.0.0", "zope-interface": "7.2"])

  private static func decide(
    _ text: String, _ found: PythonPackages, _ more: [String: String?] = [:],
    sums: [String: String] = [:]
  ) throws -> Decision {
    var files = PipRequirementsText([file: text], sums: sums)
    files.files.merge(more) { $1 }
    return try PipInstall(requirements: RemotePath(file), into: venv).decide(given: (found, [files], []))
  }

  /// What the environment is like after the decision's action, if pip left these packages.
  private static func after(_ decision: Decision, _ versions: [String: String]) throws -> PythonPackages {
    guard case .run(let command)? = decision.actions.first?.effect else { throw InvalidTask("no command") }
    let digest = try #require(command.text.split(separator: "'").first { $0.count == 64 })
    let file = try #require(
      command.text.split(separator: "\n").first { $0.hasPrefix("rm -f -- ") }?.split(separator: "/").last)
    return PythonPackages(
      versions, stamps: [String(file): PipStamp(sum: String(digest), versions: versions)])
  }

  @Test func namesAndVersionsDecide() throws {
    let task = PipInstall("Django==5.1", "gunicorn>=20,<24", "zope.interface", into: Self.venv)
    #expect(try task.decide(given: (Self.installed, [], [])).isUnchanged)
    let newer = try PipInstall("django~=5.2", "redis", into: Self.venv).decide(
      given: (Self.installed, [], []))
    #expect(newer.changes == ["~ django 5.1 → django~=5.2", "+ redis"])
    #expect(newer.actions.first?.touches == [.tree(Self.venv)])
    #expect(try task.decide(given: (nil, [], [])).failure?.contains("no virtual environment") == true)
  }

  @Test func anEnvironmentThatCanNotRunIsNotCalledRight() throws {
    var found = Self.installed
    found.defect = "its interpreter is gone"
    let failure = try PipInstall("django", into: Self.venv).decide(given: (found, [], [])).failure
    #expect(
      failure?.hasPrefix("\(Self.venv) can't be used: its interpreter is gone. Place Virtualenv(") == true)
  }

  @Test func aStampStandsInForWhatNamesDoNotTell() throws {
    let task = PipInstall("uvicorn[standard]==1.0", into: Self.venv)
    let first = try task.decide(given: (PythonPackages(["uvicorn": "1.0"]), [], []))
    #expect(first.changes == ["~ requirements that names don't tell"])
    var found = try Self.after(first, ["uvicorn": "1.0", "uvloop": "0.2"])
    #expect(try task.decide(given: (found, [], [])).isUnchanged)
    found.versions["uvloop"] = nil
    #expect(try task.decide(given: (found, [], [])).changes == ["+ uvloop, which was removed since"])
    found = try Self.after(first, ["uvicorn": "1.0"])
    let other = PipInstall("uvicorn[all]==1.0", into: Self.venv)
    #expect(try other.decide(given: (found, [], [])).changes == ["~ requirements have changed"])
  }

  /// Row 21 and its kind: however it looks from here, what pip left is right until something changes.
  @Test func pipIsTheJudge() throws {
    let first = try Self.decide("odd-one==1.0\n", PythonPackages())
    #expect(first.changes == ["+ odd-one==1.0"])
    var found = try Self.after(first, ["other": "1"])
    #expect(try Self.decide("odd-one==1.0\n", found).isUnchanged)
    found.versions["odd-one"] = "0.9"
    #expect(try Self.decide("odd-one==1.0\n", found).changes == ["~ odd-one 0.9 → odd-one==1.0"])
  }

  @Test func anInterruptedInstallationIsMadeAnew() throws {
    let text = "django==5.1\n"
    var found = try Self.after(try Self.decide(text, PythonPackages()), ["django": "5.1"])
    #expect(try Self.decide(text, found).isUnchanged)
    let stamp = try #require(found.stamps.keys.first)
    found.stamps[stamp + ".unfinished"] = PipStamp(sum: "")
    let again = try Self.decide(text, found)
    #expect(again.changes.first?.contains("interrupted") == true)
    guard case .run(let command)? = again.actions.first?.effect else { throw InvalidTask("no command") }
    #expect(command.text.contains("--force-reinstall -r"))
  }

  /// Row 10: a satisfied file that gets a line which isn't.
  @Test(
    arguments: [
      ("--editable ./pkg", ["e /srv/shop/app/./pkg": "1"]), ("-e ./pkg", ["e /srv/shop/app/./pkg": "1"]),
      ("--editable=pkg", ["e /srv/shop/app/pkg": "1"]),
      ("wheels/x-1.0-py3-none-any.whl", ["p /srv/shop/app/wheels/x-1.0-py3-none-any.whl": "1"]),
      ("x @ file:///srv/x", ["p /srv/x": "1"]), ("git+https://example.org/x.git", [:]),
      ("tzdata ; sys_platform == \"linux\"", [:]), ("uvicorn[standard]", [:]),
    ] as [(String, [String: String])])
  func linesThatNamesDoNotTellAreGivenToPip(line: String, sums: [String: String]) throws {
    let text = "django==5.1\n\(line)\n"
    let first = try Self.decide(text, Self.installed, sums: sums)
    #expect(!first.isUnchanged)
    let found = try Self.after(first, ["django": "5.1", "x": "1"])
    #expect(try Self.decide(text, found, sums: sums).isUnchanged || line == "uvicorn[standard]")
    if !sums.isEmpty {
      // Another content is another requirement; a sum that nobody brought is none.
      let other = sums.mapValues { $0 + "2" }
      #expect(try Self.decide(text, found, sums: other).changes == ["~ requirements have changed"])
      #expect(try Self.decide(text, found).changes.first?.contains("can't be known from here") == true)
    }
  }

  @Test func whatCannotBeReadIsAskedEveryTimeAndAChangeOnlyIfItInstalls() throws {
    for line in ["-r https://example.org/r.txt", "-r ${BASE}/r.txt", "-r 'a' b", "--reqfile x"] {
      let decision = try Self.decide("django==5.1\n\(line)\n", Self.installed)
      let action = try #require(decision.actions.first, "\(line)")
      #expect(action.isOneShot && action.changedWhen == .outputContains("Successfully installed"), "\(line)")
    }
  }

  /// Row 22: nothing that pip takes is refused, and it is understood as pip understands it.
  @Test func requirementsFilesAreReadAsPipReadsThem() throws {
    let text = """
      # the web
      Django==5.1 \\
          --hash=sha256:0123 \\
          --hash=sha256:4567
      gunicorn >= 20  # server
      redis >= 5 \\
      # a comment ends what was continued
      -r "base req.txt"
      --constraint=limits.txt
      --extra-index-url https://x.test
      tzdata ; sys_platform == "win32"
      flask=3
      """
    for text in [text, text.replacing("\n", with: "\r\n"), text.replacing("\n", with: "\u{2028}")] {
      let read = PipRequirements(text: text)
      #expect(read.requirements.map(\.name) == ["django", "gunicorn", "redis", nil, "tzdata", "flask"])
      #expect(read.requirements.map(\.isDecidable) == [true, true, true, true, false, false])
      #expect(read.includes.map(\.path) == ["base req.txt", "limits.txt"])
      #expect(read.includes.map(\.isConstraint) == [false, true])
      #expect(read.problems.count == 1)
      #expect(read.problems.first?.text.contains("write == for one version") == true)
    }
  }

  @Test func aRequirementsFileOnTheHost() throws {
    let task = PipInstall(requirements: RemotePath(Self.file), into: Self.venv)
    let none = try task.decide(given: (Self.installed, [PipRequirementsText()], []))
    #expect(none.failure?.contains("no requirements file") == true)
    #expect(try Self.decide("django==5.1\n", Self.installed).isUnchanged)
    let absent = try Self.decide("-r base.txt\n", Self.installed, ["/srv/shop/app/base.txt": nil])
    #expect(absent.failure?.contains("base.txt") == true)
    // A constraint asks for nothing by itself.
    let limits = ["/srv/shop/app/c.txt": "redis==5\n" as String?]
    let limited = try Self.decide("django==5.1\n-c c.txt\n", Self.installed, limits)
    #expect(limited.changes == ["~ requirements that names don't tell"])
    let found = try Self.after(limited, ["django": "5.1"])
    #expect(try Self.decide("django==5.1\n-c c.txt\n", found, limits).isUnchanged)
  }

  @Test func secretsStayOutOfArguments() throws {
    let task = PipInstall("redis", into: Self.venv, indexURL: Secret("https://me:hush@pypi.test/simple"))
    let action = try #require(try task.decide(given: (Self.installed, [], [])).actions.first)
    guard case .run(let command) = action.effect else { throw InvalidTask("no command") }
    #expect(!command.text.contains("hush") && !action.summary.contains("hush"))
    let input = action.input.map { String(decoding: $0.bytes, as: UTF8.self) }
    #expect(input == "https://me:hush@pypi.test/simple\n")
    #expect(action.input?.secrets.count == 1)
  }

  @Test func wrongArgumentsAreRefused() {
    for package in ["", "--index-url=x", "django=5", "-e .", "a\nb", "ngi nx", "./pkg"] {
      #expect(throws: InvalidTask.self, "\(package)") { try PipInstall(package, into: Self.venv).validate() }
    }
    #expect(throws: InvalidTask.self) { try PipInstall([], into: Self.venv).validate() }
    #expect(throws: InvalidTask.self) {
      try PipInstall(localRequirements: "/nowhere/requirements.txt", into: Self.venv).validate()
    }
    #expect(throws: Never.self) {
      try PipInstall("uvicorn[standard]>=1,<2", "/srv/wheels/x-1.0-py3-none-any.whl", into: Self.venv)
        .validate()
    }
  }
}
