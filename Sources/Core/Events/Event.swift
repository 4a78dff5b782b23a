/// Something that happened in a run. All reports are made from this one stream.
///
/// Its JSON form is one object a line with the field `event`; ARCHITECTURE.md documents the schema.
public enum Event: Sendable, Equatable {
  /// The run begins.
  case runStarted(playbook: String, hosts: [String], check: Bool)
  /// The playbook, the inventory or the command line is wrong; nothing was sent to any host.
  case invalid(problem: String)
  /// A host answers and its session is open.
  case connected(host: String)
  /// A play begins on a host.
  case playStarted(host: String, play: String)
  /// What a task is going to do, or would do in check mode. Tasks that are right already are not planned.
  case planned(host: String, task: TaskReference, plan: TaskPlan)
  /// An action is running on the host.
  case actionStarted(host: String, task: TaskReference, action: String)
  /// What an action printed, whole; at `-v`.
  case output(host: String, task: TaskReference, text: String)
  /// A task can't go on before something else on the host has finished; the text says what, as in
  /// `apt-get install nginx (process 712, since 14:02 UTC)`.
  case waiting(host: String, task: TaskReference, reason: String)
  /// The last word on a task in this run.
  case taskFinished(host: String, task: TaskReference, outcome: TaskOutcome)
  /// The host is stopped by an error; nothing later runs on it.
  case hostFailed(host: String, failure: HostFailure)
  /// Something that the user should know, on one host or on all.
  case warning(host: String?, message: String)
  /// The last word on a host.
  case hostFinished(host: String, recap: HostRecap)
  /// The run ends with this exit code.
  case runFinished(exitCode: Int32)
}

/// A task, as events name it.
public struct TaskReference: Sendable, Hashable, Codable {
  /// Which task of the host it is, from zero, over all plays; handlers come after the tasks.
  public var index: Int
  /// What it is called.
  public var label: String
  /// The line of the playbook.
  public var location: SourceLocation
  /// Whether it is a handler.
  public var isHandler: Bool

  public init(index: Int, label: String, location: SourceLocation, isHandler: Bool = false) {
    self.index = index
    self.label = label
    self.location = location
    self.isHandler = isHandler
  }
}

/// What the plan says of a task.
public enum TaskPlan: Sendable, Equatable {
  /// It is going to do these.
  case change(actions: [String], diff: [DiffLine])
  /// It can't be known yet; the text says until when.
  case unknown(String)
}

/// A line of a diff.
public struct DiffLine: Sendable, Hashable, Codable {
  /// How the line differs.
  @frozen public enum Kind: String, Sendable, Codable { case added, removed, modified, context, header }
  public var kind: Kind
  public var text: String

  public init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }
}

/// How a task ended in a run.
@frozen public enum TaskOutcome: String, Sendable, Codable {
  /// Right already, or run without a change.
  case ok
  /// Changed on the host; in check mode, would change.
  case changed
  /// Left out: its condition did not hold.
  case skipped
  /// In check mode: can't be known before earlier tasks have run.
  case unknown
  /// Failed.
  case failed
}

/// Why a host was stopped.
public struct HostFailure: Sendable, Equatable, Codable {
  /// What kind of failure it is; it decides about the exit code.
  @frozen public enum Kind: String, Sendable, Codable {
    /// The host could not be reached, or the connection was lost.
    case unreachable
    /// A task failed.
    case task
    /// The playbook or the inventory is wrong for this host.
    case invalid
    /// The run was interrupted.
    case interrupted
  }
  public var kind: Kind
  /// What went wrong and what to do, for a person.
  public var message: String
  /// The task in question.
  public var task: TaskReference?
  /// The command that failed.
  public var command: String?
  /// Its exit status.
  public var status: Int32?
  /// The last lines that it printed.
  public var output: [String]

  public init(
    _ kind: Kind, _ message: String, task: TaskReference? = nil, command: String? = nil,
    status: Int32? = nil, output: [String] = []
  ) {
    self.kind = kind
    self.message = message
    self.task = task
    self.command = command
    self.status = status
    self.output = output
  }
}

/// The sums of a host, as the recap shows them.
public struct HostRecap: Sendable, Equatable, Codable {
  public var ok = 0
  public var changed = 0
  public var skipped = 0
  public var unknown = 0
  public var failed = 0
  public var unreachable = false
  /// Scripts that were sent and answered after the login.
  public var exchanges = 0
  public var seconds = 0.0

  public init() {}
}
