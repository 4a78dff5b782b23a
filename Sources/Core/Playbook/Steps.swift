/// What can stand in a play: a task, a composite task, or steps that were made of them.
public protocol StepGroup: Sendable {
  /// The steps that it stands for.
  ///
  /// - Parameter location: The line of the playbook that placed it.
  func steps(at location: SourceLocation) -> Steps
}

/// Tasks of a play, in order, with what the playbook says about each.
///
///     let config = File("/etc/shop.conf", content: text).notify(restart)      // Steps
///     config                                                                 // placed in a play
///     Command("shop reindex").when(config.changed)
public struct Steps: StepGroup {
  package var items: [Step]

  package init(_ items: [Step]) { self.items = items }

  public func steps(at location: SourceLocation) -> Steps { self }

  /// True once one of these steps has changed, or is about to change, something in this run.
  public var changed: Condition { Condition(items.map { .changed($0.id) }, needsAll: false) }
}

/// One task in a play, with its modifiers.
package struct Step: Sendable, Identifiable {
  package let id: StepID
  package var task: any HostTask
  package var location: SourceLocation
  package var name: String?
  package var tags: Set<String> = []
  package var conditions: [Condition] = []
  package var notifies: [Handler] = []
  package var user: String?

  package init(_ task: some HostTask, at location: SourceLocation) {
    id = StepID()
    self.task = task
    self.location = location
  }

  package var label: String { name ?? task.label }
}

/// Tells one placed task from another, also where two tasks are alike.
package final class StepID: Sendable, Hashable {
  package init() {}

  package static func == (first: StepID, second: StepID) -> Bool { first === second }

  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// Collects the tasks of a play; every task knows the line it stands on.
@resultBuilder public enum StepsBuilder {
  public static func buildExpression(
    _ group: some StepGroup, file: String = #fileID, line: Int = #line
  ) -> Steps {
    group.steps(at: SourceLocation(file: file, line: line))
  }

  public static func buildExpression(_ none: Void) -> Steps { Steps([]) }

  public static func buildBlock(_ steps: Steps...) -> Steps { Steps(steps.flatMap(\.items)) }

  public static func buildOptional(_ steps: Steps?) -> Steps { steps ?? Steps([]) }

  public static func buildEither(first steps: Steps) -> Steps { steps }

  public static func buildEither(second steps: Steps) -> Steps { steps }

  public static func buildArray(_ steps: [Steps]) -> Steps { Steps(steps.flatMap(\.items)) }

  public static func buildLimitedAvailability(_ steps: Steps) -> Steps { steps }
}
