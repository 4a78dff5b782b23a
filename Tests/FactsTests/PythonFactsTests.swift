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
      lib/python3.11/site-packages/zope.interface-7.2.dist-info lib/python3.9/site-packages/old-1.dist-info \
      bin && ln -s /bin/sh bin/python
      """)
    let site = "lib/python3.11/site-packages/"
    try folder.write(".martlet-pip-0123", "abc\nDjango-5.1.dist-info v:b=2 \n")
    try folder.write(".martlet-pip-0123.unfinished", "")
    // What setuptools leaves: a file, a folder, a folder without the version in its name, a link to a project.
    try folder.write(site + "docopt-0.6.2-py3.11.egg-info", "Name: docopt\nVersion: 0.6.2\n")
    try folder.write(
      site + "old_one.egg-info/PKG-INFO", "Metadata-Version: 1.0\nName: old.one\nVersion: 3.1\n\nName: no\n")
    try folder.write(site + "eggs-1.0-py3.11.egg/EGG-INFO/PKG-INFO", "Name: eggs\n")
    try folder.write(site + "dev-pkg.egg-link", folder.path + "/src\n.")
    try folder.write("src/dev_pkg.egg-info/PKG-INFO", "Name: dev-pkg\nVersion: 0.3\n")
    let facts = [PipPackages(in: RemotePath(folder.path)), PipPackages(in: "/nowhere/venv")]
    let values = try await shell.ask(facts)
    #expect(
      values[facts[0]]
        == PythonPackages(
          [
            "django-rest-framework": "3.15.2", "zope-interface": "7.2", "docopt": "0.6.2", "old-one": "3.1",
            "eggs": "1.0", "dev-pkg": "0.3",
          ],
          stamps: [
            ".martlet-pip-0123": PipStamp(sum: "abc", versions: ["django": "5.1", "b": "2"]),
            ".martlet-pip-0123.unfinished": PipStamp(sum: ""),
          ]))
    #expect(values[facts[1]] == .some(nil))
  }

  /// Packages are no use where no Python finds them.
  @Test(arguments: LocalShell.allCases) func environmentsWhosePythonWentAway(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    for name in ["gone", "other", "same"] {
      try folder.write("\(name)/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n")
      try folder.write("\(name)/lib/python3.11/site-packages/x-1.dist-info/METADATA", "")
    }
    _ = try await shell.run(
      """
      cd \(folder.path) && mkdir gone/bin other/bin same/bin && cp /bin/true python3.12 && cp /bin/true python3.11
      ln -s ../../python3.9 gone/bin/python; ln -s ../../python3.12 other/bin/python
      ln -s ../../python3.11 same/bin/python
      """)
    let facts = ["gone", "other", "same"].map { PipPackages(in: folder.remote($0)) }
    let values = try await shell.ask(facts)
    let defects = [
      "its interpreter is gone", "it was made with Python 3.11, and its interpreter is now python3.12", nil,
    ]
    for (fact, defect) in zip(facts, defects) {
      #expect(values[fact] == PythonPackages(["x": "1"], defect: defect))
    }
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
    let files = try #require(try await shell.ask([fact])[fact]).files
    #expect(files[folder.path + "/r.txt"] == "django\n\n-r base.txt\n-c ../none.txt")
    #expect(files[folder.path + "/base.txt"] == "-r r.txt\ngunicorn # = 1\n")
    #expect(files[folder.path + "/../none.txt"] == .some(nil))
    // Files that include each other come to an end.
    #expect(files.count == 3)
  }

  @Test(arguments: LocalShell.allCases) func requirementsFilesInEveryForm(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("base req.txt", "x\n")
    try folder.write("sub/cont.txt", "-r two.txt\n")
    try folder.write("sub/two.txt", "y")
    try folder.write("wheels/x-1.0-py3-none-any.whl", "w")
    try folder.write("pkg/setup.py", "1")
    try folder.write("pkg/src/x.py", "1")
    try folder.write("self.txt", String(repeating: "-r self.txt\n", count: 30))
    try folder.write(
      "r.txt",
      """
      \u{feff}-r "base req.txt"\r
      --requirement=sub/cont.txt\r
      -e ./pkg # mine\r
      ./wheels/x-1.0-py3-none-any.whl ; python_version > "3"\r
      foo @ file://\(folder.path)/pkg\r
      -r https://example.org/x.txt\r
      -r self.txt\r

      """)
    let fact = PipRequirementsFile(folder.remote("r.txt"))
    let read = try #require(try await shell.ask([fact])[fact])
    #expect(
      read.files.keys.sorted()
        == ["base req.txt", "r.txt", "self.txt", "sub/cont.txt", "sub/two.txt"].map { folder.path + "/" + $0 }
    )
    #expect(read.files[folder.path + "/r.txt"]??.hasPrefix("-r \"base") == true)
    #expect(
      read.sums.keys.sorted()
        == [
          "e \(folder.path)/./pkg", "p \(folder.path)/./wheels/x-1.0-py3-none-any.whl",
          "p \(folder.path)/pkg",
        ])
    #expect(read.sums.values.allSatisfy { $0.count == 64 })
    // Of an editable project its code doesn't count, of another it does; what pip leaves there counts for none.
    try folder.write("pkg/src/x.py", "2")
    try folder.write("pkg/build/lib/x.py", "2")
    try folder.write("pkg/pkg.egg-info/PKG-INFO", "2")
    let after = try #require(try await shell.ask([fact])[fact])
    #expect(after.sums["e \(folder.path)/./pkg"] == read.sums["e \(folder.path)/./pkg"])
    #expect(after.sums["p \(folder.path)/pkg"] != read.sums["p \(folder.path)/pkg"])
    let local = PipLocalProject(folder.remote("pkg"))
    #expect(try await shell.ask([local])[local] == after.sums["p \(folder.path)/pkg"])
  }

  @Test func requirementsFilesAreDecodedByTheirMark() {
    #expect(PipRequirementsText.decode([0xff, 0xfe, 0x61, 0, 0xe9, 0]) == "aé")
    #expect(PipRequirementsText.decode([0xfe, 0xff, 0, 0x61]) == "a")
    #expect(PipRequirementsText.decode([0xef, 0xbb, 0xbf, 0x61]) == "a")
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
