internal import MartletCore
internal import Yams

/// A value of a YAML file with the line that it stands on.
struct YAMLNode {
  enum Value {
    case scalar(InventoryValue)
    case list([YAMLNode])
    case map([Entry])
  }

  struct Entry {
    var key: String
    var line: Int
    var node: YAMLNode
  }

  var value: Value
  var line: Int

  var isNull: Bool {
    if case .scalar(.null) = value { true } else { false }
  }

  /// The value without its lines.
  var plain: InventoryValue {
    switch value {
    case .scalar(let value): value
    case .list(let nodes): .list(nodes.map(\.plain))
    case .map(let entries): .map(Dictionary(entries.map { ($0.key, $0.node.plain) }) { _, last in last })
    }
  }
}

/// Reads YAML as Ansible's inventories are written: YAML 1.1 as PyYAML understands it, but `12:30` is a text,
/// not the number 750.
struct YAMLReader {
  let file: String
  /// How many values are read at most: each takes a byte at least, so only aliases can name more. Aliases of
  /// aliases could name more than there are atoms (CVE-2003-1564).
  private var budget: Int

  private init(file: String, size: Int) {
    self.file = file
    budget = 500_000 + size
  }

  /// The value of a file with one document.
  ///
  /// - Throws: `InventoryError` with the file and the line.
  static func read(_ text: String, file: String) throws -> YAMLNode? {
    do {
      // The rules that tell a number from a text are regular expressions in Yams; `Resolver.basic` has none, and
      // `scalar` below does it many times faster, which 50,000 hosts need.
      guard let node = try compose(yaml: text, .basic) else { return nil }
      var reader = YAMLReader(file: file, size: text.utf8.count)
      return try reader.read(node)
    } catch let error as YamlError {
      throw explain(error, text: text, file: file)
    }
  }

  private static func explain(_ error: YamlError, text: String, file: String) -> InventoryError {
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      if let line = lineWithTab(in: text, upTo: mark.line) {
        return InventoryError(
          "\(file):\(line): the line is indented with a tab, which YAML forbids: use blanks")
      }
      let about = context.map { " (\($0.text), line \($0.mark.line))" } ?? ""
      return InventoryError("\(file):\(mark.line): no valid YAML: \(problem)\(about)")
    case .duplicatedKeysInMapping(let keys, let context):
      let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
      return InventoryError(
        "\(file):\(context.mark.line): \(names) stands more than once in the map that begins here: only one would count"
      )
    default: return InventoryError("\(file): no valid YAML: \(error)")
    }
  }

  private static func lineWithTab(in text: String, upTo last: Int) -> Int? {
    let lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).prefix(last)
    let index = lines.firstIndex { $0.prefix { $0 == 0x20 || $0 == 0x09 }.contains(0x09) }
    return index.map { lines.distance(from: lines.startIndex, to: $0) + 1 }
  }

  private mutating func read(_ node: Node) throws -> YAMLNode {
    budget -= 1
    let line = node.mark?.line ?? 0
    guard budget > 0 else {
      throw InventoryError(
        "\(file):\(line): the file has too many values, its aliases (*name) counted in full")
    }
    let tag = explicitTag(of: node)
    guard !tag.hasPrefix("!") || tag == "!" || tag == "!unsafe" else {
      let hint =
        tag.hasPrefix("!vault")
        ? ": encrypted values are not supported yet; write env:NAME or file:PATH and have the secret there"
        : ""
      throw InventoryError("\(file):\(line): the tag \(tag) is not understood\(hint)")
    }
    switch node {
    case .scalar(let scalar):
      let isText = scalar.style != .plain || tag == "!" || tag == "!unsafe" || tag.hasSuffix(":str")
      return YAMLNode(
        value: .scalar(isText ? .string(scalar.string) : Self.scalar(scalar.string)), line: line)
    case .sequence(let sequence):
      return YAMLNode(value: .list(try sequence.map { try read($0) }), line: line)
    case .mapping(let mapping):
      return YAMLNode(value: .map(try entries(of: mapping)), line: line)
    case .alias:
      throw InventoryError("\(file):\(line): the alias has no anchor before it")
    }
  }

  /// The tag that stands in the file, empty if none does. (`Node.tag` would make one up.)
  private func explicitTag(of node: Node) -> String {
    switch node {
    case .scalar(let scalar): scalar.tag.description
    case .sequence(let sequence): sequence.tag.description
    case .mapping(let mapping): mapping.tag.description
    case .alias: ""
    }
  }

  private mutating func entries(of mapping: Node.Mapping) throws -> [YAMLNode.Entry] {
    var entries: [YAMLNode.Entry] = []
    var merged: [YAMLNode.Entry] = []
    for (key, node) in mapping {
      let line = key.mark?.line ?? 0
      guard case .scalar(let scalar) = key else {
        throw InventoryError("\(file):\(line): a key must be a text, not a list or a map")
      }
      let value = try read(node)
      guard scalar.string == "<<", scalar.style == .plain else {
        entries.append(YAMLNode.Entry(key: scalar.string, line: line, node: value))
        continue
      }
      let sources: [YAMLNode] = if case .list(let nodes) = value.value { nodes } else { [value] }
      for source in sources {
        guard case .map(let others) = source.value else {
          throw InventoryError("\(file):\(line): << takes a map, or a list of maps")
        }
        merged += others
      }
    }
    guard !merged.isEmpty else { return entries }
    // What stands in the map itself wins, then the earlier of the merged maps (yaml.org/type/merge.html).
    var known = Set(entries.map(\.key))
    for entry in merged where known.insert(entry.key).inserted { entries.append(entry) }
    return entries
  }

  /// What a plain scalar means in YAML 1.1 (yaml.org/type/).
  static func scalar(_ text: String) -> InventoryValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .bool(true)
    case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .bool(false)
    default: break
    }
    guard let first = text.utf8.first, first <= 0x39 else { return .string(text) }
    return number(text) ?? .string(text)
  }

  private static func number(_ text: String) -> InventoryValue? {
    let isNegative = text.hasPrefix("-")
    let digits = text.drop { $0 == "-" || $0 == "+" }.filter { $0 != "_" }
    guard text.count - text.drop(while: { $0 == "-" || $0 == "+" }).count <= 1, let first = digits.first
    else {
      return nil
    }
    let sign = isNegative ? "-" : ""
    if digits.hasPrefix("0x") { return Int(sign + digits.dropFirst(2), radix: 16).map { .int($0) } }
    if digits.hasPrefix("0o") { return Int(sign + digits.dropFirst(2), radix: 8).map { .int($0) } }
    if digits.hasPrefix("0b") { return Int(sign + digits.dropFirst(2), radix: 2).map { .int($0) } }
    if digits.allSatisfy({ ("0"..."9").contains($0) }) {
      if digits.count > 1, first == "0" { return Int(sign + digits, radix: 8).map { .int($0) } }
      return Int(sign + digits).map { .int($0) }
    }
    switch digits {
    case ".inf", ".Inf", ".INF": return .double(isNegative ? -.infinity : .infinity)
    case ".nan", ".NaN", ".NAN": return .double(.nan)
    default: break
    }
    // As in PyYAML, a number with an exponent but no point is a text: 1e3 is more often a commit or a name.
    guard digits.contains("."), digits.allSatisfy({ "0123456789.eE+-".contains($0) }) else { return nil }
    return Double(sign + digits).map { .double($0) }
  }
}
