internal import MartletCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A reference to a variable in a connection setting, as `ansible_become_password: "{{ vault_become }}"`.
///
/// The name of a variable of the same host is filled in, whole or as part of a text. All else that Jinja knows is
/// refused: taken literally, braces would be sent to sudo as a password.
enum ConnectionTemplate {
  /// How long a chain of variables may be that name each other.
  private static let depthLimit = 10

  /// Whether a value holds something of Jinja's.
  static func isIn(_ value: InventoryValue) -> Bool {
    switch value {
    case .string(let text): text.contains("{{") || text.contains("{%")
    case .list(let values): values.contains(where: isIn)
    default: false
    }
  }

  /// The value with variables filled in.
  ///
  /// - Throws: ``InventoryError`` without a place. It never shows the value, which may be a password.
  static func filled(
    _ value: InventoryValue, depth: Int = 0, variable: (String) -> InventoryValue?
  ) throws -> InventoryValue {
    guard depth < depthLimit else {
      throw InventoryError("the variables that it names lead in a circle, or through more than \(depthLimit)")
    }
    guard isIn(value) else { return value }
    switch value {
    case .list(let values):
      return .list(try values.map { try filled($0, depth: depth, variable: variable) })
    case .string(let text): return try filled(text, depth: depth, variable: variable)
    default: return value
    }
  }

  private static func filled(
    _ text: String, depth: Int, variable: (String) -> InventoryValue?
  ) throws -> InventoryValue {
    guard !text.contains("{%") else { throw refusal }
    var result = ""
    var rest = text[...]
    while let open = range(of: "{{", in: rest) {
      guard let close = range(of: "}}", in: rest[open.upperBound...]) else { throw refusal }
      let value = try self.value(
        of: rest[open.upperBound..<close.lowerBound].trimmed, depth: depth, variable: variable)
      let before = rest[..<open.lowerBound]
      rest = rest[close.upperBound...]
      if result.isEmpty, before.isEmpty, rest.isEmpty { return value }
      switch value {
      case .string(let text): result += before + text
      case .int(let number): result += before + String(number)
      default:
        throw InventoryError("it names a variable that is \(value.kind), where a text or a number is needed")
      }
    }
    return .string(result + rest)
  }

  private static func value(
    of expression: String, depth: Int, variable: (String) -> InventoryValue?
  ) throws -> InventoryValue {
    if let name = environmentVariable(of: expression) { return try environment(name) }
    let names = expression.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard names.allSatisfy(isName), let first = names.first else { throw refusal }
    var found = variable(first)
    for name in names.dropFirst() {
      guard case .map(let map) = found else { break }
      found = map[name]
    }
    guard let found, found != .null else {
      throw InventoryError(
        "it names the variable \(expression), which the inventory doesn't have for this host"
          + (first.hasPrefix("vault_")
            ? ": Ansible's vaults are not read; write env:NAME or file:PATH and have the secret there" : ""))
    }
    return try filled(found, depth: depth + 1, variable: variable)
  }

  /// `NAME` of `lookup('env', 'NAME')`.
  private static func environmentVariable(of expression: String) -> String? {
    let words = expression.split { "(), \t'\"".contains($0) }
    guard words.count == 3, words[0] == "lookup", ["env", "ansible.builtin.env"].contains(words[1]),
      expression.hasPrefix("lookup("), expression.hasSuffix(")"), isName(String(words[2]))
    else { return nil }
    return String(words[2])
  }

  private static func environment(_ name: String) throws -> InventoryValue {
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
      throw InventoryError("the environment variable \(name) is not set")
    }
    return .string(value)
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
      byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
        || (0x61...0x7a).contains(byte)
    }
  }

  private static func range(of text: String, in rest: Substring) -> Range<Substring.Index>? {
    var index = rest.startIndex
    while index < rest.endIndex {
      if rest[index...].hasPrefix(text) { return index..<rest.index(index, offsetBy: text.count) }
      index = rest.index(after: index)
    }
    return nil
  }

  private static let refusal = InventoryError(
    "it holds an expression of Jinja that is not understood: only {{ name }}, of a variable of the same host, is filled in; write the value itself, or env:NAME for a secret"
  )
}
