package import MartletCore

extension InventoryFile {
  /// A host that is in no inventory, as `NAME`, `NAME:PORT`, an IPv6 address, or one in brackets with a port.
  ///
  /// - Throws: ``InventoryError`` if it can't be a host.
  package static func host(_ text: String) throws -> InventoryHost {
    var (name, port) = HostName.split(text)
    if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
    if let problem = HostName.problem(name) { throw InventoryError(problem) }
    guard name.count(where: { $0 == ":" }) != 1,
      !name.contains(where: { "[]@".contains($0) }) || isLocal(name)
    else {
      throw InventoryError("\"\(text)\" is no host: write NAME or NAME:PORT, with a port from 1 to 65535")
    }
    var connection = ConnectionSettings(address: name)
    connection.port = port
    if isLocal(name) { connection.transport = .local }
    return InventoryHost(name: name, connection: connection)
  }

  private static func isLocal(_ name: String) -> Bool { name == TransportChoice.localHost }
}
