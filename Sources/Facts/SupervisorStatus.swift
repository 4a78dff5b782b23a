public import MartletCore

/// The processes of a program that supervisord looks after. One `supervisorctl` tells of all programs.
///
///     var observes: SupervisorStatus { SupervisorStatus("shop") }
public struct SupervisorStatus: ProbedFact, CustomStringConvertible {
  public typealias Value = SupervisorAnswer

  /// The program's name, or the group's.
  public let program: String

  public init(_ program: String) { self.program = program }

  public static let kind = "supervisor program"

  public var description: String { program }

  public var dependsOn: [Resource] { [.service(program), .service("supervisor"), .packages] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    // It exits with 3 where a program isn't running, which is an answer like any other.
    """
    if command -v supervisorctl >/dev/null 2>&1; then echo installed; supervisorctl status 2>&1; fi
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: SupervisorAnswer] {
    var lines = output.lines[...]
    guard lines.popFirst() == "installed" else {
      return Dictionary(facts.map { ($0, .notInstalled) }, uniquingKeysWith: { $1 })
    }
    var processes: [(group: Substring, process: SupervisedProcess)] = []
    for line in lines where !line.isEmpty {
      let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
      guard words.count >= 2, let state = SupervisedProcess.State(rawValue: String(words[1])) else {
        // "unix:///var/run/supervisor.sock no such file", "... refused connection"
        if words.first?.contains("://") == true || line.hasPrefix("error:") || line.hasPrefix("Error") {
          return Dictionary(facts.map { ($0, .notRunning(line.trimmed)) }, uniquingKeysWith: { $1 })
        }
        continue
      }
      let group = words[0].split(separator: ":").first ?? words[0]
      let detail = words.count == 3 ? words[2].trimmed : ""
      processes.append((group, SupervisedProcess(name: String(words[0]), state: state, detail: detail)))
    }
    return Dictionary(
      facts.map { fact in
        (fact, .processes(processes.filter { $0.group == fact.program }.map(\.process)))
      }, uniquingKeysWith: { $1 })
  }
}

/// What supervisord says about a program.
@frozen public enum SupervisorAnswer: Sendable, Hashable {
  /// There is no `supervisorctl`.
  case notInstalled
  /// `supervisorctl` can't reach its daemon; the text is what it says.
  case notRunning(String)
  /// The program's processes; none if it isn't known.
  case processes([SupervisedProcess])
}

/// One process that supervisord looks after.
public struct SupervisedProcess: Sendable, Hashable {
  /// The states of a process (Supervisor's documentation, "Subprocesses", "Process States").
  @frozen public enum State: String, Sendable {
    case stopped = "STOPPED"
    case starting = "STARTING"
    case running = "RUNNING"
    case backoff = "BACKOFF"
    case stopping = "STOPPING"
    case exited = "EXITED"
    case fatal = "FATAL"
    case unknown = "UNKNOWN"
  }
  /// The process's name: `shop`, or `shop:shop_00` where a program has several.
  public var name: String
  public var state: State
  /// What follows the state: `pid 123, uptime 0:01:02`, or why it could not be started.
  public var detail: String

  public init(name: String, state: State, detail: String = "") {
    self.name = name
    self.state = state
    self.detail = detail
  }
}
