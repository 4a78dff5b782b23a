package import MartletCore
internal import MartletLoader

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Which inventory a command means.
package enum InventoryChoice {
  /// What is read where no inventory is named.
  package static let standard = "inventory.yaml"

  /// The inventory of the `-i` options; without any, that of the current folder.
  ///
  /// - Parameter patterns: Whom the plays are for. Those for `@local` alone need no inventory.
  /// - Throws: `InventoryError` if there is none, or something is wrong with it.
  package static func load(
    _ inventories: [String], for patterns: [HostPattern] = [], warn: (String) -> Void
  ) throws -> Inventory {
    if !inventories.isEmpty { return try InventoryFile.load(inventories, warn: warn) }
    if !patterns.isEmpty, patterns.allSatisfy({ $0.parts == [TransportChoice.localHost] }),
      !FileManager.default.fileExists(atPath: standard)
    {
      return Inventory(hosts: [], source: TransportChoice.localHost)
    }
    guard FileManager.default.fileExists(atPath: standard) else {
      throw InventoryError(
        "no inventory: there is no \(standard) in this folder; name a file with -i FILE, or hosts with -i web1,web2,"
      )
    }
    return try InventoryFile.load([standard], warn: warn)
  }
}
