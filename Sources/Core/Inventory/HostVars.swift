#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The variables that a play takes from the inventory, as a type of the playbook's own.
///
///     struct Vars: HostVars {
///       var domain = ""
///       var workers = 3
///       var secretKey: Secret?
///     }
///
/// Every property has a default or is optional. The inventory's values are laid over the defaults, maps key by
/// key. A value of another type, and a key that no play of the playbook knows, are errors that name the place.
public protocol HostVars: Codable, Sendable {
  /// The variables of a host for which the inventory says nothing.
  init()
}

/// For a play without variables.
public struct NoVars: HostVars {
  public init() {}
}

extension HostVars {
  /// The names that the inventory may set.
  package static func knownNames() throws -> Set<String> {
    let value = Self()
    var names = Set(Mirror(reflecting: value).children.compactMap(\.label))
    if case .map(let encoded) = try encodedDefaults() { names.formUnion(encoded.keys) }
    return names
  }

  private static func encodedDefaults() throws -> InventoryValue {
    let encoder = JSONEncoder()
    if let key = CodingUserInfoKey.standsInForSecrets { encoder.userInfo[key] = true }
    return try JSONDecoder().decode(InventoryValue.self, from: encoder.encode(Self()))
  }

  /// The variables of one host.
  ///
  /// - Throws: ``InventoryError`` that names the place, the host, the key and what was expected.
  package static func decode(for host: InventoryHost) throws -> Self {
    let names = try knownNames()
    let given = host.vars.filter { names.contains($0.key) }
    let merged = InventoryValue.map(given.mapValues(\.value)).merged(over: try encodedDefaults())
    do {
      return try JSONDecoder().decode(Self.self, from: JSONEncoder().encode(merged))
    } catch let error as DecodingError {
      throw InventoryError(explain(error, host: host, given: given))
    }
  }

  private static func explain(
    _ error: DecodingError, host: InventoryHost, given: [String: InventoryVariable]
  ) -> String {
    let path: [any CodingKey]
    let expected: String
    // Where a number is wanted, what stands there instead is no secret; anywhere else it may be one.
    var showsValue = false
    switch error {
    case .typeMismatch(let type, let context):
      path = context.codingPath
      showsValue =
        type is Bool.Type || type is any BinaryInteger.Type || type is any BinaryFloatingPoint.Type
      expected = "expected \(words(for: type))"
    case .valueNotFound(let type, let context):
      path = context.codingPath
      expected = "expected \(words(for: type))"
    case .keyNotFound(let key, let context):
      path = context.codingPath + [key]
      expected = "it has no value: give the property a default, or set it in the inventory"
    case .dataCorrupted(let context):
      path = context.codingPath
      expected = context.debugDescription
    @unknown default:
      path = []
      expected = "\(error)"
    }
    if path.isEmpty, let culprit = misfit(among: given) {
      return "\(culprit.value.origin): host \(host.name), variable \(culprit.key): "
        + "the value doesn't fit its type, found \(culprit.value.value.kind)"
    }
    let key = path.map { $0.intValue.map { "[\($0)]" } ?? "." + $0.stringValue }.joined().dropFirst()
    let variable = path.first.flatMap { given[$0.stringValue] }
    var found = variable?.value
    for step in path.dropFirst() {
      switch found {
      case .map(let map): found = map[step.stringValue]
      case .list(let list): found = step.intValue.flatMap { list.indices.contains($0) ? list[$0] : nil }
      default: found = nil
      }
    }
    let origin = variable.map { $0.origin + ": " } ?? ""
    let but = found.map { ", found \(showsValue ? $0.kind : $0.kindAlone)" } ?? ""
    return "\(origin)host \(host.name), variable \(key): \(expected)\(but)"
  }

  /// The variable that can't be decoded even alone: for a number that doesn't fit, as 1.5 where a whole number is
  /// wanted, the decoder names no key.
  private static func misfit(
    among given: [String: InventoryVariable]
  ) -> (key: String, value: InventoryVariable)? {
    given.sorted { $0.key < $1.key }.first { key, variable in
      guard let defaults = try? encodedDefaults(),
        let alone = try? JSONEncoder().encode(
          InventoryValue.map([key: variable.value]).merged(over: defaults))
      else { return true }
      return (try? JSONDecoder().decode(Self.self, from: alone)) == nil
    }
  }

  private static func words(for type: Any.Type) -> String {
    switch type {
    case is Bool.Type: "true or false"
    case is any BinaryInteger.Type: "a whole number"
    case is any BinaryFloatingPoint.Type: "a number"
    case is String.Type, is Secret.Type, is RemotePath.Type: "a text (in quotes, if it looks like a number)"
    case is [Any].Type: "a list"
    case is [String: Any].Type: "a map"
    default: "a value of type \(type)"
    }
  }
}
