import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct PythonFactsTests {
  @Test(arguments: LocalShell.allCases) func packagesAndStamps(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n")
    _ = try await shell.run(
      """
      cd \(folder.path) && mkdir -p lib/python3.11/site-packages/Django_REST.Framework-3.15.2.dist-info \
      lib/python3.11/site-packages/zope.interface-7.2.dist-info lib/python3.9/site-packages/old-1.dist-info
      """)
    try folder.write(".martlet-pip-0123", "abc\n")
    let facts = [PipPackages(in: RemotePath(folder.path)), PipPackages(in: "/nowhere/venv")]
    let values = try await shell.ask(facts)
    #expect(
      values[facts[0]]
        == PythonPackages(
          ["django-rest-framework": "3.15.2", "zope-interface": "7.2"], stamps: [".martlet-pip-0123": "abc"]))
    #expect(values[facts[1]] == .some(nil))
  }

  @Test(arguments: LocalShell.allCases) func environments(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    _ = try await shell.run(
      "cd \(folder.path) && mkdir -p v/bin v/lib/python3.11/site-packages && ln -s /bin/sh v/bin/python")
    try folder.write("v/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\nmade-with = /usr/bin/python3\n")
    let facts = [
      VirtualEnvironment(folder.remote("v"), python: "/bin/sh"),
      VirtualEnvironment(folder.remote("none"), python: "no-such-python"),
    ]
    let values = try await shell.ask(facts)
    let found = try #require(values[facts[0]])
    #expect(found.version == "3.11.2" && found.libraries == ["3.11"] && found.defect == nil)
    #expect(found.interpreter == found.wantedInterpreter && found.madeWith == "/usr/bin/python3")
    #expect(values[facts[1]]?.exists == false && values[facts[1]]?.wantedInterpreter == nil)
  }

  @Test(arguments: LocalShell.allCases) func requirementsFilesWithWhatTheyInclude(shell: LocalShell)
    async throws
  {
    let folder = try TemporaryFolder()
    try folder.write("r.txt", "django\n\n-r base.txt\n-c ../none.txt")
    try folder.write("base.txt", "-r r.txt\ngunicorn # = 1\n")
    let fact = PipRequirementsFile(folder.remote("r.txt"))
    let files = try #require(try await shell.ask([fact])[fact])
    #expect(files.first?.text == "django\n\n-r base.txt\n-c ../none.txt\n")
    #expect(files[1].path.hasSuffix("/base.txt") && files[1].text == "-r r.txt\ngunicorn # = 1\n")
    #expect(files.contains { $0.path.hasSuffix("/../none.txt") && $0.text == nil })
    // Files that include each other come to an end.
    #expect(files.count < 40)
  }

  @Test(arguments: LocalShell.allCases) func changesSinceAStart(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    _ = try await shell.run("cd \(folder.path) && mkdir -p app/__pycache__ && echo 1 >app/a.py && echo >env")
    func fact(_ stamp: String) -> ChangedSince {
      ChangedSince(
        stamp: folder.remote(stamp), or: folder.remote("no-mark"),
        watching: [
          .tree(folder.remote("app")), .file(folder.remote("env")), .virtualenv(folder.remote("venv")),
        ])
    }
    #expect(try await shell.ask([fact("stamp")])[fact("stamp")] == .some(nil))
    // busybox's find compares whole seconds.
    let pause = shell == .busybox ? "1.1" : "0.05"
    _ = try await shell.run("sleep 0.05; touch \(folder.remote("stamp")); sleep \(raw: pause)")
    #expect(try await shell.ask([fact("stamp")])[fact("stamp")] == [])
    // An old modification time is a change all the same; byte code is none.
    _ = try await shell.run("cd \(folder.path) && touch app/__pycache__/a.pyc && echo 2 >app/a.py")
    if shell != .busybox { _ = try await shell.run("touch -d 2001-01-01 \(folder.remote("app/a.py"))") }
    #expect(try await shell.ask([fact("stamp")])[fact("stamp")] == [folder.path + "/app/a.py"])
  }
}
