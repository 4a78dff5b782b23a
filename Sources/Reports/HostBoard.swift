internal import MartletCore

/// What every host is doing right now, as the live lines show it.
struct HostBoard {
  private struct Row {
    var status = "connecting"
    var since: Duration
  }
  private var order: [String] = []
  private var running: [String: Row] = [:]
  private var total = 0
  private var changed = 0
  private var failed = 0
  private var start = Duration.zero
  private var nameColumn = 0

  mutating func receive(_ event: Event, at now: Duration) {
    switch event {
    case .runStarted(_, let hosts, _):
      order = hosts
      total = hosts.count
      start = now
      nameColumn = HostPrefix.column(for: hosts)
      running = Dictionary(hosts.map { ($0, Row(since: now)) }) { first, _ in first }
    case .connected(let host): set(host, "looking", now)
    case .playStarted(let host, let play): set(host, "\(play): looking", now)
    case .invalid, .planned, .output, .warning: break
    case .waiting(let host, let task, let reason): set(host, "\(task.label): waiting for \(reason)", now)
    case .actionStarted(let host, let task, let action):
      set(host, task.label == action ? action : "\(task.label): \(action)", now)
    case .taskFinished(let host, let task, _): set(host, "done: \(task.label)", now)
    case .hostFailed(let host, _): set(host, "stopped", now)
    case .hostFinished(let host, let recap):
      guard running.removeValue(forKey: host) != nil else { return }
      changed += recap.changed > 0 ? 1 : 0
      failed += recap.failed > 0 || recap.unreachable ? 1 : 0
    case .runFinished:
      running = [:]
      order = []
      total = 0
    }
  }

  private mutating func set(_ host: String, _ status: String, _ now: Duration) {
    guard running[host] != nil else { return }
    let line = DisplayText.line(status.prefix { $0 != "\n" }.prefix(300).description)
    running[host] = Row(status: line, since: now)
  }

  /// The lines to draw, none longer than the terminal is wide.
  ///
  /// - Parameter rows: How many lines there is room for; hosts that don't fit are only counted.
  mutating func lines(at now: Duration, columns: Int, rows: Int) -> [String] {
    guard total > 0, rows > 0 else { return [] }
    if order.count > 2 * running.count { order.removeAll { running[$0] == nil } }
    let active = order.filter { running[$0] != nil }
    // Hosts that are at work come before those that still wait for their connection.
    let working = active.filter { running[$0]?.status != "connecting" }
    let room = max(0, rows - 1)
    let shown =
      active.count <= room
      ? active : Array((working + active.filter { running[$0]?.status == "connecting" }).prefix(room))
    return shown.map { host in
      let row = running[host] ?? Row(since: now)
      let name = DisplayText.pad(DisplayText.line(host), columns: nameColumn)
      let time = clock(now - row.since)
      let text = DisplayText.fit("\(name)  \(row.status)", columns: columns - time.count - 2)
      return DisplayText.fit("\(text)  \(time)", columns: columns)
    } + [DisplayText.fit(summary(at: now, hidden: active.count - shown.count), columns: columns)]
  }

  private func summary(at now: Duration, hidden: Int) -> String {
    let parts = [
      "\(total - running.count)/\(total) done", hidden > 0 ? "\(hidden) more running" : nil,
      changed > 0 ? "\(changed) changed" : nil, failed > 0 ? "\(failed) failed" : nil, clock(now - start),
    ]
    return parts.compactMap { $0 }.joined(separator: " · ")
  }

  private func clock(_ duration: Duration) -> String {
    let seconds = max(0, Int(duration.components.seconds))
    let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
    return seconds < 3600
      ? "\(seconds / 60):\(two(seconds % 60))"
      : "\(seconds / 3600):\(two(seconds / 60 % 60)):\(two(seconds % 60))"
  }
}
