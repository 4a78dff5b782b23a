/// A value that can be wrong in a way the compiler doesn't see.
///
/// Literals can't throw, so a relative remote path or a decimal file mode is carried along with what is
/// wrong with it, and the planner refuses the playbook before anything is sent to a host. It finds checked
/// values by itself in the stored properties of every task: a task's author has nothing to remember.
public protocol Checked {
  /// What is wrong with the value, as the end of a sentence; nil if nothing is.
  var problem: String? { get }
}

/// The values inside a task that the planner wants to see: what may be wrong, and what is secret.
package struct Inspection {
  package private(set) var problems: [String] = []
  package private(set) var secrets: [Secret] = []

  package init() {}

  /// Looks through the stored properties of a value, at most `depth` levels down.
  package mutating func look(into value: Any, depth: Int = 6) {
    // An optional shows itself as the value inside it, and then the value again.
    if let checked = value as? any Checked, let problem = checked.problem, !problems.contains(problem) {
      problems.append(problem)
    }
    if let secret = value as? Secret {
      secrets.append(secret)
      return
    }
    if let contents = value as? Contents {
      secrets += contents.secrets
      return
    }
    guard depth > 0, !(value is String), !(value is [UInt8]) else { return }
    for child in Mirror(reflecting: value).children { look(into: child.value, depth: depth - 1) }
  }
}
