/// The deadlines of a reactor, soonest first: a binary heap whose removed entries are left in place and
/// swept out when they outnumber the live ones, so that a timer that never fires costs no memory for long.
struct TimerQueue {
  private var heap: [(due: ContinuousClock.Instant, id: UInt64)] = []
  private var actions: [UInt64: @Sendable () -> Void] = [:]
  private var lastID: UInt64 = 0

  var count: Int { actions.count }

  mutating func add(_ due: ContinuousClock.Instant, _ action: @escaping @Sendable () -> Void) -> UInt64 {
    lastID += 1
    actions[lastID] = action
    heap.append((due, lastID))
    siftUp(heap.count - 1)
    return lastID
  }

  mutating func remove(_ id: UInt64) {
    guard actions.removeValue(forKey: id) != nil else { return }
    if heap.count > 64, heap.count > 2 * actions.count {
      heap.removeAll { actions[$0.id] == nil }
      heap.sort { $0.due < $1.due }
    }
  }

  /// When the next timer is due; nil when there is none.
  mutating func next() -> ContinuousClock.Instant? {
    while let first = heap.first, actions[first.id] == nil { popFirst() }
    return heap.first?.due
  }

  /// Takes out the actions that are due at `now`, soonest first.
  mutating func takeDue(at now: ContinuousClock.Instant) -> [@Sendable () -> Void] {
    var due: [@Sendable () -> Void] = []
    while let first = heap.first, first.due <= now {
      popFirst()
      if let action = actions.removeValue(forKey: first.id) { due.append(action) }
    }
    return due
  }

  private mutating func popFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].due < heap[least].due { least = child }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private mutating func siftUp(_ start: Int) {
    var child = start
    while child > 0, heap[child].due < heap[(child - 1) / 2].due {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }
}
