internal import MartletCore

/// The tasks of one host over all its plays, in the order in which they run.
struct HostTasks: Sendable {
  /// A task in its place.
  struct Item: Sendable {
    var step: Step
    var reference: TaskReference
    /// The facts that it decides by.
    var facts: [FactKey]
    /// Whether it is a flush of handlers, which the engine carries out itself.
    var isFlush: Bool
  }

  /// A handler with the place that reports show it at.
  struct HandlerItem: Sendable {
    var handler: Handler
    var reference: TaskReference
  }

  /// One play's share.
  struct PlayTasks: Sendable {
    var name: String
    var items: [Item] = []
    /// In the order in which tasks first name them.
    var handlers: [HandlerItem] = []
  }

  var plays: [PlayTasks] = []
  var secrets: [Secret] = []
  /// The tags of all tasks, also of those that are not wanted.
  var tags: Set<String> = []

  /// Everything that the tasks of some plays want to know.
  func questions(for plays: [Int]) -> Questions {
    var questions = Questions()
    questions.add(HostFacts())
    for play in plays {
      for item in self.plays[play].items { item.step.task.observes.ask(&questions) }
    }
    return questions
  }

  /// Evaluates the plays for a host, and looks for what can't be right.
  ///
  /// - Parameters:
  ///   - plays: The host's plays.
  ///   - facts: What the plays' bodies may read of the host.
  ///   - options: Which tags are wanted.
  /// - Returns: The tasks, and everything that is wrong with them.
  static func evaluate(
    _ plays: [Play], for host: InventoryHost, in inventory: Inventory, facts: FactsInBody,
    options: RunOptions
  ) -> (tasks: HostTasks, problems: [HostProblem]) {
    var tasks = HostTasks()
    var problems: [HostProblem] = []
    var index = 0
    for play in plays {
      var steps: [Step] = []
      let secrets = KnownSecrets(within: KnownSecrets.scope)
      do {
        steps = try KnownSecrets.$scope.withValue(secrets) { try play.evaluate(host, inventory, facts).items }
      } catch let error as InventoryError {
        problems.append(HostProblem(text: "\(error)"))
      } catch {
        problems.append(
          HostProblem(
            subject: "\(play.location): play \"\(play.name)\"", hosts: [host.name], text: "\(error)"))
      }
      // Without its facts the body may have built nonsense: it is evaluated again once they are known.
      if facts.wereMissing { return (tasks, problems) }
      let own = self.problems(with: steps, host: host, secrets: &tasks.secrets)
      problems += own
      // One that the body itself has revealed may have left a gap in any text: what was made of it can't be told.
      for problem in secrets.revealedMissing where !own.contains(where: { $0.text == problem }) {
        problems.append(
          HostProblem(subject: "\(play.location): play \"\(play.name)\"", hosts: [host.name], text: problem))
      }
      problems += self.problems(withUsersOf: steps, play: play, host: host)
      var part = PlayTasks(name: play.name)
      tasks.tags.formUnion(steps.flatMap(\.tags))
      for step in steps where options.wants(step.tags) || step.task is RunHandlers {
        var questions = Questions()
        step.task.observes.ask(&questions)
        part.items.append(
          Item(
            step: step,
            reference: TaskReference(index: index, label: step.label, location: step.location),
            facts: questions.facts, isFlush: step.task is RunHandlers))
        if !(step.task is RunHandlers) { index += 1 }
        tasks.secrets += step.notifies.flatMap(\.actions).flatMap(\.secrets)
        for handler in step.notifies where !part.handlers.contains(where: { $0.handler.name == handler.name })
        {
          part.handlers.append(
            HandlerItem(
              handler: handler,
              reference: TaskReference(
                index: 0, label: handler.name, location: step.location, isHandler: true)))
        }
      }
      tasks.plays.append(part)
    }
    for play in tasks.plays.indices {
      for handler in tasks.plays[play].handlers.indices {
        tasks.plays[play].handlers[handler].reference.index = index
        index += 1
      }
    }
    return (tasks, problems)
  }

  /// Users who can't be become on the way that a play takes.
  private static func problems(
    withUsersOf steps: [Step], play: Play, host: InventoryHost
  ) -> [HostProblem] {
    if let name = play.become.name, let problem = PlayUser.problem(withName: name) {
      return [
        HostProblem(
          subject: "\(play.location): play \"\(play.name)\"", hosts: [host.name], text: "become: \(problem)")
      ]
    }
    let become = Become(host, play: play.become)
    if become.method != .none, let problem = host.connection.becomePassword?.problem {
      return [
        HostProblem(
          subject: "\(play.location): play \"\(play.name)\"", hosts: [host.name],
          text: "the password to become \(become.user): \(problem)")
      ]
    }
    return steps.compactMap { step in
      guard let user = step.user else { return nil }
      var problem = PlayUser.problem(withName: user)
      if become.method != .none, become.user != "root", user != become.user {
        problem =
          problem ?? "it runs as \(user), and the play as \(become.user), who can't become others: "
          + "let the play become root, whose steps may run as anyone"
      }
      return problem.map {
        HostProblem(subject: "\(step.location): \(step.label)", hosts: [host.name], text: $0)
      }
    }
  }

  private static func problems(
    with steps: [Step], host: InventoryHost, secrets: inout [Secret]
  ) -> [HostProblem] {
    var problems: [HostProblem] = []
    let placed = Set(steps.map(\.id))
    var handlers: [String: [String]] = [:]
    var seen: Set<StepID> = []
    for step in steps {
      var inspection = Inspection()
      inspection.look(into: step.task)
      for handler in step.notifies { inspection.look(into: handler.actions) }
      secrets += inspection.secrets
      var found = inspection.problems
      do {
        try step.task.validate()
      } catch {
        found.append("\(error)")
      }
      if !seen.insert(step.id).inserted {
        found.append("the same task stands in the play twice: make another value of it")
      }
      if step.conditions.contains(where: { !placed.isSuperset(of: $0.steps) }) {
        found.append(
          "its condition speaks of a task that is not in the play: place that task before this one")
      }
      for handler in step.notifies {
        let commands = handler.actions.map(\.summary)
        if let other = handlers[handler.name], other != commands {
          found.append("two different handlers of the play are called \"\(handler.name)\": rename one")
        }
        handlers[handler.name] = commands
      }
      problems += Set(found).sorted().map {
        HostProblem(subject: "\(step.location): \(step.label)", hosts: [host.name], text: $0)
      }
    }
    return problems
  }
}

extension Action {
  fileprivate var secrets: [Secret] {
    var secrets = input?.secrets ?? []
    if case .write(let write) = effect { secrets += write.contents.secrets }
    return secrets
  }
}

extension RunOptions {
  /// Whether the tags of a task let it run.
  func wants(_ tags: Set<String>) -> Bool {
    (self.tags.isEmpty || !self.tags.isDisjoint(with: tags)) && skipTags.isDisjoint(with: tags)
  }
}
