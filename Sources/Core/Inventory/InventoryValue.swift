/// A value of a variable as it stands in an inventory, before a playbook's type makes sense of it.
@frozen public enum InventoryValue: Sendable, Hashable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case list([InventoryValue])
  case map([String: InventoryValue])

  /// What kind of value it is, in words of messages.
  public var kind: String {
    switch self {
    case .null: "nothing"
    case .bool(let value): "the truth value \(value)"
    case .int(let value): "the number \(value)"
    case .double(let value): "the number \(value)"
    case .string(let value): "the text \"\(value)\""
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// The same without the value, for where it may be a secret.
  package var kindAlone: String {
    switch self {
    case .null: "nothing"
    case .bool: "a truth value"
    case .int, .double: "a number"
    case .string: "a text"
    case .list: "a list"
    case .map: "a map"
    }
  }

  /// The map over another, key by key and at every depth; anything but two maps is replaced.
  package func merged(over base: InventoryValue) -> InventoryValue {
    guard case .map(let mine) = self, case .map(let theirs) = base else { return self }
    return .map(theirs.merging(mine) { $1.merged(over: $0) })
  }
}

extension InventoryValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .int(value)
    } else if let value = try? container.decode(Double.self) {
      self = .double(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([InventoryValue].self) {
      self = .list(value)
    } else {
      self = .map(try container.decode([String: InventoryValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .double(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .list(let value): try container.encode(value)
    case .map(let value): try container.encode(value)
    }
  }
}
