internal import MartletCore

/// What is to happen to a task, as far as is known.
enum TaskDecision {
  case unchanged
  case change([Action])
  case unknown(String)
  case failed(String)
  case skipped
  /// It ran in this run already, and no fact can show what it did.
  case done
}

/// One decision about all tasks of a play: what the next program does, and what must wait for a later look.
struct Round {
  /// An action of the next program, with the task or handler that it belongs to.
  struct ProgramItem {
    var item: ActProgram.Item
    var reference: TaskReference
    /// The task's place in the play; nil for a handler's.
    var task: Int?
    var isLastOfTask: Bool
  }

  var decisions: [TaskDecision] = []
  var program: [ProgramItem] = []
  /// The handlers that the plan expects to run.
  var handlers: [HostTasks.HandlerItem] = []

  /// Whether there is more to do than the program does: a task can't be decided yet, other than one that has failed so far
  /// and may be right once the program has run.
  var isCut = false
}

/// Decides for all tasks of a play, in order, from what is known of the host. It sends nothing: a run and a
/// plan come from the same decisions.
struct Decider {
  let play: HostTasks.PlayTasks
  /// What the run has done so far.
  let progress: PlayProgress

  /// A part of the host that an action of the next program changes.
  private struct Touch {
    var resource: Resource
    var label: String
    var order: Int
  }

  func decide(_ known: Answers) -> Round {
    var round = Round()
    var answers = known
    var touches: [Touch] = []
    var predicted: [FactKey: Int] = [:]
    var order = 0
    var isCut = false
    var due = Set((try? answers.value(of: HostFacts()))?.dueHandlers.keys.map { $0 } ?? [])

    func add(_ actions: [Action], label: String) {
      for action in actions {
        order += 1
        touches += action.touches.map { Touch(resource: $0, label: label, order: order) }
        for prediction in action.predictions {
          answers.set(prediction.key, to: .success(prediction.value))
          predicted[prediction.key] = order
        }
      }
    }

    func flush() {
      for item in play.handlers where due.contains(item.handler.marker) {
        due.remove(item.handler.marker)
        round.handlers.append(item)
        if !isCut { round.program += programItems(for: item) }
        add(item.handler.actions, label: item.handler.name)
      }
    }

    for (index, item) in play.items.enumerated() {
      if item.isFlush {
        flush()
        round.decisions.append(.unchanged)
        continue
      }
      let needs =
        touches.isEmpty ? [] : item.facts.map { (key: $0, resources: dependencies(of: $0, answers)) }
      let stale = touches.first { touch in
        needs.contains { need in
          touch.order > predicted[need.key, default: 0]
            && need.resources.contains { $0.overlaps(touch.resource) }
        }
      }
      var hasFailedSoFar = false
      let decision = decide(
        item, index: index, answers: answers, staleSince: stale?.label, round: round,
        isPending: !round.program.isEmpty || isCut, hasFailedSoFar: &hasFailedSoFar)
      round.decisions.append(decision)
      switch decision {
      case .change(let actions):
        if !isCut { round.program += programItems(for: item, index: index, actions: actions) }
        add(actions, label: item.reference.label)
        if actions.mayChange { due.formUnion(item.step.notifies.map(\.marker)) }
      case .unknown:
        isCut = true
        if !hasFailedSoFar { round.isCut = true }
      case .failed:
        return round
      case .unchanged, .skipped, .done:
        break
      }
    }
    flush()
    return round
  }

  private func decide(
    _ item: HostTasks.Item, index: Int, answers: Answers, staleSince: String?, round: Round,
    isPending: Bool, hasFailedSoFar: inout Bool
  ) -> TaskDecision {
    if progress.finishedOneShots.contains(item.step.id) { return .done }
    for condition in item.step.conditions {
      if let reason = reasonUnknown(condition, round: round) { return .unknown(reason) }
      if !condition.holds({ hasChanged($0, round: round) }) { return .skipped }
    }
    if let staleSince { return .unknown("until \(staleSince) has run") }
    let decision: Decision
    do {
      decision = try decideOpened(item.step.task, answers)
    } catch {
      decision = .failed("\(error)")
    }
    switch decision {
    case .unchanged: return .unchanged
    case .change(let actions):
      // Not only "until the tasks before it have run": nothing that runs can mend it.
      if let problem = actions.lazy.compactMap(\.problem).first { return .failed(problem) }
      return actions.isEmpty ? .unchanged : .change(actions)
    case .unknown(let reason):
      if isPending { return .unknown(reason) }
      return .failed(
        "it can't be known what to do: unknown \(reason), and nothing that would change that is left to run")
    case .failed(let reason):
      hasFailedSoFar = isPending
      return isPending ? .unknown("until the tasks before it have run (now: \(reason))") : .failed(reason)
    }
  }

  /// What a fact depends on, the answer being what it is now.
  private func dependencies(of key: FactKey, _ answers: Answers) -> [Resource] {
    func opened<F: ProbedFact>(_ fact: F) -> [Resource] {
      (try? answers.value(of: fact)).map(fact.dependencies) ?? fact.dependsOn
    }
    return opened(key.fact)
  }

  private func decideOpened<T: HostTask>(_ task: T, _ answers: Answers) throws -> Decision {
    try task.decide(given: task.observes.value(in: answers))
  }

  private func hasChanged(_ id: StepID, round: Round) -> Bool {
    if progress.changed.contains(id) { return true }
    guard let index = play.items.firstIndex(where: { $0.step.id == id }), index < round.decisions.count,
      case .change(let actions) = round.decisions[index]
    else { return false }
    return actions.mayChange
  }

  /// Why a condition is not known yet: a task that it speaks of is unknown itself, or only its run can tell.
  private func reasonUnknown(_ condition: Condition, round: Round) -> String? {
    for id in condition.steps where !progress.changed.contains(id) {
      guard let index = play.items.firstIndex(where: { $0.step.id == id }), index < round.decisions.count
      else { continue }
      let label = play.items[index].reference.label
      switch round.decisions[index] {
      case .unknown: return "until \(label) is known"
      case .change(let actions)
      where actions.mayChange && !actions.contains(where: { $0.changedWhen == .always && $0.unless == nil }):
        return "until \(label) has run"
      default: continue
      }
    }
    return nil
  }

  private func programItems(for item: HostTasks.Item, index: Int, actions: [Action]) -> [Round.ProgramItem] {
    actions.enumerated().map { place, action in
      Round.ProgramItem(
        item: ActProgram.Item(
          action: action, user: item.step.user,
          notifies: item.step.notifies.map { ($0.marker, $0.name) }),
        reference: item.reference, task: index, isLastOfTask: place == actions.count - 1)
    }
  }

  private func programItems(for item: HostTasks.HandlerItem) -> [Round.ProgramItem] {
    let actions = item.handler.actions
    return actions.enumerated().map { place, action in
      let isLast = place == actions.count - 1
      return Round.ProgramItem(
        item: ActProgram.Item(
          action: action, handler: item.handler.marker, endsHandler: isLast),
        reference: item.reference, task: nil, isLastOfTask: isLast)
    }
  }
}

extension [Action] {
  /// Whether any of them can count as a change: not those that only check.
  var mayChange: Bool { contains { $0.changedWhen != .never } }
}

/// What a run has done so far on one host in one play.
struct PlayProgress {
  /// Tasks whose actions have all succeeded; they must be right at the next look.
  var acted: Set<StepID> = []
  /// What they changed.
  var ran = RanTasks()
  /// Tasks that changed something.
  var changed: Set<StepID> = []
  /// Tasks that have run and are not looked at again.
  var finishedOneShots: Set<StepID> = []
}
