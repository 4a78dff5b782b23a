import Testing

@testable import MartletLab

@Suite struct AddressPlanTests {
  @Test func theFirstHostComesRightAfterTheGateway() {
    let plan = AddressPlan(slot: 0)
    #expect(plan.bridge == "martlet0")
    #expect(plan.subnet == "10.88.0.0/16")
    #expect(plan.gateway == "10.88.0.1")
    #expect(plan.address(of: 1) == "10.88.0.2")
    #expect(plan.address(of: 250) == "10.88.0.251")
    #expect(plan.address(of: 251) == "10.88.1.2")
  }

  @Test func noTwoHostsOfAnyLabShareAnAddressOrACable() throws {
    var addresses: Set<String> = []
    var cables: Set<String> = []
    for plan in AddressPlan.slots.map(AddressPlan.init) {
      let subnet = try #require(IPv4Network(plan.subnet))
      addresses.insert(plan.gateway)
      for host in AddressPlan.hostNumbers {
        let address = plan.address(of: host)
        #expect(try subnet.contains(#require(IPv4Network(address))), "\(address) is outside \(plan.subnet)")
        #expect(!address.hasSuffix(".0") && !address.hasSuffix(".255"))
        // Linux: IFNAMSIZ is 16, with the terminator.
        #expect(plan.cable(of: host).utf8.count <= 15)
        addresses.insert(address)
        cables.insert(plan.cable(of: host))
      }
    }
    let hosts = AddressPlan.slots.count * AddressPlan.hostNumbers.count
    #expect(addresses.count == hosts + AddressPlan.slots.count)
    #expect(cables.count == hosts)
  }

  @Test func hardwareAddressesAreMadeFromAddresses() {
    #expect(AddressPlan.hardwareAddress(of: "10.88.0.1") == "02:6d:0a:58:00:01")
    #expect(AddressPlan.hardwareAddress(of: "10.103.3.251") == "02:6d:0a:67:03:fb")
  }

  @Test func noLabUsesTheAddressesOfTheExampleLab() throws {
    let taken = try #require(IPv4Network("10.77.0.0/16"))
    for plan in AddressPlan.slots.map(AddressPlan.init) {
      #expect(try !taken.contains(#require(IPv4Network(plan.subnet))))
    }
  }

  @Test(arguments: [
    ("10.88.0.0/16", false), ("10.88.7.0/24", false), ("10.88.0.5", false),
    ("10.0.0.0/8", true), ("0.0.0.0/0", true), ("10.89.0.0/16", true), ("192.168.0.0/24", true),
  ])
  func aRouteInsideTheSubnetIsInTheWay(route: String, fits: Bool) throws {
    #expect(try AddressPlan(slot: 0).fits(besides: [#require(IPv4Network(route))]) == fits)
  }

  @Test func routesAreReadFromIp() {
    let output = """
      default via 192.0.2.1 dev eth0\u{20}
      10.77.0.0/16 dev labbr0 proto kernel scope link src 10.77.0.1\u{20}
      blackhole 10.9.0.0/24\u{20}
      192.0.2.9 dev eth0 scope link\u{20}
      """
    let expected = ["10.77.0.0/16", "10.9.0.0/24", "192.0.2.9"].compactMap { IPv4Network($0) }
    #expect(AddressPlan.routes(in: output) == expected)
  }

  @Test(arguments: [
    "", "10.88.0", "10.88.0.0.0", "10.88.0.256", "10.88.0.-1", "10.0.0.0/33", "10.0.0.0/", "a.b.c.d",
  ])
  func whatIsNoNetworkIsRefused(text: String) {
    #expect(IPv4Network(text) == nil)
  }
}
