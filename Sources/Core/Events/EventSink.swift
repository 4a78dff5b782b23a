/// Where the events of a run go: a report, a file, a test.
///
/// The engine calls it for one event at a time, secrets already taken out.
public protocol EventSink: Sendable {
  /// Takes the next event. It must not wait for anything slow.
  func receive(_ event: Event)
}
