import Foundation
import MartletCore
import TestSupport
import Testing

@testable import MartletTasks

/// A git work tree for tests. Nothing of the machine's own configuration of git counts in it but what the test says.
private struct Repository {
  let folder: TemporaryFolder

  init() async throws {
    folder = try TemporaryFolder()
    try await git("init -q .")
    try folder.write(".git/own-excludes", "")
    try await git("config core.excludesFile \(folder.path)/.git/own-excludes")
  }

  @discardableResult
  func git(_ arguments: String) async throws -> String {
    let result = try await LocalShell.dash.run("cd \(folder.path) && git \(raw: arguments)")
    guard result.status == 0 else { throw InvalidTask("git \(arguments): \(result.errors)") }
    return result.text
  }

  func tree(_ below: String = "", excludes: [String] = [], includes: [String] = []) -> LocalTree {
    let path = below.isEmpty ? folder.path : folder.path + "/" + below
    return LocalTree(path, excludes: excludes, includes: includes, readsGitignore: true)
  }
}

extension LocalTree {
  fileprivate var files: [String] {
    entries.filter { $0.value.kind != .folder }.keys.sorted().map(\.description)
  }
}

@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/git"), "git is not here"))
struct LocalTreeTests {
  /// Row by row what a user of git expects: rules from above, from `.git/info/exclude` and from the user's own file
  /// count, and what git has counts more.
  @Test func aWorkTreeIsWhatGitWouldDeploy() async throws {
    let repository = try await Repository()
    let folder = repository.folder
    try folder.write(".gitignore", "node_modules/\n/app/local.py\nbuild/\n")
    try folder.write(".git/info/exclude", "*.tmp\n")
    try folder.write(".git/own-excludes", "*.swp\n!b.tmp\n")
    for name in [
      "main.py", "local.py", "build/x.js", "build/y.js", "node_modules/a/b", "a.tmp", "b.tmp", ".main.swp",
      "gone.py",
      "sub/local.py", "only/here/a.swp",
    ] {
      try folder.write("app/" + name, name)
    }
    try await repository.git("add -f app/build/x.js app/gone.py")
    _ = try await LocalShell.dash.run("rm \(folder.path + "/app/gone.py")")
    let tree = repository.tree("app")
    #expect(tree.problem == nil)
    #expect(tree.files == ["build/x.js", "main.py", "sub/local.py"])
    #expect(tree.entries["only"] == nil)
    // On the host, what a rule names stays, also where there is nothing of it here.
    for name: BytePath in ["local.py", "build/z", "x/node_modules/c", "new.tmp", "z.swp"] {
      #expect(tree.leavesOut(name, isFolder: false), "\(name)")
    }
    #expect(!tree.leavesOut("gone.py", isFolder: false) && !tree.leavesOut("sub/x", isFolder: false))
    // What the look must see isn't pruned.
    #expect(!tree.prunableNames.contains("build/"))
    let notice = try #require(tree.notices.first)
    #expect(tree.notices.count == 1 && notice.contains("node_modules/") && notice.contains("includes: ["))
    #expect(
      repository.tree("app", excludes: ["sub/"], includes: ["y.js"]).files == [
        "build/x.js", "build/y.js", "main.py",
      ])
  }

  @Test func secretsAreSentOnlyIfTheyAreNamed() async throws {
    let repository = try await Repository()
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n"
    for (name, text) in [
      (".env", "A=1"), (".env.example", "A="), ("deploy/id_ed25519", "x"), ("tls/site.pem", key),
      ("odd", key),
      ("ca.pem", "-----BEGIN CERTIFICATE-----\n"), ("test_keys.py", "KEY = '''\n\(key)'''\n"),
      ("main.py", ""),
    ] {
      try repository.folder.write("app/" + name, text)
    }
    try await repository.git("add -f app")
    let tree = repository.tree("app")
    #expect(tree.files == [".env.example", "ca.pem", "main.py", "test_keys.py"])
    #expect(tree.leavesOut(".env", isFolder: false) && tree.leavesOut("x/id_rsa", isFolder: false))
    #expect(
      tree.notices.contains {
        $0.contains(".env, deploy/id_ed25519, odd, tls/site.pem") && $0.contains("includes:")
      })
    let named = repository.tree("app", includes: [".env", "tls/"])
    #expect(named.files == [".env", ".env.example", "ca.pem", "main.py", "test_keys.py", "tls/site.pem"])
    // The same without git.
    let plain = LocalTree(repository.folder.path + "/app", excludes: [], readsGitignore: false)
    #expect(plain.files == tree.files)
  }

  @Test func aFolderThatIsLeftOutAsAWholeIsSentIfItIsNamed() async throws {
    let repository = try await Repository()
    try repository.folder.write(".gitignore", "dist/\n*.map\n")
    try repository.folder.write("web/dist/app.js", "1")
    try repository.folder.write("web/dist/app.map", "2")
    #expect(repository.tree("web/dist").files == ["app.js", "app.map"])
  }

  @Test func repositoriesInsideFollowTheirOwnRules() async throws {
    let repository = try await Repository()
    try repository.folder.write(".gitignore", "*.log\n")
    for name in ["a.py", "x.log", "lib/own.py", "lib/x.log", "lib/y.dat"] {
      try repository.folder.write(name, "1")
    }
    try await repository.git("-C lib init -q . && printf '*.dat\\n' >lib/.gitignore")
    let tree = repository.tree()
    #expect(tree.files == [".gitignore", "a.py", "lib/.gitignore", "lib/own.py", "lib/x.log"])
    #expect(tree.leavesOut("lib/z.dat", isFolder: false) && !tree.leavesOut("lib/z.log", isFolder: false))
    #expect(tree.leavesOut("z.log", isFolder: false) && !tree.leavesOut("z.dat", isFolder: false))
  }

  @Test func anAnswerIsNotUsedWhenTheFolderHasChanged() async throws {
    let repository = try await Repository()
    try repository.folder.write("a", "1")
    #expect(repository.tree().files == ["a"])
    try repository.folder.write("b", "1")
    #expect(repository.tree().files == ["a", "b"])
    try repository.folder.write(".gitignore", "b\n")
    #expect(repository.tree().files == [".gitignore", "a"])
    try await repository.git("add -f b")
    #expect(repository.tree().files == [".gitignore", "a", "b"])
  }

  @Test func variablesOfAHookDoNotLeadElsewhere() throws {
    let result = try LocalProgram.run(
      ["sh", "-c", "echo $0 >&2; printenv X; exit 3", "said"], environment: ["X=1", "PATH=/bin"])
    #expect(result.status == 3 && result.output == Array("1\n".utf8) && result.errors == "said")
    #expect(try LocalProgram.run(["no-such-program-here"], environment: []).status == 127)
    #expect(
      Git.environment(["GIT_DIR": "/x", "GIT_INDEX_FILE": "y", "HOME": "/h"]).sorted() == [
        "GIT_OPTIONAL_LOCKS=0", "HOME=/h",
      ])
  }

  /// Repositories with rules that dice made, on every level: git is asked about every path.
  @Test func ownRulesAgreeWithGit() async throws {
    var dice = Dice(seed: 14)
    let words = [
      "a", "b", "ab", "*", "**", "?", "a*", "*b", "[ab]", "[!a]", "[[:alpha:]]", "\\a", "b ", "\\ ", "a[",
      "é", "**a", "a**",
    ]
    func pattern() -> String {
      let parts = (0..<dice.number(1...3)).map { _ in dice.one(words) }
      return (dice.chance(25) ? "!" : "") + (dice.chance(25) ? "/" : "") + parts.joined(separator: "/")
        + (dice.chance(25) ? "/" : "") + (dice.chance(12) ? "  " : "") + (dice.chance(8) ? "\r" : "")
    }
    func patterns() -> String {
      (0..<dice.number(1...3)).map { _ in pattern() }.joined(separator: "\n") + "\n"
    }
    let names = ["a", "b", "ab", "é", "\u{65}\u{301}", "b "]
    for round in 0..<rounds(25, long: 400) {
      let repository = try await Repository()
      for name in [".gitignore", "a/.gitignore", "a/b/.gitignore", ".git/info/exclude", ".git/own-excludes"]
      where dice.chance(66) {
        try repository.folder.write(name, patterns())
      }
      var paths: [String] = []
      for _ in 0..<30 {
        let path = (0..<dice.number(1...4)).map { _ in dice.one(names) }.joined(separator: "/")
        if (try? repository.folder.write(path + ".x", "1")) != nil { paths.append(path + ".x") }
        if (try? repository.folder.write(path, "1")) != nil { paths.append(path) }
      }
      paths = try await repository.git("ls-files -z --others").split(separator: "\0").map(String.init)
      try repository.folder.write(".git/list", paths.joined(separator: "\0"))
      let ignored = try await LocalShell.dash.run(
        "cd \(repository.folder.path) && git check-ignore --no-index -z --stdin <.git/list")
      let theirs = Set(ignored.output.split(separator: 0).map(BytePath.init))
      let rules = try #require(try GitWorkTree.ask(BytePath(repository.folder.path))).rules
      let wrong = paths.map { BytePath($0) }.filter {
        rules.excludesPath($0, isFolder: false) != theirs.contains($0)
      }
      guard wrong.isEmpty else {
        let files = ".gitignore a/.gitignore a/b/.gitignore .git/info/exclude .git/own-excludes"
        let shown = try await LocalShell.dash.run("cd \(repository.folder.path); tail -n +1 \(raw: files)")
        Issue.record("round \(round): \(wrong) with\n\(shown.text)")
        continue
      }
    }
  }
}
