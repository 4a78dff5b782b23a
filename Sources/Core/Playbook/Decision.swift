/// What follows from what is known of a host.
///
/// A task without a wish returns `[]`, one with wishes a list of actions.
@frozen public enum Decision: Sendable, ExpressibleByArrayLiteral {
  /// The host is right already.
  case unchanged
  /// These actions make it right, in this order.
  case change([Action])
  /// It can't be known yet; the text is the end of "unknown …", as in "until /srv/shop/venv exists".
  case unknown(String)
  /// The host is in a state that this task can't mend. Final only if no earlier task is about to change
  /// something: until then the engine treats it as unknown.
  case failed(String)

  public init(arrayLiteral elements: Action...) { self.init(elements) }

  /// Unchanged if there are no actions.
  public init(_ actions: [Action]) { self = actions.isEmpty ? .unchanged : .change(actions) }
}
