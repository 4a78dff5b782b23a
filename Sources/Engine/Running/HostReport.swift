internal import MartletCore

/// What a host's run tells the reports, and the sums that it comes to.
struct HostReport {
  let host: String
  /// Whether the contents of files are compared line by line.
  let showsContents: Bool
  let reporter: Reporter
  private var recap = HostRecap()
  private var hasWarnedOfHandlers = false
  private let began = ContinuousClock.now

  init(host: String, showsContents: Bool, reporter: Reporter) {
    self.host = host
    self.showsContents = showsContents
    self.reporter = reporter
  }

  /// The last word on one task.
  mutating func finish(_ task: TaskReference, _ outcome: TaskOutcome) {
    switch outcome {
    case .ok: recap.ok += 1
    case .changed: recap.changed += 1
    case .skipped: recap.skipped += 1
    case .unknown: recap.unknown += 1
    case .failed: recap.failed += 1
    }
    reporter.report(.taskFinished(host: host, task: task, outcome: outcome))
  }

  /// The last word on all tasks that had nothing to do.
  mutating func finishTasks(_ round: Round, play: HostTasks.PlayTasks, progress: PlayProgress) {
    for (item, decision) in zip(play.items, round.decisions)
    where !item.isFlush && !progress.acted.contains(item.step.id) {
      if case .skipped = decision {
        finish(item.reference, .skipped)
      } else {
        finish(item.reference, .ok)
      }
    }
  }

  /// In check mode, the plan is all there is.
  mutating func plan(_ round: Round, play: HostTasks.PlayTasks) {
    for (item, decision) in zip(play.items, round.decisions) where !item.isFlush {
      switch decision {
      case .change(let actions) where actions.mayChange:
        reporter.report(.planned(host: host, task: item.reference, plan: plan(actions)))
        finish(item.reference, .changed)
      case .unknown(let reason):
        reporter.report(.planned(host: host, task: item.reference, plan: .unknown(reason)))
        finish(item.reference, .unknown)
      case .skipped: finish(item.reference, .skipped)
      default: finish(item.reference, .ok)
      }
    }
    for handler in round.handlers {
      reporter.report(.planned(host: host, task: handler.reference, plan: plan(handler.handler.actions)))
      finish(handler.reference, .changed)
    }
  }

  /// What the next program is going to do.
  func beginning(_ round: Round) {
    for entry in round.program where entry.isLastOfTask {
      guard let task = entry.task, case .change(let actions) = round.decisions[task] else { continue }
      reporter.report(.planned(host: host, task: entry.reference, plan: plan(actions)))
    }
  }

  /// What tasks want the user to know.
  ///
  /// - Parameters:
  ///   - round: The decisions that the answers have led to: a task that couldn't be decided has nothing to say.
  ///   - isStanding: Whether nothing was changed, nor is to be, so that what was said before needn't be said again.
  func warnings(of play: HostTasks.PlayTasks, in round: Round, given answers: Answers, isStanding: Bool) {
    func warnings<T: HostTask>(of task: T) -> [String] {
      (try? task.observes.value(in: answers)).map {
        isStanding ? task.standingWarnings(given: $0) : task.warnings(given: $0)
      } ?? []
    }
    for (item, decision) in zip(play.items, round.decisions) {
      if case .unknown = decision { continue }
      for text in warnings(of: item.step.task) {
        reporter.report(.warning(host: host, message: "\(item.reference.label): \(text)"))
      }
    }
  }

  /// What an earlier run has left to be done, and this playbook has no handler for: a restart that nobody makes up for must
  /// not be forgotten in silence.
  /// It is said once, and of no more than five.
  mutating func warnOfForgottenHandlers(in tasks: HostTasks, given answers: Answers) {
    guard !hasWarnedOfHandlers, let found = try? answers.value(of: HostFacts()) else { return }
    let own = Set(tasks.plays.flatMap(\.handlers).map(\.handler.marker))
    let forgotten = found.dueHandlers.filter { !own.contains($0.key) }.sorted { $0.key < $1.key }
    for (marker, name) in forgotten.prefix(5) {
      hasWarnedOfHandlers = true
      reporter.report(
        .warning(
          host: host,
          message: """
            an interrupted run has left "\(name.shortened(to: 200))" to be done, and this playbook has no handler of that \
            name: run the one that has it, or do it by hand and remove \(marker) from /var/lib/martlet/handlers \
            (or ~/.local/state/martlet/handlers)
            """))
    }
  }

  mutating func fail(_ failure: HostFailure) {
    if failure.kind == .unreachable { recap.unreachable = true }
    if failure.kind == .task, recap.failed == 0 { recap.failed = 1 }
    reporter.report(.hostFailed(host: host, failure: failure))
  }

  /// The last word on the host.
  mutating func finish(exchanges: Int) {
    recap.exchanges = exchanges
    let seconds = began.duration(to: .now) / .seconds(1)
    recap.seconds = (seconds * 1000).rounded() / 1000
    reporter.report(.hostFinished(host: host, recap: recap))
  }

  func diff(of actions: [Action]) -> [DiffLine] {
    actions.flatMap(\.changes).flatMap { DiffLine.render($0, showContents: showsContents) }
  }

  private func plan(_ actions: [Action]) -> TaskPlan {
    .change(actions: actions.map(\.summary), diff: diff(of: actions))
  }
}
