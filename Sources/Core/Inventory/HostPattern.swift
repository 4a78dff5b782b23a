/// Which hosts of an inventory are meant: `web`, `web:&prod:!db1`, `web*,db1`.
///
/// Parts are separated by a colon or a comma. Each is a host, a group or a wildcard; a part with `&` in front
/// keeps only hosts that it names too, one with `!` removes them. The syntax is Ansible's. `@local` is the machine that
/// Martlet runs on, also where the inventory doesn't name it.
public struct HostPattern: Sendable, CustomStringConvertible {
  public let description: String

  public init(_ pattern: String) { description = pattern }

  /// What it is made of.
  package var parts: [String] {
    description.split { $0 == "," || $0 == ":" }.map { $0.trimmed }.filter { !$0.isEmpty }
  }

  /// The hosts that the pattern names, in the order of the inventory.
  ///
  /// - Throws: ``InventoryError`` if it is empty, or has a part that names nothing in the inventory.
  public func hosts(in inventory: Inventory) throws -> [InventoryHost] {
    guard !parts.isEmpty else {
      throw InventoryError("the host pattern is empty: write a host, a group, or \"all\"")
    }
    var chosen: Set<String>?
    var required: [Set<String>] = []
    var excluded: Set<String> = []
    for part in parts {
      switch part.first {
      case "&": required.append(try names(of: String(part.dropFirst()), in: inventory))
      case "!": excluded.formUnion(try names(of: String(part.dropFirst()), in: inventory))
      default: chosen = (chosen ?? []).union(try names(of: part, in: inventory))
      }
    }
    let start = chosen ?? Set(inventory.groups["all"] ?? [])
    let names = required.reduce(start) { $0.intersection($1) }.subtracting(excluded)
    return inventory.hosts.filter { names.contains($0.name) }
  }

  private func names(of part: String, in inventory: Inventory) throws -> Set<String> {
    if let group = inventory.groups[part] { return Set(group) }
    if inventory.host(part) != nil { return [part] }
    if part.contains("*") || part.contains("?") {
      let hosts = (inventory.groups["all"] ?? []).filter { matches(Array($0.utf8), Array(part.utf8)) }
      let groups = inventory.groups.filter { matches(Array($0.key.utf8), Array(part.utf8)) }
      let names = Set(hosts).union(groups.values.joined())
      if !names.isEmpty { return names }
    }
    let known = inventory.hosts.map(\.name) + inventory.groups.keys
    throw InventoryError(
      "\"\(part)\" is neither a host nor a group of \(inventory.source)\(suggestion(for: part, among: known))"
    )
  }

  /// Shell wildcards: `*` for any characters, `?` for one.
  private func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
    var n = 0
    var p = 0
    var star: (pattern: Int, name: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == name[n] {
        p += 1
        n += 1
      } else if let last = star {
        p = last.pattern + 1
        n = last.name + 1
        star = (last.pattern, n)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

/// What is wrong with an inventory, or with what is asked of it.
public struct InventoryError: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
