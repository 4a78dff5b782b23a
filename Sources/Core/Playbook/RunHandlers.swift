/// Runs the handlers that are due now, rather than at the end of the play.
///
///     SupervisorProgram(shop).notify(restart)
///     RunHandlers()
///     HTTPCheck("http://localhost/healthz")      // asks the restarted program
public struct RunHandlers: HostTask {
  public init() {}

  /// What it is called in plans.
  public var label: String { "run handlers" }

  /// Nothing: which handlers are due is the engine's to know.
  public var observes: Nothing { Nothing() }

  public func decide(given facts: Void) -> Decision { .unchanged }
}
