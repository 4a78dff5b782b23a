/// A place in a playbook, as messages show it: `Shop/Shop.swift:12`.
public struct SourceLocation: Sendable, Hashable, CustomStringConvertible, Codable {
  /// The module and file, from `#fileID`.
  public var file: String
  /// The line, counted from one.
  public var line: Int

  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  public var description: String { "\(file):\(line)" }
}
