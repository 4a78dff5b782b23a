/// What a command on a lab server left: its exit status and all that it wrote.
public struct LabOutput: Sendable, Equatable {
  /// The exit status as a shell's `$?` shows it: 128 and the signal's number where one ended it.
  public let status: Int32
  /// What it wrote to standard output.
  public let output: [UInt8]
  /// What it wrote to standard error.
  public let errors: [UInt8]

  /// Standard output as text.
  public var text: String { String(decoding: output, as: UTF8.self) }
  /// Standard error as text.
  public var errorText: String { String(decoding: errors, as: UTF8.self) }
}
