internal import MartletCore

/// An inventory while its files are read, before groups are laid over each other.
struct InventoryDraft {
  /// What a place of an inventory says of hosts.
  struct Values {
    var vars: [String: InventoryVariable] = [:]
    var settings: [ConnectionVariable.Setting: Setting] = [:]
    /// What can't be honoured, by the variable's name; an error of a host once it is used.
    var refusals: [String: String] = [:]
    /// Which file each variable is from.
    var sources: [String: Int] = [:]

    /// Lays other values over these.
    mutating func override(by other: Values) {
      if vars.isEmpty, settings.isEmpty, refusals.isEmpty {
        self = other
        return
      }
      vars.merge(other.vars) { $1 }
      settings.merge(other.settings) { $1 }
      refusals.merge(other.refusals) { $1 }
      // What a host says itself takes the place of what its group says, also where that can't be honoured.
      for setting in other.settings.values { refusals[setting.name] = nil }
      sources.merge(other.sources) { $1 }
    }
  }

  /// A part of how to reach a host, as an inventory says it.
  struct Setting {
    /// The variable's name; empty for the port of `web1:2222`.
    var name = ""
    var value: InventoryValue
    var origin: String
    var source: Int
    var kind: ConnectionVariable
  }

  private struct Group {
    var values = Values()
    var hosts: [String] = []
    var children: [String] = []
  }

  private struct Host {
    var values = Values()
    var groups: [String] = []
  }

  private var groups: [String: Group] = ["all": Group()]
  private var hosts: [String: Host] = [:]
  private var order: [String] = []
  /// Where a group was named as a child without being described.
  private var references: [(name: String, origin: String)] = []

  var isEmpty: Bool { hosts.isEmpty }

  mutating func declare(group: String) { groups[group, default: Group()].children += [] }

  mutating func refer(toGroup name: String, origin: String) { references.append((name, origin)) }

  mutating func add(child: String, to parent: String) {
    guard groups[parent]?.children.contains(child) != true else { return }
    groups[parent, default: Group()].children.append(child)
  }

  /// Adds values to a group.
  ///
  /// - Throws: ``InventoryError`` if the same file says two things of one variable.
  mutating func add(_ values: Values, toGroup name: String) throws {
    try Self.merge(values, into: &groups[name, default: Group()].values, of: "the group \(name)")
  }

  mutating func add(host name: String, values: Values, to group: String) throws {
    if hosts[name] == nil {
      order.append(name)
      hosts[name] = Host()
    }
    try Self.merge(values, into: &hosts[name, default: Host()].values, of: "the host \(name)")
    if group != "all", hosts[name]?.groups.contains(group) != true {
      hosts[name]?.groups.append(group)
    }
  }

  private static func merge(_ new: Values, into values: inout Values, of what: String) throws {
    if !values.vars.isEmpty {
      for (name, variable) in new.vars {
        guard let old = values.vars[name], old.value != variable.value else { continue }
        guard values.sources[name] != new.sources[name] else {
          throw InventoryError(
            "\(variable.origin): \(name) of \(what) was set to another value already, in \(old.origin)")
        }
      }
    }
    for (key, setting) in new.settings {
      guard let old = values.settings[key], old.source == setting.source, old.value != setting.value else {
        continue
      }
      guard setting.name.isEmpty, old.name.isEmpty else {
        throw InventoryError(
          "\(setting.origin): \(setting.name.isEmpty ? "the port" : setting.name) of \(what) was set to another value already, in \(old.origin)"
        )
      }
      throw InventoryError(
        "\(setting.origin): \(what) is named with two ports: give each a name of its own in a file, as in web1: {address: ADDRESS, port: PORT}"
      )
    }
    values.override(by: new)
  }

