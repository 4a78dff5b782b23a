internal import MartletCore
internal import Synchronization

/// One host's way through a run: look, decide, act, look again, until nothing is left to do.
actor HostRun {
  nonisolated let host: InventoryHost
  private let plays: [Play]
  private let inventory: Inventory
  private let transport: any Transport
  private let options: RunOptions
  private let reporter: Reporter
  private var tasks: HostTasks
  private var channel: HostChannel?
  /// As whom the transport has logged in, where it says so.
  private var user: String?
  private var answers = Answers()
  /// Whether the last look waited for what actions have just started.
  private var hasWaited = false
  /// The play that the last look was made for, if nothing was sent since.
  private var lookedFor: Int?
  private var hasConnected = false
  /// What the last look found of who has changed the host (``HostLock``).
  private var generation: String?
  /// When the first play began.
  private var began = ContinuousClock.now
  /// Whether an action of this run was sent.
  private var hasActed = false
  private var failure: HostFailure?
  private var report: HostReport

  /// How often a host may be looked at again before a playbook that never comes to rest is given up.
  private static let maximumRounds = 25
  /// How often it is looked at anew because others have changed it meanwhile.
  private static let maximumStaleRounds = 100

  init(
    _ host: InventoryHost, plays: [Play], tasks: HostTasks, inventory: Inventory,
    transport: any Transport, options: RunOptions, reporter: Reporter
  ) {
    self.host = host
    self.plays = plays
    self.tasks = tasks
    self.inventory = inventory
    self.transport = transport
    self.options = options
    self.reporter = reporter
    report = HostReport(host: host.name, showsContents: options.diff, reporter: reporter)
  }

  /// Why the host was stopped; nil while all is well.
  var outcome: HostFailure? { failure }

  /// Carries out one of the host's plays, counted from zero; the last one also ends the host's run.
  func perform(_ index: Int) async {
    guard failure == nil else { return }
    do {
      if !hasConnected { try await connect() }
      reporter.report(.playStarted(host: host.name, play: tasks.plays[index].name))
      try await perform(play: index)
    } catch let stop as HostStop {
      fail(stop.failure)
    } catch is CancellationError {
      fail(HostFailure(.interrupted, Self.interruptedMessage))
    } catch {
      fail(describe(error))
    }
    if failure != nil || index == plays.count - 1 { await finish() }
  }

  private static let interruptedMessage =
    "interrupted: an action that was running on the host finishes there, no later one starts; run again to go on"

  private func describe(_ error: any Error) -> HostFailure {
    if Task.isCancelled { return HostFailure(.interrupted, Self.interruptedMessage) }
    switch error {
    case let error as TransportError: return HostFailure(.unreachable, error.description)
    default: return HostFailure(.task, "\(error)")
    }
  }

  private func connect() async throws {
    hasConnected = true
    began = .now
    let session = try await transport.connect(to: host)
    user = session.user
    channel = HostChannel(session: session, options: options)
    reporter.report(.connected(host: host.name))
    try await readFactsForBodies()
  }

  /// Evaluates the plays again with the host's facts, if they read any.
  private func readFactsForBodies() async throws {
    guard tasks.plays.count < plays.count, let channel else { return }
    var questions = Questions()
    questions.add(HostFacts())
    let facts = try await channel.look(questions, as: become(0), options: LookOptions())
      .value(of: HostFacts())
    let (tasks, problems) = HostTasks.evaluate(
      plays, for: host, in: inventory, facts: FactsInBody(known: facts.operatingSystem),
      options: options)
    guard problems.isEmpty else {
      throw HostStop(HostFailure(.invalid, problems.map(\.description).joined(separator: "\n")))
    }
    self.tasks = tasks
    reporter.hide(tasks.secrets)
    reporter.reportNotices(of: tasks)
  }

  /// How the programs of a play become the user whom the play wants.
  private func become(_ play: Int) -> Become {
    var host = host
    host.connection.user = user ?? host.connection.user
    return Become(host, play: plays[play].become)
  }

  /// - Parameter waits: Whether what actions have started is waited for. It isn't where more of it is still to come.
  private func look(for index: Int, waits: Bool = true) async throws {
    guard let channel else { return }
    hasWaited = waits && hasActed
    let options = LookOptions(
      wantsContents: options.diff, hasActed: hasWaited, sinceStart: began.duration(to: .now))
    // Plays that run as the same user are asked about together: a host where all is right costs one exchange.
    let user = become(index).key
    let together = plays.indices[index...].filter { become($0).key == user }
    answers = try await channel.look(
      tasks.questions(for: Array(together)), as: become(index), options: options)
    generation = (try? answers.value(of: HostFacts()))?.generation
    lookedFor = index
  }

  private func perform(play index: Int) async throws {
    let play = tasks.plays[index]
    var progress = PlayProgress()
    if lookedFor.map({ become($0).key }) != become(index).key { try await look(for: index) }
    // With tags a part of the playbook's own handlers isn't there.
    if options.tags.isEmpty, options.skipTags.isEmpty {
      report.warnOfForgottenHandlers(in: tasks, given: answers)
    }
    var (rounds, staleRounds) = (0, 0)
    while rounds < Self.maximumRounds {
      try Task.checkCancellation()
      var round = Decider(play: play, progress: progress).decide(answers)
      if lookedFor != index || hasActed != hasWaited, round.decisions.contains(where: \.isFailed) {
        // What was true before another play changed other hosts need not be true any more.
        try await look(for: index)
        round = Decider(play: play, progress: progress).decide(answers)
      }
      let isStanding = progress.acted.isEmpty && round.program.isEmpty
      do {
        try refuseFailures(in: round, play: play, progress: progress)
        if options.check {
          report.plan(round, play: play)
          report.warnings(of: play, in: round, given: answers, isStanding: isStanding)
          return
        }
        guard !round.program.isEmpty else {
          report.warnings(of: play, in: round, given: answers, isStanding: isStanding)
          report.finishTasks(round, play: play, progress: progress)
          return
        }
        report.beginning(round)
        if try await act(on: round.program, in: index, progress: &progress) {
          rounds += 1
        } else {
          staleRounds += 1
          guard staleRounds < Self.maximumStaleRounds else {
            throw ProgramError("other runs change this host all the time: run again when they have ended")
          }
        }
      } catch let stop as HostStop where stop.failure.kind == .task {
        // They may be what explains the failure.
        report.warnings(of: play, in: round, given: answers, isStanding: false)
        throw stop
      }
      try await look(for: index, waits: !round.isCut)
    }
    throw HostStop(
      HostFailure(
        .task,
        "the play \"\(play.name)\" did not come to rest in \(Self.maximumRounds) rounds: its tasks undo each other"
      ))
  }

  private func refuseFailures(in round: Round, play: HostTasks.PlayTasks, progress: PlayProgress) throws {
    for (item, decision) in zip(play.items, round.decisions) {
      switch decision {
      case .failed(let reason):
        report.finish(item.reference, .failed)
        throw HostStop(HostFailure(.task, reason, task: item.reference))
      case .change(let actions) where progress.acted.contains(item.step.id):
        report.finish(item.reference, .failed)
        throw HostStop(
          HostFailure(
            .task,
            "did not converge: its actions ran, and it still wants them. "
              + progress.ran.suspects(for: item.reference, actions),
            task: item.reference,
            output: actions.map(\.summary) + report.diff(of: actions).map(\.marked)))
      default: continue
      }
    }
    for handler in round.handlers where progress.acted.isEmpty == false {
      // A handler's mark is gone once it ran; one that stays would run for ever.
      guard handledMarkers.contains(handler.handler.marker), round.program.allSatisfy({ $0.task == nil })
      else {
        continue
      }
      throw HostStop(
        HostFailure(.task, "did not converge: the handler ran and is still due", task: handler.reference))
    }
  }

  /// The handlers that ran since the last task did.
  private var handledMarkers: Set<String> = []

  /// Carries out a program.
  ///
  /// - Returns: False if others have changed the host since the look, so that nothing was done.
  private func act(
    on program: [Round.ProgramItem], in index: Int, progress: inout PlayProgress
  ) async throws -> Bool {
    guard let channel else { return true }
    let play = tasks.plays[index]
    lookedFor = nil
    let log = ActionLog(count: program.count, longestSecret: reporter.longestSecret)
    let reporter = reporter
    let name = host.name
    let items = program.map { entry in
      var item = entry.item
      item.label = reporter.redacted(entry.reference.label)
      return item
    }
    let lock = HostLock(
      holder: HostWait.thisController, generation: generation, patience: options.lockPatience)
    do {
      try await channel.act(items, as: become(index), verbose: options.verbose, lock: lock) { record in
        switch log.note(record) {
        case .began(let index):
          let entry = program[index]
          reporter.report(
            .actionStarted(host: name, task: entry.reference, action: entry.item.action.summary))
        case .printed(let index, let text):
          reporter.report(.output(host: name, task: program[index].reference, text: text))
        case .waiting(let index, let reason):
          reporter.report(.waiting(host: name, task: program[index].reference, reason: reason))
        case .waits(let wait):
          reporter.report(.waiting(host: name, task: program[0].reference, reason: wait.reason))
        case .unlocked:
          reporter.report(.warning(host: name, message: HostLock.missing))
        case nil: break
        }
      }
    } catch {
      // What has finished is a change like any other, though the rest is not known.
      settle(program, log: log, play: play, progress: &progress)
      guard let running = log.running, !(error is CancellationError) else { throw error }
      let entry = program[running]
      var failure = describe(error)
      failure.message += " — while an action ran that may or may not have finished; run again to make sure"
      failure.task = entry.reference
      failure.command = entry.item.action.summary
      throw HostStop(failure)
    }
    if log.isStale { return false }
    hasActed = true
    settle(program, log: log, play: play, progress: &progress)
    try refuseFailure(of: program, log: log, user: become(index).user)
    return true
  }

  /// Draws the conclusions from what a program reported.
  private func settle(
    _ program: [Round.ProgramItem], log: ActionLog, play: HostTasks.PlayTasks, progress: inout PlayProgress
  ) {
    let results = log.results
    for (index, entry) in program.enumerated() where entry.isLastOfTask {
      guard results[index] != nil else { continue }
      let own = program.indices.filter { program[$0].reference == entry.reference }
      let changed = own.contains { results[$0] == .changed }
      if let task = entry.task {
        let step = play.items[task].step
        progress.acted.insert(step.id)
        progress.ran.note(entry.reference, touches: own.flatMap { program[$0].item.action.touches })
        if own.allSatisfy({ program[$0].item.action.isOneShot }) {
          progress.finishedOneShots.insert(step.id)
        }
        if changed { progress.changed.insert(step.id) }
        report.finish(entry.reference, changed ? .changed : .ok)
        handledMarkers = []
      } else if own.contains(where: { results[$0] != .skipped }) {
        report.finish(entry.reference, .changed)
        if let marker = entry.item.handler { handledMarkers.insert(marker) }
      }
    }
  }

  private func refuseFailure(of program: [Round.ProgramItem], log: ActionLog, user: String) throws {
    if let failure = log.failure {
      let entry = program[failure.index]
      report.finish(entry.reference, .failed)
      let explanation = failure.isLate ? nil : entry.item.action.explanation?(failure.output)
      // The lists that some programs print have been read, and say nothing to a person.
      let output = explanation == nil ? failure.output : failure.output.map { $0.shortened(to: 300) }
      throw HostStop(
        HostFailure(
          .task,
          explanation
            ?? failure.message(
              label: entry.reference.label, timeout: entry.item.action.timeout, user: user),
          task: entry.reference, command: entry.item.action.summary, status: failure.status,
          output: output))
    }
    if let wait = log.gaveUp {
      throw ProgramError(
        "waited for \(wait.reason); gave up after \(options.lockPatience.components.seconds) s, and nothing was changed"
      )
    }
    if let broken = log.broken {
      throw ProgramError(
        (broken.full.isEmpty ? "" : "no space left on \(ActionLog.Failure.names(broken.full)): ")
          + "the host has no place for a folder of the program: \(broken.words)")
    }
    guard log.results.count == program.count else {
      throw ProgramError("the host stopped in the middle of the program without saying why")
    }
  }

  private func fail(_ failure: HostFailure) {
    self.failure = failure
    report.fail(failure)
  }

  private func finish() async {
    let exchanges = await channel?.exchanges ?? 0
    await channel?.close()
    report.finish(exchanges: exchanges)
  }
}

/// Ends a host's run with what is to be reported.
private struct HostStop: Error {
  let failure: HostFailure

  init(_ failure: HostFailure) { self.failure = failure }
}

extension TaskDecision {
  fileprivate var isFailed: Bool {
    if case .failed = self { return true }
    return false
  }
}

extension DiffLine {
  /// With the sign that reports show it by.
  fileprivate var marked: String {
    switch kind {
    case .added: "+ " + text
    case .removed: "- " + text
    case .modified: "~ " + text
    case .context: "  " + text
    case .header: text
    }
  }
}
