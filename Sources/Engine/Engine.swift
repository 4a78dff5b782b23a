public import MartletCore

/// Carries out plays on hosts: look, decide, act, look again (ARCHITECTURE.md, "The loop").
public struct Engine: Sendable {
  let transport: any Transport
  let options: RunOptions
  let sink: any EventSink

  public init(transport: any Transport, options: RunOptions, sink: any EventSink) {
    self.transport = transport
    self.options = options
    self.sink = sink
  }

  /// Runs the plays of a playbook over an inventory, and reports to the sink.
  ///
  /// - Returns: The exit code: 0 fine, 1 a task failed, 4 a host was unreachable, 64 the playbook or the
  ///   inventory is wrong, 130 interrupted (the surrounding Swift task was cancelled).
  public func run(_ plays: Plays, named playbook: String, inventory: Inventory) async -> Int32 {
    64
  }
}
