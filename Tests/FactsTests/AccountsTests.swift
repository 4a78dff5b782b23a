import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct AccountsTests {
  @Test func readsAccounts() throws {
    let output = ProbeOutput(
      """
      shop:x:1001:33:Shop, the:/srv/shop:/bin/sh
      odd:x:1002:999::/:
      = group
      www-data:x:33:
      sudo:x:27:anna,shop
      shop:x:1001:shop
      = end
      """)
    let values = try UserAccount.parse(output, for: ["shop", "odd", "nobody"].map(UserAccount.init))
    #expect(
      values[UserAccount("shop")]
        == Account(
          uid: 1001, gid: 33, group: "www-data", groups: ["shop", "sudo"], home: "/srv/shop",
          shell: "/bin/sh",
          comment: "Shop, the"))
    #expect(values[UserAccount("odd")]??.group == "999")
    #expect(values[UserAccount("nobody")] == .some(nil))
    #expect(throws: FactError.self) { try UserAccount.parse(ProbeOutput(""), for: [UserAccount("x")]) }
  }

  @Test(arguments: LocalShell.allCases, [true, false])
  func asksTheRealSystem(shell: LocalShell, hasGetent: Bool) async throws {
    let facts = ["root", "daemon", "martlet-nobody"].map(UserAccount.init)
    var probe = UserAccount.probe(facts, LookOptions())
    var groupProbe = GroupEntry.probe(["daemon", "martlet-none"].map(GroupEntry.init), LookOptions())
    if !hasGetent {
      // Alpine's images have no getent.
      let hide: ShellCommand = "command() { [ \"$2\" != getent ]; }\n"
      (probe, groupProbe) = (hide + probe, hide + groupProbe)
    }
    let values = try UserAccount.parse(ProbeOutput(try await shell.run(probe).output), for: facts)
    #expect(values[facts[0]]??.uid == 0)
    #expect(values[facts[0]]??.group == "root")
    #expect(values[facts[2]] == .some(nil))
    let groups = try GroupEntry.parse(
      ProbeOutput(try await shell.run(groupProbe).output),
      for: ["daemon", "martlet-none"].map(GroupEntry.init))
    #expect(groups[GroupEntry("daemon")]??.gid == 1)
    #expect(groups[GroupEntry("martlet-none")] == .some(nil))
  }
}
