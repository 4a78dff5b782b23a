internal import MartletReports
internal import MartletTransfer
internal import Synchronization

/// How far the transfers of all hosts are.
final class TransferBoard: Sendable {
  private struct Entry {
    let name: String
    var meter: TransferMeter?
    var isOver = false
  }

  private struct State {
    var entries: [Entry]
    var samples: [(at: ContinuousClock.Instant, bytes: Int)] = []
  }

  private let state: Mutex<State>

  init(_ hosts: [String]) { state = Mutex(State(entries: hosts.map { Entry(name: $0) })) }

  func begin(_ index: Int) -> TransferMeter {
    let meter = TransferMeter()
    state.withLock { $0.entries[index].meter = meter }
    return meter
  }

  func end(_ index: Int) { state.withLock { $0.entries[index].isOver = true } }

  /// Whether any transfer has.
  var hasBegun: Bool { state.withLock { $0.entries.contains { $0.meter != nil } } }

  /// One line: `web1  34 %  340 MB of 1.00 GB  182 MB/s  3.6 s left`.
  var line: String {
    state.withLock { state in
      let meters = state.entries.compactMap(\.meter)
      let done = meters.reduce(0) { $0 + $1.done }
      let moved = done - meters.reduce(0) { $0 + $1.start }
      let totals = meters.map(\.total)
      let isKnown = meters.count == state.entries.count && !totals.contains(nil)
      let total = totals.reduce(0) { $0 + ($1 ?? 0) }
      state.samples.append((.now, moved))
      if state.samples.count > 25 { state.samples.removeFirst() }
      var words = [state.entries.count == 1 ? state.entries[0].name : hosts(state.entries)]
      if isKnown, total > 0 {
        words.append("\(min(100, done * 100 / total)) %")
        words.append("\(Amount.bytes(min(done, total))) of \(Amount.bytes(total))")
      } else {
        words.append(Amount.bytes(done))
      }
      if let first = state.samples.first, let last = state.samples.last, last.bytes > first.bytes {
        let rate = Double(last.bytes - first.bytes) / (first.at.duration(to: last.at) / .seconds(1))
        words.append("\(Amount.bytes(Int(rate)))/s")
        if isKnown, total > done, rate > 1 {
          words.append("\(Amount.time(.seconds(Double(total - done) / rate))) left")
        }
      }
      return words.joined(separator: "  ")
    }
  }

  private func hosts(_ entries: [Entry]) -> String {
    "\(entries.count { $0.isOver }) of \(entries.count) hosts"
  }
}
