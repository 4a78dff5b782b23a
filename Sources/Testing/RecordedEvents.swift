public import MartletCore
internal import Synchronization

/// A sink that keeps the events of a run for a test to look at.
public final class RecordedEvents: EventSink {
  private let events = Mutex<[Event]>([])

  public init() {}

  public func receive(_ event: Event) { events.withLock { $0.append(event) } }

  /// Everything that was reported, in order.
  public var all: [Event] { events.withLock { $0 } }

  /// How each task ended, by its label, in the order in which they ended.
  public var outcomes: [String] {
    all.compactMap {
      if case .taskFinished(_, let task, let outcome) = $0 {
        "\(task.label): \(outcome.rawValue)"
      } else {
        nil
      }
    }
  }

  /// What was planned, by task, as a report without colours would show it.
  public var plans: [String] {
    all.compactMap { event in
      guard case .planned(_, let task, let plan) = event else { return nil }
      switch plan {
      case .change(let actions, _): return "\(task.label): \(actions.joined(separator: "; "))"
      case .unknown(let reason): return "\(task.label): unknown \(reason)"
      }
    }
  }

  /// Why hosts were stopped.
  public var failures: [HostFailure] {
    all.compactMap { if case .hostFailed(_, let failure) = $0 { failure } else { nil } }
  }

  /// What was worth knowing though nothing failed.
  public var warnings: [String] {
    all.compactMap { if case .warning(_, let message) = $0 { message } else { nil } }
  }

  /// What was wrong with playbook or inventory.
  public var problems: [String] {
    all.compactMap { if case .invalid(let problem) = $0 { problem } else { nil } }
  }

  /// The sums of each host.
  public var recaps: [String: HostRecap] {
    var recaps: [String: HostRecap] = [:]
    for case .hostFinished(let host, let recap) in all { recaps[host] = recap }
    return recaps
  }
}
