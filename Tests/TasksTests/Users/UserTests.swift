import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct UserTests {
  static let shop = Account(
    uid: 1001, gid: 1001, group: "shop", groups: ["sudo"], home: "/home/shop", shell: "/bin/sh")
  static let own = GroupInfo(name: "shop", gid: 1001)

  private func command(_ decision: Decision) -> String {
    if case .run(let command)? = decision.actions.first?.effect { return command.text }
    return ""
  }

  @Test func aNewAccount() {
    let task = User("shop", system: true, groups: ["web"], home: "/srv/shop", shell: "/usr/sbin/nologin")
    let decision = task.decide(given: (nil, [nil, GroupInfo(name: "web", gid: 5)]))
    #expect(decision.changes == ["+ user shop"])
    #expect(
      command(decision).contains("useradd -r -U -G 'web' -d /srv/shop -M -s /usr/sbin/nologin -- 'shop'"))
    #expect(command(decision).contains("adduser -D -S -G 'shop' -h /srv/shop -H"))
    // A group of the same name is taken rather than made.
    #expect(command(User("shop").decide(given: (nil, [Self.own]))).contains("useradd -g 'shop' -m"))
  }

  /// As memcached's package does: the account was not there when it was looked for.
  @Test func anAccountThatAPackageBroughtMeanwhileIsTaken() {
    let decision = User("memcache", groups: ["web"], shell: "/bin/sh").decide(
      given: (nil, [nil, GroupInfo(name: "web", gid: 5)]))
    #expect(
      command(decision).contains(
        "elif id -u 'memcache' >/dev/null 2>&1; then usermod -a -G 'web' -s /bin/sh -- 'memcache'\nelse useradd"
      ))
    #expect(command(User("memcache").decide(given: (nil, [nil]))).contains("then :\nelse useradd"))
    let exact = User("memcache", appendGroups: false).decide(given: (nil, [nil]))
    #expect(command(exact).contains("then usermod -G '' -- 'memcache'\n"))
    #expect(
      command(Group("memcache", gid: 7).decide(given: nil)).contains("then groupmod -g 7 -- 'memcache'\n"))
  }

  @Test func anAccountThatIsRightIsLeftAlone() {
    let sudo = GroupInfo(name: "sudo", gid: 27, members: ["shop"])
    let task = User("shop", uid: 1001, group: "shop", groups: ["sudo"], shell: "/bin/sh")
    #expect(task.decide(given: (Self.shop, [Self.own, sudo])).isUnchanged)
    #expect(User("shop", group: "1001").decide(given: (Self.shop, [Self.own])).isUnchanged)
  }

  @Test func onlyDifferencesAreChanged() {
    let task = User("shop", groups: ["web"], shell: "/bin/bash", comment: "Shop")
    let decision = task.decide(given: (Self.shop, [Self.own, GroupInfo(name: "web", gid: 5)]))
    #expect(decision.changes == ["+ group web", "~ shell /bin/sh → /bin/bash", "~ comment  → Shop"])
    #expect(command(decision).hasSuffix("usermod -G 'sudo,web' -s /bin/bash -c 'Shop' -- 'shop'"))
  }

  @Test func otherGroupsGoOnlyIfAskedTo() {
    let task = User("shop", groups: [], appendGroups: false)
    let decision = task.decide(given: (Self.shop, [Self.own]))
    #expect(decision.changes == ["- group sudo"])
    #expect(command(decision).contains("usermod -G '' --"))
  }

  @Test func missingGroupsAreAFailure() {
    #expect(User("shop", groups: ["web"]).decide(given: (nil, [nil, nil])).failure?.contains("web") == true)
    #expect(
      User("shop", group: "web").decide(given: (nil, [nil])).failure?.contains("Group(\"web\")") == true)
  }

  @Test(arguments: ["", "-x", "a b", "a:b", "1000", "ä", "a/b", "..", String(repeating: "x", count: 33)])
  func wrongNamesAreRefused(name: String) {
    #expect(throws: InvalidTask.self) { try User(name).validate() }
    #expect(throws: InvalidTask.self) { try Group(name).validate() }
  }

  @Test func otherWrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try User("shop", uid: -1).validate() }
    #expect(throws: InvalidTask.self) { try User("shop", groups: ["a,b"]).validate() }
    #expect(throws: InvalidTask.self) { try User("shop", groups: ["a", "a"]).validate() }
    #expect(throws: InvalidTask.self) { try User("shop", comment: "a:b").validate() }
    #expect(throws: InvalidTask.self) { try User("shop", home: "/a:b").validate() }
    #expect(throws: InvalidTask.self) { try Group("shop", gid: 4_294_967_295).validate() }
  }

  @Test func groupsAreMadeAndNumbered() {
    #expect(Group("web").decide(given: nil).changes == ["+ group web"])
    #expect(Group("web").decide(given: GroupInfo(name: "web", gid: 5)).isUnchanged)
    #expect(Group("web", gid: 6).decide(given: GroupInfo(name: "web", gid: 5)).changes == ["~ gid 5 → 6"])
  }

  /// Makes and removes accounts of this machine, so it runs only where that is wanted.
  @Test(.enabled(if: LocalHost.mayBeChanged))
  func convergesOnARealSystem() async throws {
    let host = LocalHost(.dash)
    let clean: ShellCommand =
      "userdel -rf martlet-u; groupdel martlet-u; groupdel martlet-g; rm -rf /tmp/martlet-home"
    _ = try await host.shell.run(clean)
    try await host.expectConvergence(of: Group("martlet-g"), isPredicted: false)
    try await host.expectConvergence(of: Group("martlet-g", gid: 54400))
    try await host.expectConvergence(
      of: User("martlet-u", home: "/tmp/martlet-home", shell: "/bin/sh", comment: "It's me"),
      isPredicted: false)
    try await host.expectConvergence(
      of: User("martlet-u", groups: ["martlet-g", "daemon"], shell: "/bin/bash"))
    try await host.expectConvergence(
      of: User("martlet-u", uid: 54401, groups: ["daemon"], appendGroups: false))
    _ = try await host.shell.run(clean)
  }
}
