import Testing

@testable import MartletSSHConfig

struct PatternTests {
  @Test(arguments: [
    ("web1", "web*", true), ("web1", "web?", true), ("web", "web?", false), ("web1", "*1*", true),
    ("", "*", true), ("a", "", false), ("ab", "*?b", true), ("b", "*?b", false), ("WEB", "web", false),
    ("a.b.c", "*.c", true), ("abc", "***", true), ("abc", "a*b*d", false),
  ]) func onePattern(text: String, pattern: String, matches: Bool) {
    #expect(Patterns.matches(text, pattern) == matches)
  }

  @Test(arguments: [
    ("a", "a,b", Patterns.ListResult.positive), ("a", "!a,*", .negative), ("a", "*,!a", .negative),
    ("a", "!b", .none),
    ("a", "b,", .none), ("", "a,", .none), ("", ",a", .positive), ("a", "", .none),
  ]) func list(text: String, list: String, result: Patterns.ListResult) {
    #expect(Patterns.matchesList(text, list) == result)
  }

  @Test func hostsWithoutRegardToCase() {
    #expect(Patterns.matchesHost("Web1", "WEB*,!web2"))
    #expect(!Patterns.matchesHost("WEB2", "WEB*,!web2"))
  }

  /// OpenSSH's own way takes time that doubles with each asterisk.
  @Test(.timeLimit(.minutes(1))) func manyAsterisks() {
    let pattern = String(repeating: "*a", count: 500) + "b"
    #expect(!Patterns.matches(String(repeating: "a", count: 2000), pattern))
  }
}
