public import MartletCore

/// The JSON form of an event, as `--json` prints it. docs/json-events.md describes it.
///
/// The field `event` says which of the others are there. Programs should skip events and fields that they don't
/// know: new ones may come, those that are here keep their names and meaning.
public struct EventRecord: Codable, Sendable, Equatable {
  /// The name of the event, like `task_finished`.
  public var event: String
  /// When it was received, in UTC: `2026-03-01T12:00:00.125Z`.
  public var time: String
  public var host: String?
  public var playbook: String?
  public var hosts: [String]?
  public var check: Bool?
  public var play: String?
  public var task: Task?
  public var plan: String?
  public var actions: [String]?
  public var diff: [DiffLine]?
  public var reason: String?
  public var action: String?
  public var text: String?
  public var outcome: TaskOutcome?
  public var failure: Failure?
  public var message: String?
  public var recap: HostRecap?
  public var exitCode: Int32?

  private enum CodingKeys: String, CodingKey {
    case event, time, host, playbook, hosts, check, play, task, plan, actions, diff, reason, action, text
    case outcome, failure, message, recap
    case exitCode = "exit_code"
  }

  /// A task, by its place among the host's tasks.
  public struct Task: Codable, Sendable, Equatable {
    public var index: Int
    public var label: String
    public var file: String
    public var line: Int
    public var handler: Bool

    init(_ task: TaskReference) {
      index = task.index
      label = task.label
      file = task.location.file
      line = task.location.line
      handler = task.isHandler
    }
  }

  /// Why a host was stopped.
  public struct Failure: Codable, Sendable, Equatable {
    public var kind: HostFailure.Kind
    public var message: String
    public var task: Task?
    public var command: String?
    public var status: Int32?
    public var output: [String]

    init(_ failure: HostFailure) {
      kind = failure.kind
      message = failure.message
      task = failure.task.map(Task.init)
      command = failure.command
      status = failure.status
      output = failure.output
    }
  }

  /// - Parameters:
  ///   - event: The event.
  ///   - time: When it was received, in the form of RFC 3339.
  public init(_ event: Event, time: String) {
    self.time = time
    switch event {
    case .runStarted(let playbook, let hosts, let check):
      self.event = "run_started"
      self.playbook = playbook
      self.hosts = hosts
      self.check = check
    case .invalid(let problem):
      self.event = "invalid"
      message = problem
    case .connected(let host):
      self.event = "connected"
      self.host = host
    case .playStarted(let host, let play):
      self.event = "play_started"
      self.host = host
      self.play = play
    case .planned(let host, let task, let plan):
      self.event = "planned"
      self.host = host
      self.task = Task(task)
      switch plan {
      case .change(let actions, let diff):
        self.plan = "change"
        self.actions = actions
        self.diff = diff
      case .unknown(let reason):
        self.plan = "unknown"
        self.reason = reason
      }
    case .actionStarted(let host, let task, let action):
      self.event = "action_started"
      self.host = host
      self.task = Task(task)
      self.action = action
    case .output(let host, let task, let text):
      self.event = "output"
      self.host = host
      self.task = Task(task)
      self.text = text
    case .taskFinished(let host, let task, let outcome):
      self.event = "task_finished"
      self.host = host
      self.task = Task(task)
      self.outcome = outcome
    case .hostFailed(let host, let failure):
      self.event = "host_failed"
      self.host = host
      self.failure = Failure(failure)
    case .warning(let host, let message):
      self.event = "warning"
      self.host = host
      self.message = message
    case .waiting(let host, let task, let reason):
      self.event = "waiting"
      self.host = host
      self.task = Task(task)
      self.reason = reason
    case .hostFinished(let host, let recap):
      self.event = "host_finished"
      self.host = host
      self.recap = recap
    case .runFinished(let exitCode):
      self.event = "run_finished"
      self.exitCode = exitCode
    }
  }
}
