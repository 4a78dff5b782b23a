/// The bridge that a lab's hosts are plugged into, and their way out through the machine.
struct LabNetwork {
  /// Which slot a directory's lab has is told by the bridge itself, which bears the directory as its
  /// alias: there is no file that could be out of date after the machine was restarted.
  let directory: String

  private var alias: String { "martlet lab \(directory)" }

  /// The plan of this lab, nil while it has no bridge.
  var plan: AddressPlan? {
    AddressPlan.slots.map(AddressPlan.init).first { owner(of: $0) == alias }
  }

  private func owner(of plan: AddressPlan) -> String? {
    FileSystem.read("/sys/class/net/\(plan.bridge)/ifalias")?.trimmed
  }

  /// Makes the bridge where there is none, with addresses that nothing else on the machine uses.
  func raise(preferring slot: Int?) async throws -> AddressPlan {
    let plan: AddressPlan
    if let own = self.plan {
      plan = own
    } else {
      plan = try await claim(preferring: slot)
    }
    try await allowForwarding(plan)
    return plan
  }

  private func claim(preferring slot: Int?) async throws -> AddressPlan {
    let routes = AddressPlan.routes(
      in: try await Tool.ip.check(["-4", "-oneline", "route", "show"], timeout: .seconds(10)))
    let mtu = try await self.mtu()
    let order = (slot.map { [$0] } ?? []) + AddressPlan.slots
    for plan in order.map(AddressPlan.init) where plan.fits(besides: routes) {
      // The kernel makes one bridge of a name, whoever asks at the same time.
      let made = try await Tool.ip.run(
        ["link", "add", "name", plan.bridge, "mtu", mtu, "type", "bridge"], timeout: .seconds(10))
      guard made.status == 0 else {
        if made.errorText.contains("File exists") { continue }
        throw LabError("cannot make the bridge \(plan.bridge): \(made.errorText.trimmed)")
      }
      // Unless it is given a hardware address, a bridge takes the lowest of those plugged in, and another whenever
      // a host comes or goes. What the other hosts were sending to the machine then got lost for up to a minute.
      let commands = """
        link set \(plan.bridge) address \(AddressPlan.hardwareAddress(of: plan.gateway))
        link set \(plan.bridge) alias "\(alias)"
        address add \(plan.gateway)/16 dev \(plan.bridge)
        link set \(plan.bridge) up

        """
      try await Tool.ip.check(["-batch", "-"], input: Array(commands.utf8), timeout: .seconds(10))
      return plan
    }
    let owners = AddressPlan.slots.map(AddressPlan.init).compactMap { plan in
      owner(of: plan).map { "  \(plan.bridge): \($0)" }
    }
    throw LabError(
      """
      no address range of \(AddressPlan.slots.count) is free for another lab. \
      Those that exist (end one with `martlet lab down --directory DIR`):
      \(owners.joined(separator: "\n"))
      """)
  }

  /// The size of packets on the machine's way out, so that none of a host's has to be cut there.
  private func mtu() async throws -> String {
    let route = try await Tool.ip.check(
      ["-4", "-oneline", "route", "show", "default"], timeout: .seconds(10))
    let words = route.split(whereSeparator: \.isWhitespace)
    guard let dev = words.firstIndex(of: "dev"), dev + 1 < words.endIndex,
      let mtu = FileSystem.read("/sys/class/net/\(words[dev + 1])/mtu")?.trimmed
    else { return "1500" }
    return mtu
  }

  private func rules(_ plan: AddressPlan) -> [[String]] {
    [
      ["-t", "nat", "POSTROUTING", "-s", plan.subnet, "!", "-o", plan.bridge, "-j", "MASQUERADE"],
      ["-t", "filter", "FORWARD", "-i", plan.bridge, "-j", "ACCEPT"],
      ["-t", "filter", "FORWARD", "-o", plan.bridge, "-j", "ACCEPT"],
    ]
  }

  private func iptables(_ action: String, _ rule: [String]) async throws -> LabOutput {
    try await Tool.iptables.run(
      ["-w", "10", rule[0], rule[1], action] + rule[2...], timeout: .seconds(15))
  }

  private func allowForwarding(_ plan: AddressPlan) async throws {
    for rule in rules(plan) where try await iptables("-C", rule).status != 0 {
      let added = try await iptables("-I", rule)
      guard added.status == 0 else {
        throw LabError("iptables cannot let the hosts out: \(added.errorText.trimmed)")
      }
    }
    try MachineSettings.raise()
  }

  /// Takes away the bridge, the rules, and the machine's settings that only labs needed.
  func lower() async throws {
    guard let plan else { return }
    for rule in rules(plan) {
      // The same rule may have been added twice by an interrupted command.
      for _ in 0..<3 where try await iptables("-D", rule).status != 0 { break }
    }
    try await Tool.ip.check(["link", "delete", plan.bridge], timeout: .seconds(10))
    try MachineSettings.restore()
  }
}
