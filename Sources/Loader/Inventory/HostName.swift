internal import MartletCore

/// The name of a host as inventories write it: with ranges, and with a port.
enum HostName {
  /// A name that stands for this many hosts is more likely a mistake than an inventory.
  static let limit = 100_000

  /// The names that a name with ranges stands for, in order.
  ///
  /// `web[01:20].example.com` keeps the leading zero, `db-[a:c]` counts letters, `n[0:10:2]` takes each second; both
  /// ends count. It is Ansible's syntax.
  ///
  /// - Throws: ``InventoryError`` without a place; the caller knows it.
  static func expand(_ name: String) throws -> [String] {
    var names = [""]
    var rest = Substring(name)
    while let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") {
      let inside = rest[rest.index(after: open)..<close]
      let start = rest[..<open]
      let parts = inside.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard (2...3).contains(parts.count), !parts[0].isEmpty else {
        throw InventoryError(
          "the range [\(inside)] in \"\(name)\" is not understood: write [1:20], [01:20] or [a:f]")
      }
      let values = try range(parts, inside: name)
      guard names.count * values.count <= limit else {
        throw InventoryError("\"\(name)\" stands for more than \(limit) hosts")
      }
      names = names.flatMap { begin in values.map { begin + start + $0 } }
      rest = rest[rest.index(after: close)...]
    }
    return names.count == 1 ? [names[0] + rest] : names.map { $0 + rest }
  }

  private static func range(_ parts: [String], inside name: String) throws -> [String] {
    let step = parts.count == 3 ? Int(parts[2]) ?? 0 : 1
    let wrong = InventoryError(
      "the range [\(parts.joined(separator: ":"))] in \"\(name)\" must count upwards, as in [1:20] or [a:f]")
    guard step > 0 else { throw wrong }
    if let first = Int(parts[0]), let last = Int(parts[1]), first >= 0 {
      guard first <= last else { throw wrong }
      guard (last - first) / step < limit else {
        throw InventoryError("\"\(name)\" stands for more than \(limit) hosts")
      }
      let width = parts[0].hasPrefix("0") ? parts[0].count : 0
      return stride(from: first, through: last, by: step).map { number in
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
      }
    }
    guard parts[0].utf8.count == 1, parts[1].utf8.count == 1, let first = parts[0].utf8.first,
      let last = parts[1].utf8.first, first <= last, isLetter(first), isLetter(last)
    else { throw wrong }
    return stride(from: Int(first), through: Int(last), by: step).map { String(UnicodeScalar(UInt8($0))) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte)
  }

  /// Takes a port off the end: `web1:2222`, `[::1]:2222`. An IPv6 address without brackets has none.
  static func split(_ name: String) -> (name: String, port: Int?) {
    guard let colon = name.lastIndex(of: ":"), let port = Int(name[name.index(after: colon)...]) else {
      return (bare(name), nil)
    }
    let host = name[..<colon]
    guard (1...65535).contains(port), !host.isEmpty, !host.contains(":") || host.hasSuffix("]") else {
      return (bare(name), nil)
    }
    return (bare(String(host)), port)
  }

  /// An IPv6 address without its brackets.
  private static func bare(_ name: String) -> String {
    name.hasPrefix("[") && name.hasSuffix("]") && name.contains("::")
      ? String(name.dropFirst().dropLast()) : name
  }

  /// What is wrong with a name; nil if nothing is. Blanks, quotes and what patterns give a meaning are refused.
  static func problem(_ name: String) -> String? {
    if name.isEmpty { return "a host's name is empty" }
    if name.hasPrefix("-") { return "the host name \"\(name)\" begins with a dash" }
    let forbidden = name.unicodeScalars.first { scalar in
      scalar.value <= 0x20 || scalar.value == 0x7f || "!&,*?'\"`$\\/<>|;(){}".unicodeScalars.contains(scalar)
    }
    guard let forbidden else { return nil }
    return
      "the host name \(name.debugDescription) has the character \(String(forbidden).debugDescription) in it"
  }
}
