/// Where a setting was written.
public struct ConfigOrigin: Sendable, Hashable, CustomStringConvertible {
  /// The file's path as it was opened, or `command line` for what `-o` said.
  public let file: String
  /// The line, from 1; 0 on the command line.
  public let line: Int

  init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  static let commandLine = ConfigOrigin(file: "command line", line: 0)

  public var description: String { line == 0 ? file : "\(file):\(line)" }
}

/// Why a configuration can't be used: what is wrong, where, and what to do.
///
/// Where `ssh` refuses a configuration, it is refused here too: a setting that is read differently than the user's
/// `ssh` reads it may mean another host or another key.
public struct SSHConfigError: Error, Sendable, Hashable, CustomStringConvertible {
  /// The line that is wrong; nil if it isn't one line.
  public let origin: ConfigOrigin?
  /// What is wrong and what to do.
  public let message: String

  init(_ message: String, at origin: ConfigOrigin? = nil) {
    self.origin = origin
    self.message = message
  }

  public var description: String { origin.map { "\($0): \(message)" } ?? message }
}
