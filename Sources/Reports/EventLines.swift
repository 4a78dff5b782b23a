internal import MartletCore

/// Turns events into the lines that people read. The reports for pipes and for terminals share it.
struct EventLines {
  /// Whether tasks that are right already, skipped tasks and outputs are shown.
  let verbose: Bool
  /// Whether hosts without failures are left out of the recap where there are many.
  let foldsRecap: Bool
  private var isCheck = false
  private var hosts: [String] = []
  private var recaps: [String: HostRecap] = [:]
  private var unexplained: [String: [TaskReference]] = [:]
  /// What running tasks are about to change, by host and task: shown once they have.
  private var pending: [String: [Int: [ReportLine]]] = [:]

  /// From how many hosts on a folded recap names only those with failures.
  static let foldingLimit = 40

  init(verbose: Bool, foldsRecap: Bool = false) {
    self.verbose = verbose
    self.foldsRecap = foldsRecap
  }

  mutating func lines(for event: Event) -> [ReportLine] {
    switch event {
    case .runStarted(let playbook, let hosts, let check):
      isCheck = check
      self.hosts = hosts
      let count = hosts.count == 1 ? "1 host" : "\(hosts.count) hosts"
      let mode = check ? ", check mode: nothing is changed" : ""
      return [ReportLine(nil, .heading, "\(DisplayText.line(playbook)): \(count)\(mode)")]
    case .invalid(let problem):
      return block(nil, .failed, "error: ", problem)
    case .connected(let host):
      return verbose ? [ReportLine(host, .quiet, "connected")] : []
    case .playStarted(let host, let play):
      return verbose ? [ReportLine(host, .quiet, "play: \(DisplayText.line(play))")] : []
    case .planned(let host, let task, let plan):
      return lines(host, task, plan)
    case .actionStarted(let host, _, let action):
      return verbose ? [ReportLine(host, .quiet, "running: \(summary(action))")] : []
    case .output(let host, _, let text):
      return DisplayText.lines(text).map { ReportLine(host, .quiet, "  | \($0)") }
    case .taskFinished(let host, let task, let outcome):
      return lines(host, task, outcome)
    case .hostFailed(let host, let failure):
      return lines(host, failure)
    case .waiting(let host, let task, let reason):
      return [
        ReportLine(host, .warning, "waiting: \(name(task)): for \(cut(DisplayText.line(reason)))")
      ]
    case .warning(let host, let message):
      return block(host, .warning, "warning: ", message)
    case .hostFinished(let host, let recap):
      recaps[host] = recap
      pending[host] = nil
      let failed = unexplained.removeValue(forKey: host) ?? []
      return failed.map { ReportLine(host, .failed, "FAILED: \(name($0))") }
    case .runFinished(let exitCode):
      return recap() + (exitCode == 130 ? [ReportLine(nil, .failed, "interrupted")] : [])
    }
  }

  private mutating func lines(_ host: String, _ task: TaskReference, _ plan: TaskPlan) -> [ReportLine] {
    switch plan {
    case .change(let actions, let diff):
      let label = DisplayText.line(task.label)
      let steps = actions.map(summary).filter { $0 != label }.map { ReportLine(host, .plain, "  \($0)") }
      let details = diff.isEmpty ? steps : diff.map { line(host, $0) }
      guard !isCheck else { return [ReportLine(host, .changed, "would change: \(name(task))")] + details }
      pending[host, default: [:]][task.index] = details
      return []
    case .unknown(let reason):
      guard isCheck || verbose else { return [] }
      return [ReportLine(host, .warning, "unknown: \(name(task)): \(DisplayText.line(reason))")]
    }
  }

  private mutating func lines(
    _ host: String, _ task: TaskReference, _ outcome: TaskOutcome
  ) -> [ReportLine] {
    switch outcome {
    case .failed:
      // The failure of the host tells more. Only a task that it doesn't name is listed, when the host is done.
      unexplained[host, default: []].append(task)
      return []
    case .changed:
      guard !isCheck else { return [] }
      let details = pending[host]?.removeValue(forKey: task.index) ?? []
      return [ReportLine(host, .changed, "changed: \(name(task))")] + details
    case .ok: return verbose ? [ReportLine(host, .quiet, "ok: \(name(task))")] : []
    case .skipped: return verbose ? [ReportLine(host, .quiet, "skipped: \(name(task))")] : []
    case .unknown: return []
    }
  }

