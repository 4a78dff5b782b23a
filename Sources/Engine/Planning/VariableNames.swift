internal import MartletCore

/// What the names of hosts' variables have to do with those that the plays declare.
struct VariableNames {
  /// The names that the plays declare.
  let known: Set<String>
  /// For each other name the declared one that it is nearly, if any: worked out once for all hosts.
  private var nearest: [String: String?] = [:]

  init(known: Set<String>) { self.known = known }

  /// Names that were probably meant to be another, and names that mean two things.
  ///
  /// A variable that no play declares is nobody's business: an inventory serves several playbooks. One that is nearly
  /// the name of a declared one would leave that at its default, so it is an error, unless that is set as well.
  mutating func problems(of host: InventoryHost) -> [String] {
    var problems: [String] = []
    for (name, origin) in host.bareSettings.sorted(by: { $0.key < $1.key }) where known.contains(name) {
      problems.append(
        "\(origin): \(name) says how the host is reached, and the plays have a variable \(name) too: \(way(outOf: name))"
      )
    }
    for (name, variable) in host.vars.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
      guard let near = near(name), host.vars[near] == nil else { continue }
      problems.append(
        "\(variable.origin): no play of this playbook knows the variable \"\(name)\"; did you mean \"\(near)\"?"
          + " (if it is another playbook's, set \(near) as well)")
    }
    return problems
  }

  private func way(outOf name: String) -> String {
    // The others mean the connection with and without a prefix.
    guard ["address", "port", "user", "key", "become"].contains(name) else {
      return "call the property of Vars otherwise"
    }
    return
      "write martlet_\(name) for the connection, and martlet_ before the file's other bare settings, as a file that "
      + "does so leaves address, port, user, key and become to the plays; or call the property of Vars otherwise"
  }

  private mutating func near(_ name: String) -> String? {
    if let found = nearest[name] { return found }
    // db1 is not db2 misspelt.
    func letters(_ name: String) -> String { name.filter { !("0"..."9").contains($0) } }
    let found = nearestWord(to: name, among: known.filter { letters($0) != letters(name) })
    nearest[name] = .some(found)
    return found
  }
}
