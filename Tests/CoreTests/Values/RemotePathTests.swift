import MartletCore
import Testing

@Suite struct RemotePathTests {
  @Test func componentsAreJoinedAndTakenApart() {
    let root: RemotePath = "/srv/shop/"
    #expect(root.string == "/srv/shop")
    #expect((root / "a/b").string == "/srv/shop/a/b")
    #expect(("/" / "etc" as RemotePath).string == "/etc")
    #expect(root.parent == "/srv" && root.name == "shop")
    #expect(RemotePath("/etc").parent == "/" && RemotePath("/").parent == "/" && RemotePath("/").name == "/")
  }

  @Test(
    arguments: [
      ("/srv/shop/a", "/srv/shop", true), ("/srv/shop", "/srv/shop", true),
      ("/srv/shopping", "/srv/shop", false),
      ("/srv", "/srv/shop", false), ("/anything", "/", true),
    ] as [(RemotePath, RemotePath, Bool)])
  func knowsWhatIsInsideWhat(path: RemotePath, folder: RemotePath, isInside: Bool) {
    #expect(path.isInside(folder) == isInside)
  }

  @Test(arguments: [
    ("", "empty"), ("etc/motd", "relative"), ("~/x", "relative"), ("/a\nb", "control"), ("/a\0b", "control"),
    ("/a/../b", ".."), ("/a/./b", ".."),
  ])
  func wrongPathsAreRefused(path: String, why: String) {
    #expect(RemotePath(path).problem?.contains(why) == true)
  }

  @Test(arguments: ["/", "/etc", "/a b", "/...", "/a..b", "/ü", "/-x"])
  func oddPathsAreFine(path: String) { #expect(RemotePath(path).problem == nil) }
}
