public import MartletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// How a command ends, run while looking: for guards. It must change nothing.
///
///     var observes: CommandResult { CommandResult("systemctl is-enabled --quiet shop") }
///     func decide(given result: CommandOutcome) -> Decision { result.succeeded ? .unchanged : … }
///
/// It reads no input, and is stopped after 30 seconds where the host has timeout(1); that is an error.
public struct CommandResult: ProbedFact, CustomStringConvertible {
  public typealias Value = CommandOutcome

  /// How much of the output is kept, in bytes.
  public static let outputLimit = 16 * 1024
  /// How long a command may take, in seconds.
  public static let timeLimit = 30

  /// The command.
  public let command: ShellCommand
  /// The user to run it as, by runuser(1) from root, by sudo(8) or doas(1) from others; nil for the one whom the play
  /// runs as.
  public let user: String?
  /// The folder to run it in; nil for `/`.
  public let folder: RemotePath?
  /// Variables of its environment.
  public let environment: [String: String]
  public let dependsOn: [Resource]

  /// - Parameters:
  ///   - command: The command; it runs in a shell of its own.
  ///   - user: The user to run it as; nil for the one whom the play runs as.
  ///   - folder: The folder to run it in; nil for `/`.
  ///   - environment: Variables of its environment, not secret.
  ///   - dependsOn: What on the host the result depends on.
  public init(
    _ command: ShellCommand, user: String? = nil, in folder: RemotePath? = nil,
    environment: [String: String] = [:], dependsOn: [Resource] = [.packages]
  ) {
    self.command = command
    self.user = user
    self.folder = folder
    self.environment = environment
    self.dependsOn = dependsOn
  }

  public static let kind = "result of the command"

  public var description: String { command.text }

  public var silence: String? {
    "the command \(command.text.debugDescription) did not end within \(Self.timeLimit) seconds, or could not be run"
  }

  /// The command with its folder and variables set, for a shell of its own.
  package var script: ShellCommand {
    var script: ShellCommand = "cd \(folder ?? "/") || exit 127\n"
    for (name, value) in environment.sorted(by: { $0.key < $1.key }) {
      script += "\(raw: name)=\(value); export \(raw: name)\n"
    }
    return script + command
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    // Statuses go through descriptor 3, output through 4 in base64: neither can be mistaken for the other.
    var lines: [ShellCommand] = [
      "( exec 4>&1"
    ]
    if facts.contains(where: { $0.user != nil }) { lines.append(UserSwitch.function) }
    lines.append(
      "if command -v timeout >/dev/null 2>&1; then _bound='timeout \(timeLimit)'; else _bound=; fi")
    for (index, fact) in facts.enumerated() {
      let run: ShellCommand
      if let user = fact.user {
        run = "_as \(user) \(word: fact.script)"
      } else {
        run = "$_bound sh -c \(word: fact.script)"
      }
      lines.append(
        """
        _s=$( { { \(splice: run) 2>&1 </dev/null 3>&- 4>&-; echo $? >&3; } \
        | { head -c \(outputLimit); cat >/dev/null; } 3>&- | base64 >&4 3>&-; } 3>&1 )
        echo "= \(index) $_s"
        """)
    }
    lines.append(")")
    return ShellCommand(lines: lines)
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: CommandOutcome] {
    var values: [Self: CommandOutcome] = [:]
    var encoded = ""
    for line in output.lines {
      guard line.hasPrefix("= ") else {
        encoded += line
        continue
      }
      let fields = line.split(separator: " ")
      guard fields.count == 3, let index = Int(fields[1]), facts.indices.contains(index),
        let status = Int32(fields[2]), let data = Data(base64Encoded: encoded)
      else { throw FactError.malformed(kind, String(line.prefix(200))) }
      encoded = ""
      // timeout(1) ends with 124 where the time is over.
      if status != 124 { values[facts[index]] = CommandOutcome(status: status, output: [UInt8](data)) }
    }
    return values
  }
}

/// How a command ended.
public struct CommandOutcome: Sendable, Hashable {
  /// The exit status.
  public var status: Int32
  /// What it printed, errors included; cut off at ``CommandResult/outputLimit``.
  public var output: [UInt8]

  public init(status: Int32, output: [UInt8] = []) {
    self.status = status
    self.output = output
  }

  /// Whether the exit status is 0.
  public var succeeded: Bool { status == 0 }

  /// The output as text; what is not UTF-8 shows as U+FFFD.
  public var text: String { String(decoding: output, as: UTF8.self) }
}
