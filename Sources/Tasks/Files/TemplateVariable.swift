public import MartletCore

/// A value that a template can show or ask about: texts, numbers, truth values, secrets, lists and maps of
/// them.
///
///     Template("/etc/shop.conf", source: "shop.conf", vars: ["domain": host.vars.domain, "ports": [80, 443]])
public protocol TemplateVariable: Sendable {
  /// The value in a form that templates know; nil leaves the variable out.
  var templateValue: TemplateValue? { get }
}

/// A value in the form that templates know.
@frozen public enum TemplateValue: Sendable, Hashable {
  case text(String)
  case number(Int)
  case decimal(Double)
  case bool(Bool)
  case secret(Secret)
  case list([TemplateValue])
  case map([String: TemplateValue])

  /// The value as Stencil takes it, secrets in clear.
  var plain: Any {
    switch self {
    case .text(let value): value
    case .number(let value): value
    case .decimal(let value): value
    case .bool(let value): value
    case .secret(let value): value.reveal()
    case .list(let values): values.map(\.plain)
    case .map(let values): values.mapValues(\.plain)
    }
  }

  /// The secrets in it, at every depth.
  var secrets: [Secret] {
    switch self {
    case .secret(let secret): [secret]
    case .list(let values): values.flatMap(\.secrets)
    case .map(let values): values.values.flatMap(\.secrets)
    case .text, .number, .decimal, .bool: []
    }
  }
}

extension TemplateValue: TemplateVariable {
  public var templateValue: TemplateValue? { self }
}

extension String: TemplateVariable {
  public var templateValue: TemplateValue? { .text(self) }
}

extension Int: TemplateVariable {
  public var templateValue: TemplateValue? { .number(self) }
}

extension Double: TemplateVariable {
  public var templateValue: TemplateValue? { .decimal(self) }
}

extension Bool: TemplateVariable {
  public var templateValue: TemplateValue? { .bool(self) }
}

extension Secret: TemplateVariable {
  public var templateValue: TemplateValue? { .secret(self) }
}

extension RemotePath: TemplateVariable {
  public var templateValue: TemplateValue? { .text(string) }
}

extension Optional: TemplateVariable where Wrapped: TemplateVariable {
  public var templateValue: TemplateValue? { flatMap(\.templateValue) }
}

extension Array: TemplateVariable where Element: TemplateVariable {
  public var templateValue: TemplateValue? { .list(compactMap(\.templateValue)) }
}

extension Dictionary: TemplateVariable where Key == String, Value: TemplateVariable {
  public var templateValue: TemplateValue? { .map(compactMapValues(\.templateValue)) }
}
