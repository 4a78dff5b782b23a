/// An IPv4 network in CIDR notation.
struct IPv4Network: Equatable {
  let address: UInt32
  let prefixLength: Int

  /// Reads "10.88.0.0/16", or an address alone as a network of one.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count <= 2 else { return nil }
    let octets = first.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
    guard octets.count == 4 else { return nil }
    var address: UInt32 = 0
    for octet in octets {
      guard let octet else { return nil }
      address = address << 8 | UInt32(octet)
    }
    let length = parts.count == 2 ? Int(parts[1]) : 32
    guard let length, (0...32).contains(length) else { return nil }
    self.prefixLength = length
    self.address = length == 0 ? 0 : address & ~UInt32(0) << (32 - length)
  }

  /// Whether every address of the other network is one of this.
  func contains(_ other: IPv4Network) -> Bool {
    guard prefixLength <= other.prefixLength else { return false }
    return prefixLength == 0 || (address ^ other.address) >> (32 - UInt32(prefixLength)) == 0
  }
}

/// The names and addresses of one lab: slot 0 is the bridge `martlet0` with 10.88.0.0/16, slot 1
/// `martlet1` with 10.89.0.0/16, and so on, so that labs of different directories run side by side.
struct AddressPlan: Equatable, Sendable {
  /// As many labs as can run at once.
  static let slots = 0..<16
  /// As many hosts as one lab can have.
  static let hostNumbers = 1...1000

  let slot: Int

  var bridge: String { "martlet\(slot)" }
  var subnet: String { "10.\(88 + slot).0.0/16" }
  /// The machine's own address on the bridge, which is the hosts' default route.
  var gateway: String { "10.\(88 + slot).0.1" }

  /// A host's address; no two share one, and none ends in 0 or 255, which some programs refuse.
  func address(of host: Int) -> String {
    "10.\(88 + slot).\((host - 1) / 250).\((host - 1) % 250 + 2)"
  }

  /// The hardware address that belongs to one of the plan's addresses, made from it so that it never changes.
  /// Bit 1 of the first byte says that no manufacturer gave it (IEEE 802, 8.2.2).
  static func hardwareAddress(of address: String) -> String {
    let hex = address.split(separator: ".").map { part in
      let digits = String(UInt8(part) ?? 0, radix: 16)
      return digits.count == 1 ? "0\(digits)" : digits
    }
    return (["02", "6d"] + hex).joined(separator: ":")
  }

  /// The machine's end of a host's cable. Linux allows 15 characters for an interface's name.
  func cable(of host: Int) -> String { "mt\(slot)host\(host)" }

  /// The control group that a host's init is started in.
  func controlGroup(of host: Int) -> String { "\(bridge)-\(host)" }

  /// Whether the subnet can be used beside the routes that the machine has. A route that lies inside
  /// it is in the way; a wider one, such as a VPN's 10.0.0.0/8, only loses these addresses.
  func fits(besides routes: [IPv4Network]) -> Bool {
    guard let own = IPv4Network(subnet) else { return false }
    return !routes.contains { own.contains($0) }
  }

  /// The destinations in the output of `ip -4 -oneline route show`: the first word, or the second behind a
  /// route's type. The default route is none.
  static func routes(in output: String) -> [IPv4Network] {
    output.split(separator: "\n").compactMap { line in
      line.split(separator: " ").prefix(2).first { $0.first?.isNumber == true }.flatMap { IPv4Network($0) }
    }
  }
}
