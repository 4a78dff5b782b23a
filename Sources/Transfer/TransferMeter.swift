internal import Synchronization

/// How far a transfer is, for whoever draws it meanwhile.
public final class TransferMeter: Sendable {
  private let moved = Atomic<Int>(0)
  private let expected = Atomic<Int>(-1)
  private let resumed = Atomic<Int>(0)

  public init() {}

  /// The bytes that are over, those of an earlier transfer included.
  public var done: Int { moved.load(ordering: .relaxed) }
  /// How many there will be; nil where that can't be known.
  public var total: Int? {
    let value = expected.load(ordering: .relaxed)
    return value < 0 ? nil : value
  }
  /// How many of them are from an earlier transfer.
  public var start: Int { resumed.load(ordering: .relaxed) }

  func add(_ count: Int) { moved.add(count, ordering: .relaxed) }
  func expect(_ total: Int) { expected.store(total, ordering: .relaxed) }
  func begin(at offset: Int) {
    resumed.store(offset, ordering: .relaxed)
    moved.store(offset, ordering: .relaxed)
  }
}
