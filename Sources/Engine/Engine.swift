public import MartletCore

/// Carries out plays on hosts: look, decide, act, look again (ARCHITECTURE.md, "The loop").
public struct Engine: Sendable {
  let transport: any Transport
  let options: RunOptions
  let sink: any EventSink
  /// The secrets that are taken out of all reports, besides those that the run resolves itself.
  package var secrets = KnownSecrets()

  public init(transport: any Transport, options: RunOptions, sink: any EventSink) {
    self.transport = transport
    self.options = options
    self.sink = sink
  }

  /// Runs the plays of a playbook over an inventory, and reports to the sink.
  ///
  /// - Returns: The exit code: 0 fine, 1 a task failed, 4 a host was unreachable, 64 the playbook or the
  ///   inventory is wrong, 130 interrupted (the surrounding Swift task was cancelled). A failed task weighs
  ///   more than an unreachable host.
  public func run(_ plays: Plays, named playbook: String, inventory: Inventory) async -> Int32 {
    let reporter = Reporter(sink, hiding: secrets)
    let code = await KnownSecrets.$scope.withValue(secrets) {
      await run(plays.items, named: playbook, inventory: inventory, reporter: reporter)
    }
    reporter.report(.runFinished(exitCode: code))
    return code
  }

  private func run(
    _ plays: [Play], named playbook: String, inventory: Inventory, reporter: Reporter
  ) async -> Int32 {
    // Of all hosts: one may show another's.
    reporter.hide(inventory.hosts.flatMap(\.connection.secrets))
    guard secrets.revealedMissing.isEmpty else {
      for problem in secrets.revealedMissing { reporter.report(.invalid(problem: problem)) }
      return 64
    }
    let selection: Selection
    switch Selection.make(plays, inventory: inventory, options: options) {
    case .success(let value): selection = value
    case .failure(let problems):
      for problem in problems.list { reporter.report(.invalid(problem: problem)) }
      return 64
    }
    // A transport may ask a question here, so no report has begun to draw.
    var notices: [TransportNotice] = []
    do {
      notices = try await transport.prepare(for: selection.hosts.map(\.host))
    } catch is CancellationError {
      // Every host is going to find that out.
    } catch {
      reporter.report(.invalid(problem: "\(error)"))
      return 64
    }
    reporter.report(
      .runStarted(playbook: playbook, hosts: selection.hosts.map(\.host.name), check: options.check))
    for warning in selection.warnings { reporter.report(.warning(host: nil, message: warning)) }
    for notice in notices where options.verbose || !notice.verboseOnly {
      reporter.report(.warning(host: notice.host, message: notice.message))
    }
    var runs: [String: HostRun] = [:]
    for entry in selection.hosts {
      reporter.hide(entry.tasks.secrets)
      reporter.reportNotices(of: entry.tasks)
      runs[entry.host.name] = HostRun(
        entry.host, plays: entry.plays.map { plays[$0] }, tasks: entry.tasks, inventory: inventory,
        transport: transport, options: options, reporter: reporter)
    }
    for play in plays.indices {
      let work = selection.hosts.compactMap { entry in
        entry.plays.firstIndex(of: play).flatMap { place in runs[entry.host.name].map { ($0, place) } }
      }
      await withTaskGroup(of: Void.self) { group in
        // At most `forks` hosts at once: the next begins when one has finished.
        for (count, (run, place)) in work.enumerated() {
          if count >= max(1, options.forks) { await group.next() }
          group.addTask { await run.perform(place) }
        }
      }
    }
    var kinds: Set<HostFailure.Kind> = []
    for run in runs.values { if let kind = await run.outcome?.kind { kinds.insert(kind) } }
    if kinds.contains(.interrupted) || Task.isCancelled { return 130 }
    if kinds.contains(.task) { return 1 }
    if kinds.contains(.unreachable) { return 4 }
    return kinds.contains(.invalid) ? 64 : 0
  }
}
