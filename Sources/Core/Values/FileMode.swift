/// The permission bits of a file, written in octal: `0o644`.
///
/// Swift reads `644` as a decimal number, whose bits are another mode altogether. The decimal forms of the
/// usual modes make no sense as modes, so they are refused when the playbook is planned.
public struct FileMode: Hashable, Sendable, Checked, ExpressibleByIntegerLiteral, CustomStringConvertible {
  /// The twelve low bits of `st_mode` (chmod(2)).
  public let bits: UInt16

  public init(_ bits: UInt16) { self.bits = bits }

  public init(integerLiteral value: UInt16) { self.init(value) }

  /// Four octal digits, as in `0644`.
  public var description: String {
    let digits = String(bits, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  private static let decimalLookalikes: Set<UInt16> = [
    440, 600, 640, 644, 660, 664, 700, 711, 750, 751, 755, 770, 775, 777, 1777, 2755, 2775,
  ]

  public var problem: String? {
    if Self.decimalLookalikes.contains(bits) {
      return "the mode \(bits) is a decimal number: write it in octal, as 0o\(bits)"
    }
    if bits > 0o7777 { return "the mode \(bits) has more than the twelve bits of a file mode" }
    return nil
  }
}
