import ArgumentParser
import Foundation
import Martlet
import MartletCore

/// `martlet inventory`: what was read, and from where.
struct InventoryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inventory", abstract: "Show what an inventory says.")

  @Option(
    name: [.short, .customLong("inventory")],
    help: ArgumentHelp(
      "An inventory file, or a list of hosts with a comma (may be repeated).", valueName: "file"))
  var inventories: [String] = []

  @Option(name: .shortAndLong, help: ArgumentHelp("Only these hosts.", valueName: "pattern"))
  var limit: String?

  @Flag(help: "Show the groups with their hosts instead of the hosts with their variables.")
  var graph = false

  func run() throws {
    do {
      let inventory = try InventoryChoice.load(inventories) { note("warning: \($0)") }
      let hosts = try limit.map { try HostPattern($0).hosts(in: inventory) } ?? inventory.hosts
      print(graph ? groups(of: inventory, hosts) : list(hosts))
    } catch let error as InventoryError {
      note("error: \(error)")
      throw ExitCode(64)
    }
  }

  private func note(_ text: String) { StandardError.tell(text) }

  private func groups(of inventory: Inventory, _ hosts: [InventoryHost]) -> String {
    let chosen = Set(hosts.map(\.name))
    let names = ["all"] + inventory.groups.keys.filter { $0 != "all" }.sorted()
    return names.map { name in
      let members = (inventory.groups[name] ?? []).filter(chosen.contains)
      return (["\(name): \(members.count)"] + members.map { "  \($0)" }).joined(separator: "\n")
    }.joined(separator: "\n")
  }

  private func list(_ hosts: [InventoryHost]) -> String {
    hosts.map { host in
      let connection = host.connection
      let user = connection.user.map { $0 + "@" } ?? ""
      let groups = host.groups.isEmpty ? "" : "  [\(host.groups.joined(separator: ", "))]"
      let vars = host.vars.sorted { $0.key < $1.key }.map { name, variable in
        "  \(name) = \(text(variable.value))  (\(variable.origin))"
      }
      let port = connection.port.map { ":\($0)" } ?? ""
      return (["\(host.name)  \(user)\(connection.address)\(port)\(groups)"] + vars)
        .joined(separator: "\n")
    }.joined(separator: "\n")
  }

  private func text(_ value: InventoryValue) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
  }
}
