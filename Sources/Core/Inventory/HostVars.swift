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
/// key. A value of another type, and a name that is nearly one of these, are errors that name the place; other
/// variables that no play knows are left alone. The elements of a list or map are laid over the defaults of their type
/// if that is a `HostVars` too:
///
///     struct Vars: HostVars {
///       struct Site: HostVars {
///         var name = ""
///         var port = 80
///       }
///       var sites: [Site] = []
///     }
public protocol HostVars: Codable, Sendable {
  /// The variables of a host for which the inventory says nothing.
  init()
}

extension HostVars {
  // What Swift says where a property has neither default nor `?`, and so no `init()` is there.
  @available(
    *, unavailable,
    message: "give each property a default, as in var title = \"\", or make it optional: var title: String?"
  )
  public init() { fatalError("not available") }
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

  /// A value laid over the defaults, and so the elements of its lists and maps.
  fileprivate static func completed(_ value: InventoryValue) throws -> InventoryValue {
    let merged = value.merged(over: try encodedDefaults())
    guard case .map(var map) = merged else { return merged }
    for child in Mirror(reflecting: Self()).children {
      // Asking for the type's conformance takes a while, and most variables are texts and numbers.
      guard let name = child.label, let value = map[name], value.hasParts,
        let type = type(of: child.value) as? any VarsHolding.Type
      else { continue }
      map[name] = try type.completed(value)
    }
    return .map(map)
  }

  /// The variables of one host.
  ///
  /// - Throws: ``InventoryError`` that names the place, the host, the key and what was expected.
  package static func decode(for host: InventoryHost) throws -> Self {
    let names = try knownNames()
    let given = host.vars.filter { names.contains($0.key) }
    let merged = try completed(.map(given.mapValues(\.value)))
    do {
      let decoder = JSONDecoder()
      return try decoder.decode(Self.self, from: JSONEncoder().encode(merged))
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
      expected =
        context.codingPath.isEmpty
        ? "it has no value: give the property a default, or set it in the inventory"
        : "it has no value: set it, or let the element's type be a HostVars, whose defaults count"
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
      guard let alone = try? JSONEncoder().encode(completed(.map([key: variable.value]))) else {
        return true
      }
      let decoder = JSONDecoder()
      return (try? decoder.decode(Self.self, from: alone)) == nil
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

extension InventoryValue {
  fileprivate var hasParts: Bool {
    switch self {
    case .list, .map: true
    default: false
    }
  }
}

/// A type that holds values of a ``HostVars``: a list, a map, an optional.
private protocol VarsHolding {
  static func completed(_ value: InventoryValue) throws -> InventoryValue
}

extension Array: VarsHolding where Element: HostVars {
  fileprivate static func completed(_ value: InventoryValue) throws -> InventoryValue {
    guard case .list(let values) = value else { return value }
    return .list(try values.map { try Element.completedElement($0) })
  }
}

extension Dictionary: VarsHolding where Key == String, Value: HostVars {
  fileprivate static func completed(_ value: InventoryValue) throws -> InventoryValue {
    guard case .map(let values) = value else { return value }
    return .map(try values.mapValues { try Value.completedElement($0) })
  }
}

extension Optional: VarsHolding where Wrapped: HostVars {
  fileprivate static func completed(_ value: InventoryValue) throws -> InventoryValue {
    try Wrapped.completedElement(value)
  }
}

extension HostVars {
  /// What isn't a map at all is left to the decoder, which says so.
  fileprivate static func completedElement(
    _ value: InventoryValue
  ) throws -> InventoryValue {
    guard case .map = value else { return value }
    return try completed(value)
  }
}
