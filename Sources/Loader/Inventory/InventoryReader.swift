internal import MartletCore

/// Reads the groups and hosts of one YAML file into a draft.
struct InventoryReader {
  let file: String
  let source: Int
  let folder: String
  private let allowsBareNames: Bool
  private(set) var warnings: [String] = []
  private var seenWarnings: Set<String> = []

  private init(file: String, source: Int, root: [YAMLNode.Entry]) {
    self.file = file
    self.source = source
    folder = LocalPath.folder(of: file)
    allowsBareNames = !Self.hasPrefixedNames(root)
  }

  /// Reads the file's root into the draft.
  ///
  /// - Returns: What the user should know.
  /// - Throws: `InventoryError` with the file and the line.
  static func read(_ root: YAMLNode, file: String, source: Int, into draft: inout InventoryDraft) throws
    -> [String]
  {
    guard case .map(let entries) = root.value else {
      throw InventoryError("\(file):\(root.line): expected groups, found \(root.plain.kind)")
    }
    var reader = InventoryReader(file: file, source: source, root: entries)
    try reader.read(entries, into: &draft)
    return reader.warnings
  }

  /// Whether the file uses names as `ansible_host`: then `port` and `user` are ordinary variables in it.
  private static func hasPrefixedNames(_ entries: [YAMLNode.Entry]) -> Bool {
    entries.contains { entry in
      if entry.key.hasPrefix("ansible_") || entry.key.hasPrefix("martlet_") { return true }
      guard case .map(let inner) = entry.node.value else { return false }
      return hasPrefixedNames(inner)
    }
  }

  private func failure(_ line: Int, _ message: String) -> InventoryError {
    InventoryError("\(file):\(line): \(message)")
  }

  private mutating func warn(_ line: Int, _ message: String) {
    if seenWarnings.insert(message).inserted { warnings.append("\(file):\(line): \(message)") }
  }

  /// The root is either a map of groups, as in Ansible, or the group `all` itself: `hosts`, `groups`, `vars`.
  private mutating func read(_ entries: [YAMLNode.Entry], into draft: inout InventoryDraft) throws {
    let ofAll = entries.filter { ["hosts", "vars", "children", "groups"].contains($0.key) }
    if !ofAll.isEmpty { try read(ofAll, ofGroup: "all", into: &draft) }
    for entry in entries where !["hosts", "vars", "children", "groups"].contains(entry.key) {
      try read(group: entry, into: &draft)
    }
  }

  private mutating func read(group entry: YAMLNode.Entry, into draft: inout InventoryDraft) throws {
    try check(group: entry.key, line: entry.line)
    draft.declare(group: entry.key)
    switch entry.node.value {
    case .scalar(.null): break
    case .map(let entries): try read(entries, ofGroup: entry.key, into: &draft)
    default:
      throw failure(
        entry.line,
        "the group \(entry.key): expected a map with hosts, vars and children, found \(entry.node.plain.kind)"
      )
    }
  }

  private func check(group name: String, line: Int) throws {
    let isFine =
      !name.isEmpty
      && name.unicodeScalars.allSatisfy { scalar in
        scalar.value > 0x20 && scalar.value != 0x7f && !":,&!*?[]/".unicodeScalars.contains(scalar)
      }
    guard isFine else {
      throw failure(
        line, "\(name.debugDescription) can't be the name of a group: patterns give its characters a meaning")
    }
  }

  private mutating func read(
    _ entries: [YAMLNode.Entry], ofGroup group: String, into draft: inout InventoryDraft
  ) throws {
    for entry in entries {
      switch entry.key {
      case "hosts": try read(hosts: entry, of: group, into: &draft)
      case "vars": try draft.add(values(of: entry, what: "vars of the group \(group)"), toGroup: group)
      case "children", "groups": try read(children: entry, of: group, into: &draft)
      default:
        let hint = suggestion(for: entry.key, among: ["hosts", "vars", "children"])
        throw failure(
          entry.line,
          "the group \(group) has the key \"\(entry.key)\", where only hosts, vars and children can stand\(hint)"
        )
      }
    }
  }

