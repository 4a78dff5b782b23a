package import MartletCore
internal import MartletLoader

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A word of the command line that means a host: one of the inventory, or any other, as `ssh` takes it.
package enum HostArgument {
  /// The inventory of the `-i` options, or that of the current folder; nil where there is neither. A host needs
  /// no inventory.
  package static func inventory(_ files: [String], warn: (String) -> Void) throws -> Inventory? {
    guard !files.isEmpty || FileManager.default.fileExists(atPath: InventoryChoice.standard) else {
      return nil
    }
    return try InventoryChoice.load(files, warn: warn)
  }

  /// The one host that `[USER@]NAME[:PORT]` means; the inventory's names come first.
  ///
  /// A name that is in no inventory is looked up in ssh's configuration when it is connected to, as with `ssh`.
  ///
  /// - Throws: `InventoryError` if it can't be a host.
  package static func host(_ word: String, in inventory: Inventory?) throws -> InventoryHost {
    try usable(described(word, in: inventory))
  }

  /// The host, if its connection settings can be honoured.
  private static func usable(_ host: InventoryHost) throws -> InventoryHost {
    guard host.problems.isEmpty else { throw InventoryError(host.problems.joined(separator: "\n")) }
    return host
  }

  private static func described(_ word: String, in inventory: Inventory?) throws -> InventoryHost {
    if let host = inventory?.host(word) { return host }
    if word == TransportChoice.localHost { return try InventoryFile.host(word) }
    let at = word.lastIndex(of: "@")
    let place = String(at.map { word[word.index(after: $0)...] } ?? word[...])
    let user = at.map { String(word[..<$0]) }
    guard user?.isEmpty != true, !place.isEmpty else {
      throw InventoryError("\"\(word)\" is neither a host of the inventory nor [USER@]NAME[:PORT]")
    }
    var host: InventoryHost
    if let known = inventory?.host(place) {
      host = known
    } else {
      host = try InventoryFile.host(place)
      if let known = inventory?.host(host.name) {
        let port = host.connection.port
        host = known
        if let port { host.connection.port = port }
      }
    }
    if let user { host.connection.user = user }
    return host
  }

  /// The hosts that a pattern names in the inventory, or the one host that is in none.
  ///
  /// - Returns: The hosts, and whether the word is a pattern or a group, which may mean several.
  package static func hosts(
    _ word: String, in inventory: Inventory?
  ) throws -> (hosts: [InventoryHost], isPattern: Bool) {
    let isPattern =
      word.contains { "*?,!&".contains($0) }
      || (inventory?.host(word) == nil && inventory?.groups[word] != nil)
    guard isPattern else { return ([try host(word, in: inventory)], false) }
    guard let inventory else {
      throw InventoryError("\"\(word)\" is a pattern, and there is no inventory: name one with -i FILE")
    }
    return (try HostPattern(word).hosts(in: inventory).map(usable), true)
  }
}
