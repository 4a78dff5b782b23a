// What people write, which Swift would refuse in words that don't say what to write instead.

@available(*, unavailable, message: "write the mode as a number in octal: 0o644")
extension FileMode: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self.init(0) }
}