  private mutating func read(
    children entry: YAMLNode.Entry, of group: String, into draft: inout InventoryDraft
  ) throws {
    switch entry.node.value {
    case .scalar(.null): break
    case .map(let children):
      for child in children {
        try refuseAll(child.key, line: child.line)
        draft.add(child: child.key, to: group)
        if child.node.isNull {
          try check(group: child.key, line: child.line)
          draft.refer(toGroup: child.key, origin: "\(file):\(child.line)")
        } else {
          try read(group: child, into: &draft)
        }
      }
    case .list(let names):
      for node in names {
        guard case .scalar(.string(let name)) = node.value else {
          throw failure(
            node.line, "children of the group \(group): expected a group's name, found \(node.plain.kind)")
        }
        try refuseAll(name, line: node.line)
        draft.add(child: name, to: group)
        draft.refer(toGroup: name, origin: "\(file):\(node.line)")
      }
    default:
      throw failure(
        entry.line,
        "\(entry.key) of the group \(group): expected a map or a list, found \(entry.node.plain.kind)")
    }
  }

  private func refuseAll(_ name: String, line: Int) throws {
    if name == "all" { throw failure(line, "\"all\" holds every group and can't be the child of one") }
  }

  private mutating func read(
    hosts entry: YAMLNode.Entry, of group: String, into draft: inout InventoryDraft
  ) throws {
    switch entry.node.value {
    case .scalar(.null): break
    case .map(let hosts):
      for host in hosts {
        let values = try values(of: host, what: "the host \(host.key)")
        try add(host: host.key, line: host.line, values, to: group, into: &draft)
      }
    case .list(let names):
      for node in names {
        switch node.value {
        case .scalar(.string(let name)):
          try add(host: name, line: node.line, InventoryDraft.Values(), to: group, into: &draft)
        default:
          throw failure(
            node.line, "hosts of the group \(group): expected a host's name, found \(node.plain.kind)")
        }
      }
    case .scalar(.string(let name)):
      try add(host: name, line: entry.line, InventoryDraft.Values(), to: group, into: &draft)
    default:
      throw failure(
        entry.line, "hosts of the group \(group): expected a map or a list, found \(entry.node.plain.kind)")
    }
  }

  private mutating func add(
    host written: String, line: Int, _ values: InventoryDraft.Values, to group: String,
    into draft: inout InventoryDraft
  ) throws {
    let (pattern, port) = HostName.split(written)
    var values = values
    if let port {
      let setting = ConnectionVariable.Setting.port
      if values.settings[setting] == nil {
        values.settings[setting] = InventoryDraft.Setting(
          value: .int(port), origin: "\(file):\(line)", source: source,
          kind: .setting(setting) { $0.port = port })
      }
    }
    do {
      for name in try HostName.expand(pattern) {
        if let problem = HostName.problem(name) { throw InventoryError(problem) }
        try draft.add(host: name, values: values, to: group)
      }
    } catch let error as InventoryError {
      throw error.description.hasPrefix("\(file):") ? error : failure(line, error.description)
    }
  }

  /// The variables of a host or of a group's `vars`, sorted into those of the playbook and those that say how to
  /// reach the host.
  private mutating func values(of entry: YAMLNode.Entry, what: String) throws -> InventoryDraft.Values {
    var values = InventoryDraft.Values()
    if entry.node.isNull { return values }
    guard case .map(let variables) = entry.node.value else {
      throw failure(entry.line, "\(what): expected a map of variables, found \(entry.node.plain.kind)")
    }
    for variable in variables {
      let origin = "\(file):\(variable.line)"
      let value = variable.node.plain
      let kind: ConnectionVariable
      do {
        kind = try ConnectionVariable(variable.key, value, allowingBareNames: allowsBareNames, folder: folder)
      } catch let error as InventoryError {
        throw failure(variable.line, error.description)
      }
      switch kind {
      case .ordinary:
        noteTemplates(in: variable)
        if variable.key == "address" {
          warn(
            variable.line,
            "address is an ordinary variable here, as the file uses names like ansible_host: write ansible_host"
          )
        }
        values.vars[variable.key] = InventoryVariable(value, origin: origin)
        values.sources[variable.key] = source
      case .setting(let setting, _), .template(let setting, _):
        values.settings[setting] = InventoryDraft.Setting(
          name: variable.key, value: value, origin: origin, source: source, kind: kind)
      case .irrelevant: break
      case .unknown: warn(variable.line, "\(variable.key) is not known to Martlet and has no effect")
      case .unsupported(let why): values.refusals[variable.key] = "\(origin): \(why)"
      }
    }
    return values
  }

  private mutating func noteTemplates(in variable: YAMLNode.Entry) {
    guard case .scalar(.string(let text)) = variable.node.value, text.contains("{{") else { return }
    warn(
      variable.line,
      "\(variable.key) holds a template ({{ … }}): it is not filled in, and stays as it is written")
  }
}
