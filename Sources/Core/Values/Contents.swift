/// What a file is to hold: text or bytes, some of it possibly secret.
///
///     File("/etc/motd", content: "Managed host\n")
///     File("/etc/shop/token", content: "token=\(token)\n", mode: 0o600)     // token: Secret
///
/// Interpolating a `Secret` keeps it a secret: a diff of such a file shows no contents.
public struct Contents: Sendable, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
  /// The bytes to be written, secrets in clear.
  public private(set) var bytes: [UInt8]
  /// The secrets among them.
  public private(set) var secrets: [Secret] = []

  public init(bytes: [UInt8]) { self.bytes = bytes }

  /// Bytes with secrets among them, as a template makes them.
  public init(bytes: [UInt8], secrets: [Secret]) {
    self.bytes = bytes
    self.secrets = secrets
  }

  public init(_ text: String) { bytes = Array(text.utf8) }

  public init(stringLiteral value: String) { self.init(value) }

  public init(stringInterpolation: StringInterpolation) { self = stringInterpolation.contents }

  /// Joins two contents; what is secret stays so.
  public static func + (first: Contents, second: Contents) -> Contents {
    var both = first
    both.bytes += second.bytes
    both.secrets += second.secrets
    return both
  }

  /// Whether a part of it is secret.
  public var isSecret: Bool { !secrets.isEmpty }

  /// How many bytes there are; never the contents.
  public var description: String { isSecret ? "*** (\(bytes.count) bytes)" : "\(bytes.count) bytes" }

  /// Builds contents from a literal with values in it.
  public struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var contents = Contents(bytes: [])

    public init(literalCapacity: Int, interpolationCount: Int) {
      contents.bytes.reserveCapacity(literalCapacity + interpolationCount * 16)
    }

    public mutating func appendLiteral(_ literal: String) { contents.bytes += Array(literal.utf8) }

    /// A secret, revealed in the bytes and remembered as one.
    public mutating func appendInterpolation(_ secret: Secret) {
      contents.bytes += Array(secret.reveal().utf8)
      contents.secrets.append(secret)
    }

    /// Other contents, with their secrets.
    public mutating func appendInterpolation(_ other: Contents) { contents = contents + other }

    /// Any other value, as its description.
    public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
      contents.bytes += Array(value.description.utf8)
    }
  }
}
