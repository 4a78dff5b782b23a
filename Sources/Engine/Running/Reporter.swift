internal import MartletCore
internal import Synchronization

/// The one way from a run to its reports: events in order, one at a time, with every secret taken out.
final class Reporter: Sendable {
  private let sink: any EventSink
  private let secrets: KnownSecrets
  /// Keeps events in order.
  private let turn = Mutex(())
  /// What was said of tasks already, whatever the host.
  private let said = Mutex<Set<String>>([])

  init(_ sink: any EventSink, hiding secrets: KnownSecrets) {
    self.sink = sink
    self.secrets = secrets
  }

  /// Takes these out of everything that is reported from now on. Those that were resolved in the run are known.
  func hide(_ secrets: [Secret]) {
    for secret in secrets { self.secrets.add(secret) }
  }

  /// How many bytes a secret may take up where it is shown, in any of its forms.
  var longestSecret: Int { secrets.longestForm }

  /// A text without the secrets, for what isn't reported here.
  func redacted(_ text: String) -> String { secrets.redact(text) }

  /// Says what tasks want the user to know whatever the host is, each thing once a run.
  func reportNotices(of tasks: HostTasks) {
    for item in tasks.plays.flatMap(\.items) {
      for notice in item.step.task.notices {
        let text = "\(item.reference.label): \(notice)"
        if said.withLock({ $0.insert(text).inserted }) { report(.warning(host: nil, message: text)) }
      }
    }
  }

  func report(_ event: Event) {
    // The long part, outside of the turn: hosts must not wait for each other's output.
    let shown = event.mapTexts(secrets.redact)
    turn.withLock { _ in sink.receive(shown) }
  }
}

extension Event {
  /// The same event with every text that can come from a playbook or a host replaced.
  func mapTexts(_ change: (String) -> String) -> Event {
    func mapped(_ task: TaskReference) -> TaskReference {
      var task = task
      task.label = change(task.label)
      return task
    }
    switch self {
    case .runStarted, .connected, .hostFinished, .runFinished:
      return self
    case .playStarted(let host, let play):
      return .playStarted(host: host, play: change(play))
    case .invalid(let problem):
      return .invalid(problem: change(problem))
    case .planned(let host, let task, .change(let actions, let diff)):
      return .planned(
        host: host, task: mapped(task),
        plan: .change(
          actions: actions.map(change), diff: diff.map { DiffLine($0.kind, change($0.text)) }))
    case .planned(let host, let task, .unknown(let reason)):
      return .planned(host: host, task: mapped(task), plan: .unknown(change(reason)))
    case .actionStarted(let host, let task, let action):
      return .actionStarted(host: host, task: mapped(task), action: change(action))
    case .output(let host, let task, let text):
      return .output(host: host, task: mapped(task), text: change(text))
    case .taskFinished(let host, let task, let outcome):
      return .taskFinished(host: host, task: mapped(task), outcome: outcome)
    case .hostFailed(let host, var failure):
      failure.message = change(failure.message)
      failure.command = failure.command.map(change)
      failure.task = failure.task.map(mapped)
      // Joined first, so that a secret which the host broke into lines is still found.
      failure.output = change(failure.output.joined(separator: "\n")).split(
        separator: "\n", omittingEmptySubsequences: false
      ).map(String.init)
      if failure.output == [""] { failure.output = [] }
      return .hostFailed(host: host, failure: failure)
    case .waiting(let host, let task, let reason):
      return .waiting(host: host, task: mapped(task), reason: change(reason))
    case .warning(let host, let message):
      return .warning(host: host, message: change(message))
    }
  }
}
