import MartletCore
import Testing

@Suite struct ResourceTests {
  @Test(
    arguments: [
      (.path("/a"), .path("/a"), true), (.path("/a"), .path("/a/b"), false),
      (.path("/a/b"), .tree("/a"), true),
      (.path("/ab"), .tree("/a"), false), (.tree("/a/b"), .tree("/a"), true),
      (.tree("/a"), .tree("/b"), false),
      (.path("/x/y"), .tree("/"), true), (.packages, .packages, true), (.packages, .tree("/"), false),
      (.account("a"), .account("a"), true), (.account("a"), .account("b"), false),
      (.service("a"), .account("a"), false),
      (.named("x"), .named("x"), true),
    ] as [(Resource, Resource, Bool)])
  func overlap(first: Resource, second: Resource, expected: Bool) {
    #expect(first.overlaps(second) == expected)
    #expect(second.overlaps(first) == expected)
  }
}