  private mutating func lines(_ host: String, _ failure: HostFailure) -> [ReportLine] {
    let word =
      switch failure.kind {
      case .unreachable: "UNREACHABLE"
      case .task: "FAILED"
      case .invalid: "INVALID"
      case .interrupted: "INTERRUPTED"
      }
    var lines: [ReportLine] = []
    if let task = failure.task {
      unexplained[host]?.removeAll { $0.index == task.index }
      lines.append(ReportLine(host, .failed, "\(word): \(name(task))"))
      // The line above and those below say that much.
      if failure.status == nil || failure.message != "\(task.label) failed" {
        lines += block(host, .failed, "  ", failure.message)
      }
    } else {
      // Some messages begin with the same word: once is enough.
      let isRepeated = failure.message.hasPrefix(word.lowercased() + ": ")
      let message = isRepeated ? String(failure.message.dropFirst(word.count + 2)) : failure.message
      lines += block(host, .failed, "\(word): ", message)
    }
    if let command = failure.command {
      let shown = DisplayText.lines(command).filter { !$0.isEmpty }
      lines += shown.prefix(3).enumerated().map { index, text in
        let isCut = index == 2 && shown.count > 3
        return ReportLine(
          host, .plain, (index == 0 ? "  command: " : "           ") + cut(text) + (isCut ? " …" : ""))
      }
    }
    if let status = failure.status { lines.append(ReportLine(host, .plain, "  exit status: \(status)")) }
    let output = failure.output.flatMap { DisplayText.lines($0) }
    if !output.isEmpty {
      lines.append(ReportLine(host, .plain, "  output:"))
      lines += output.map { ReportLine(host, .plain, "    \($0)") }
    }
    return lines
  }

  private func line(_ host: String, _ diff: DiffLine) -> ReportLine {
    let text = DisplayText.lines(diff.text).joined(separator: " ")
    return switch diff.kind {
    case .added: ReportLine(host, .added, "  + \(text)")
    case .removed: ReportLine(host, .removed, "  - \(text)")
    case .modified: ReportLine(host, .changed, "  ~ \(text)")
    case .context: ReportLine(host, .plain, "    \(text)")
    case .header: ReportLine(host, .quiet, "  \(text)")
    }
  }

  private func block(_ host: String?, _ style: ReportLine.Style, _ start: String, _ text: String)
    -> [ReportLine]
  {
    let indent = String(repeating: " ", count: start.count)
    return DisplayText.lines(text).enumerated().map { index, line in
      ReportLine(host, style, (index == 0 ? start : indent) + line)
    }
  }

  private func name(_ task: TaskReference) -> String {
    "\(task.isHandler ? "handler " : "")\(DisplayText.line(task.label)) (\(task.location))"
  }

  /// The first line of an action: commands may be whole scripts.
  private func summary(_ action: String) -> String {
    let lines = DisplayText.lines(action).filter { !$0.isEmpty }
    return cut(lines.first ?? "") + (lines.count > 1 ? " …" : "")
  }

  private func cut(_ text: String) -> String { DisplayText.fit(text, columns: 300) }

  private func recap() -> [ReportLine] {
    let finished = hosts.filter { recaps[$0] != nil }
    guard !finished.isEmpty else { return [] }
    let isBad = { (recap: HostRecap?) in (recap?.failed ?? 0) > 0 || recap?.unreachable == true }
    let folds = foldsRecap && finished.count > Self.foldingLimit
    let shown = folds ? finished.filter { isBad(recaps[$0]) } : finished
    var table = [["recap", "ok", isCheck ? "would change" : "changed"]]
    table[0] += ["failed", "unreachable", "skipped", "unknown", "exchanges", "seconds"]
    var styles: [ReportLine.Style] = [.heading]
    for host in shown {
      guard let recap = recaps[host] else { continue }
      table.append([DisplayText.line(host)] + columns(recap))
      styles.append(isBad(recap) ? .failed : recap.changed > 0 ? .changed : .plain)
    }
    if finished.count > 1 {
      table.append(["\(finished.count) hosts"] + total(finished.compactMap { recaps[$0] }))
      styles.append(.heading)
    }
    let widths = table[0].indices.map { column in table.map { DisplayText.width($0[column]) }.max() ?? 0 }
    return [ReportLine(nil, .plain, "")]
      + zip(table, styles).map { row, style in
        let cells = row.indices.map { column in
          let blanks = String(repeating: " ", count: widths[column] - DisplayText.width(row[column]))
          return column == 0 ? row[column] + blanks : blanks + row[column]
        }
        return ReportLine(nil, style, cells.joined(separator: "  "))
      }
  }

  private func columns(_ recap: HostRecap) -> [String] {
    counts(recap).map { "\($0)" } + [decimal(recap.seconds)]
  }

  private func counts(_ recap: HostRecap) -> [Int] {
    [
      recap.ok, recap.changed, recap.failed, recap.unreachable ? 1 : 0, recap.skipped, recap.unknown,
      recap.exchanges,
    ]
  }

  /// The sums of all hosts; the time is that of the slowest, as they run side by side.
  private func total(_ recaps: [HostRecap]) -> [String] {
    let rows = recaps.map(counts)
    let sums = (rows.first ?? []).indices.map { column in rows.reduce(0) { $0 + $1[column] } }
    return sums.map { "\($0)" } + [decimal(recaps.map(\.seconds).max() ?? 0)]
  }

  private func decimal(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "-" }
    let tenths = Int((max(0, seconds) * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}
