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
    ("/a/../b", ".."), ("/a/./b", ".."), ("/a/" + String(repeating: "x", count: 256), "a name of 256 bytes"),
    (String(repeating: "/" + String(repeating: "é", count: 127), count: 17), "has 4335 bytes"),
  ])
  func wrongPathsAreRefused(path: String, why: String) {
    #expect(RemotePath(path).problem?.contains(why) == true)
  }

  /// nginx's `alias` serves 404 without the slash.
  @Test func aSlashAtTheEndStaysInTexts() {
    let root: RemotePath = "/srv/shop/"
    #expect("alias \(root / "static/");" == "alias /srv/shop/static/;")
    #expect((root / "static/").string == "/srv/shop/static")
    #expect(root / "static/" == root / "static" && "\(RemotePath("/"))" == "/")
    #expect((root / "static/" / "x").string == "/srv/shop/static/x")
    #expect(RemotePath("\(root)/x") == root / "x")
    let command: ShellCommand = "cd \(root)"
    #expect(command.text == "cd /srv/shop")
  }

  /// For Swift's `String`, `é` in one code point and in two are equal, and a slash with an accent is no slash.
  @Test func pathsAreBytes() {
    #expect(RemotePath("/srv/caf\u{e9}") != RemotePath("/srv/cafe\u{301}"))
    #expect(Set([RemotePath("/srv/caf\u{e9}"), RemotePath("/srv/cafe\u{301}")]).count == 2)
    let odd = RemotePath("/srv/a/\u{301}b")
    #expect(odd.parent == "/srv/a" && odd.isInside("/srv/a"))
    #expect(RemotePath("/srv/\u{301}/../../etc").problem != nil)
  }

  @Test(arguments: ["/", "/etc", "/a b", "/...", "/a..b", "/ü", "/-x"])
  func oddPathsAreFine(path: String) { #expect(RemotePath(path).problem == nil) }
}
