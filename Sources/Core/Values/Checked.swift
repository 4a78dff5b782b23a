internal import Synchronization

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
  package mutating func look(into value: Any, depth: Int = 8) {
    switch Shape.of(type(of: value)) {
    case .plain: return
    case .secret:
      guard let secret = value as? Secret else { return }
      secrets.append(secret)
      note(secret.problem)
      return
    case .contents:
      guard let contents = value as? Contents else { return }
      secrets += contents.secrets
      for secret in contents.secrets { note(secret.problem) }
      return
    case .command:
      note((value as? ShellCommand)?.problem)
      return
    case .checked: note((value as? any Checked)?.problem)
    case .other: break
    }
    guard depth > 0 else { return }
    for child in Mirror(reflecting: value).children { look(into: child.value, depth: depth - 1) }
  }

  private mutating func note(_ problem: String?) {
    if let problem, !problems.contains(problem) { problems.append(problem) }
  }
}

/// What an inspection has to do with values of a type. Asking Swift costs microseconds a value, and a playbook for
/// many hosts has a lot of them, so the answer is kept.
private enum Shape {
  case plain
  case secret
  case contents
  case command
  case checked
  case other

  private static let known = Mutex<[ObjectIdentifier: Shape]>([
    ObjectIdentifier(Secret.self): .secret,
    ObjectIdentifier(Contents.self): .contents,
    ObjectIdentifier(ShellCommand.self): .command,
    ObjectIdentifier(String.self): .plain,
    ObjectIdentifier([String].self): .plain,
    ObjectIdentifier([String: String].self): .plain,
    ObjectIdentifier(Set<String>.self): .plain,
    ObjectIdentifier([UInt8].self): .plain,
    ObjectIdentifier(UInt8.self): .plain,
    ObjectIdentifier(Int.self): .plain,
    ObjectIdentifier(Double.self): .plain,
    ObjectIdentifier(Bool.self): .plain,
    ObjectIdentifier(Duration.self): .plain,
  ])

  static func of(_ type: Any.Type) -> Shape {
    known.withLock { known in
      if let shape = known[ObjectIdentifier(type)] { return shape }
      let shape: Shape = type is any Checked.Type ? .checked : .other
      known[ObjectIdentifier(type)] = shape
      return shape
    }
  }
}
