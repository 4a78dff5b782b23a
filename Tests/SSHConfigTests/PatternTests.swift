import Testing

@testable import MartletSSHConfig

struct PatternTests {
  @Test(arguments: [
    ("web1", "web*", true), ("web1", "web?", true), ("web", "web?", false), ("web1", "*1*", true),
    ("", "*", true), ("a", "", false), ("ab", "*?b", true), ("b", "*?b", false), ("WEB", "web", false),
    ("a.b.c", "*.c", true), ("abc", "***", true), ("abc", "a*b*d", false),
  ])
  func onePattern(text: String, pattern: String, matches: Bool) {
    #expect(Patterns.matches(text, pattern) == matches)
  }
}