  /// The inventory.
  ///
  /// - Throws: ``InventoryError`` if a child is no group, or groups contain each other in a circle.
  func inventory(source: String, warn: (String) -> Void) throws -> Inventory {
    for reference in references where groups[reference.name] == nil {
      let hint = suggestion(for: reference.name, among: groups.keys)
      throw InventoryError("\(reference.origin): there is no group \"\(reference.name)\"\(hint)")
    }
    for name in groups.keys.sorted() where name != "all" && hosts[name] != nil {
      warn("\"\(name)\" is the name of a host and of a group; in patterns it means the group")
    }
    let ancestors = try lineage()
    var cache: [[String]: (groups: [String], values: Values)] = [:]
    var members: [String: [String]] = groups.mapValues { _ in [] }
    var result: [InventoryHost] = []
    result.reserveCapacity(order.count)
    for name in order {
      guard let host = hosts[name] else { continue }
      let base = cache[host.groups] ?? inherited(by: host.groups, ancestors: ancestors)
      cache[host.groups] = base
      var values = base.values
      values.override(by: host.values)
      var connection = ConnectionSettings(address: name)
      var problems = values.refusals.values.sorted()
      var bareSettings: [String: String] = [:]
      for (_, setting) in values.settings.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        if !setting.name.isEmpty, !ConnectionVariable.isPrefixed(setting.name) {
          bareSettings[setting.name] = setting.origin
        }
        do {
          try setting.apply(to: &connection, of: name, values: values)
        } catch {
          problems.append("\(setting.origin): host \(name), \(error)")
        }
      }
      if name == TransportChoice.localHost { connection.transport = .local }
      for group in base.groups { members[group, default: []].append(name) }
      var described = InventoryHost(
        name: name, groups: base.groups, connection: connection, vars: values.vars)
      described.bareSettings = bareSettings
      described.problems = problems
      result.append(described)
    }
    return Inventory(hosts: result, groups: members, source: source)
  }

  /// The groups of a host and their values: `all` first, then parents before children; of groups at one depth
  /// the later in the alphabet wins, as in Ansible.
  private func inherited(
    by direct: [String], ancestors: [String: (depth: Int, names: Set<String>)]
  ) -> (groups: [String], values: Values) {
    var names: Set<String> = []
    for group in direct {
      names.insert(group)
      names.formUnion(ancestors[group]?.names ?? [])
    }
    names.remove("all")
    let sorted = names.sorted { (ancestors[$0]?.depth ?? 1, $0) < (ancestors[$1]?.depth ?? 1, $1) }
    var values = groups["all"]?.values ?? Values()
    for group in sorted { values.override(by: groups[group]?.values ?? Values()) }
    return (sorted, values)
  }

  /// For each group its ancestors and its greatest distance from `all`.
  private func lineage() throws -> [String: (depth: Int, names: Set<String>)] {
    var parents: [String: [String]] = [:]
    var waiting: [String: Int] = [:]
    for (name, group) in groups {
      for child in group.children {
        parents[child, default: []].append(name)
        waiting[child, default: 0] += 1
      }
    }
    var result: [String: (depth: Int, names: Set<String>)] = [:]
    var ready = groups.keys.filter { waiting[$0] == nil }
    while let name = ready.popLast() {
      var depth = name == "all" ? 0 : 1
      var names: Set<String> = []
      for parent in parents[name] ?? [] {
        guard let known = result[parent] else { continue }
        depth = max(depth, known.depth + 1)
        names.formUnion(known.names)
        names.insert(parent)
      }
      result[name] = (depth, names)
      for child in groups[name]?.children ?? [] {
        waiting[child, default: 1] -= 1
        if waiting[child] == 0 { ready.append(child) }
      }
    }
    guard let stuck = groups.keys.filter({ result[$0] == nil }).min() else { return result }
    throw InventoryError(
      "the groups contain each other in a circle: \(circle(from: stuck, parents: parents, known: Set(result.keys)))"
    )
  }

  /// The groups of a circle, from the first in the alphabet around to it again.
  private func circle(from start: String, parents: [String: [String]], known: Set<String>) -> String {
    var path = [start]
    while let parent = parents[path[path.count - 1]]?.filter({ !known.contains($0) }).min() {
      guard let index = path.firstIndex(of: parent) else {
        path.append(parent)
        continue
      }
      let names = Array(path[index...].reversed())
      let first = names.indices.min { names[$0] < names[$1] } ?? 0
      return (names[first...] + names[..<first] + [names[first]]).joined(separator: " → ")
    }
    return start
  }
}

extension InventoryDraft.Setting {
  /// Applies it to a host.
  ///
  /// - Throws: `InventoryError` without a place, if it names variables that the host doesn't have.
  func apply(to connection: inout ConnectionSettings, of host: String, values: InventoryDraft.Values) throws {
    switch kind {
    case .setting(_, let apply): apply(&connection)
    case .template(_, let make):
      let filled: InventoryValue
      do {
        filled = try ConnectionTemplate.filled(value) { values.variable($0, of: host) }
      } catch let error as InventoryError {
        throw InventoryError("\(name): \(error.description)")
      }
      switch try make(filled) {
      case .setting(_, let apply): apply(&connection)
      case .unsupported(let why): throw InventoryError(why)
      default: break
      }
    default: break
    }
  }
}

extension InventoryDraft.Values {
  /// What a template in a connection setting means by a name: a variable of the host, another setting as it is
  /// written, or one of Ansible's own.
  fileprivate func variable(_ name: String, of host: String) -> InventoryValue? {
    if let variable = vars[name] { return variable.value }
    if let setting = settings.values.first(where: { $0.name == name }) { return setting.value }
    switch name {
    case "inventory_hostname": return .string(host)
    case "inventory_hostname_short": return .string(host.split(separator: ".").first.map(String.init) ?? host)
    default: return nil
    }
  }
}
