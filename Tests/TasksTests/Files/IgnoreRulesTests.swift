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
    (["foo["], "foo[", true),
    (["*a"], "ba/c", false), (["a**b"], "axxb", true), (["x\r"], "x", true),
  ])
  func matchesAsGitDoes(patterns: [String], path: String, isExcluded: Bool) {
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
      IgnoreRules(["__pycache__/", "*.pyc", "/media", "a/b", "[x]"]).prunableNames == [
        "__pycache__/", "*.pyc",
      ])
    #expect(IgnoreRules(["node_modules", "!x"]).prunableNames.isEmpty)
  }
}
