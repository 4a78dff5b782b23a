import MartletCore
import Testing

@Suite struct HostPatternTests {
  let inventory = Inventory(
    hosts: ["web1", "web2", "db1", "lone"].map { InventoryHost(name: $0) },
    groups: ["web": ["web1", "web2"], "db": ["db1"], "prod": ["web1", "db1"]], source: "hosts.yaml")

  @Test(arguments: [
    ("all", "web1 web2 db1 lone"), ("web", "web1 web2"), ("db1", "db1"), ("web,db", "web1 web2 db1"),
    ("db:web", "web1 web2 db1"), ("web:&prod", "web1"), ("all:!web", "db1 lone"), ("!web", "db1 lone"),
    ("web:!web1", "web2"), ("web*", "web1 web2"), ("?b1", "db1"), ("*1:&prod:!db", "web1"),
    (" web , lone ", "web1 web2 lone"),
    ("*", "web1 web2 db1 lone"), ("web:&db", ""),
  ])
  func namesHosts(pattern: String, expected: String) throws {
    #expect(try HostPattern(pattern).hosts(in: inventory).map(\.name).joined(separator: " ") == expected)
  }

  @Test(arguments: ["", " ", ",", "wbe", "web:!nosuch", "web:&nosuch", "x*", "web["])
  func whatNamesNothingIsAnError(pattern: String) {
    #expect(throws: InventoryError.self) { try HostPattern(pattern).hosts(in: inventory) }
  }

  @Test func aMisspeltNameComesWithTheRightOne() {
    #expect {
      try HostPattern("wbe").hosts(in: inventory)
    } throws: { error in
      "\(error)".contains("hosts.yaml") && "\(error)".contains("did you mean \"web\"?")
    }
  }
}
