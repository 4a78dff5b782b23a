import MartletCore
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct IgnoreRulesTests {
  @Test(arguments: [
    (["*.pyc"], "a/b.pyc", true), (["*.pyc"], "a/b.py", false), (["/a"], "a", true), (["/a"], "x/a", false),
    (["a/b"], "a/b", true), (["a/b"], "x/a/b", false), (["**/b"], "x/y/b", true), (["a/**/b"], "a/b", true),
    (["a/**/b"], "a/x/y/b", true), (["a/**"], "a/x", true), (["a/**"], "a", false),
    (["*.log", "!keep.log"], "keep.log", false),
    (["!x", "x"], "x", true), (["[ab].c"], "a.c", true), (["[!ab].c"], "a.c", false),
    (["[a-c]?"], "bz", true),
    (["a\\*"], "a*", true), (["a\\*"], "ab", false), (["# no"], "# no", false), (["\\#x"], "#x", true),
    (["a*b*c"], "aXbYbc", true), (["*"], "anything", true), (["a "], "a", true), ([""], "a", false),
    (["foo["], "foo[", false),
    (["*a"], "ba/c", false), (["a**b"], "axxb", true), (["x\r"], "x", true),
  ])
  func matchesAsGitDoes(patterns: [String], path: BytePath, isExcluded: Bool) {
    #expect(IgnoreRules(patterns).excludes(path, isFolder: false) == isExcluded)
  }

  @Test func patternsForFoldersLeaveFilesAlone() {
    let rules = IgnoreRules(["build/"])
    #expect(rules.excludes("x/build", isFolder: true))
    #expect(!rules.excludes("x/build", isFolder: false))
    #expect(rules.excludesPath("x/build/y/z", isFolder: false))
  }

  @Test func filesInFoldersAreRelativeToThem() {
    var rules = IgnoreRules(["*.tmp"])
    rules.add(["!a.tmp", "/only"], base: "sub")
    #expect(rules.excludes("a.tmp", isFolder: false))
    #expect(!rules.excludes("sub/a.tmp", isFolder: false))
    #expect(rules.excludes("sub/only", isFolder: false))
    #expect(!rules.excludes("sub/x/only", isFolder: false))
    #expect(!rules.excludes("only", isFolder: false))
  }

  @Test func onlySimpleNamesArePruned() {
    #expect(
      IgnoreRules(["__pycache__/", "*.pyc", "/media", "a/b", "[x]"]).prunableNames() == [
        "__pycache__/", "*.pyc",
      ])
    #expect(IgnoreRules(["node_modules", "!x"]).prunableNames().isEmpty)
  }

  @Test(arguments: LocalShell.allCases.prefix(1))
  func gitAgrees(shell: LocalShell) async throws {
    guard try await shell.run("command -v git").status == 0 else { return }
    let patterns = [
      "*.pyc", "/a", "a/b", "**/b", "a/**/b", "a/**", "b/", "!b", "[ab]*", "?", "a*b", "**", "*/b", "!a/b",
      "/**/a",
      "a/*", "!/a/b", "a\\*", "[!a]", "b/**/", "*", "!*/", "[]a]", "a[", "**a",
    ]
    let names = ["a", "b", "ab", "a*", "x.pyc"]
    var paths = names
    for first in names { for second in names { paths.append("\(first)/\(second)") } }
    paths += ["a/x/b", "a/x/y/b", "x/y/a", "b/a/b", "x/a/b/c"]
    for first in patterns {
      for second in ["", "!b", "a", "!a/b", "*.pyc"] {
        let folder = try TemporaryFolder()
        try folder.write(".gitignore", "\(first)\n\(second)\n")
        try folder.write("list", paths.joined(separator: "\n") + "\n")
        let output = try await shell.run(
          "cd \(folder.path) && git init -q . && git check-ignore --no-index --stdin <list")
        let ignored = Set(output.text.split(separator: "\n").map(String.init))
        let rules = IgnoreRules([first, second])
        for path in paths {
          #expect(
            rules.excludesPath(BytePath(path), isFolder: false) == ignored.contains(path),
            "\(path) with \(first) and \(second)")
        }
      }
    }
  }
}
