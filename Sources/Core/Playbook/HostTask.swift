/// A piece of a host's wanted state: what to know about the host, and what follows from the answer.
///
///     /// Sets the time zone.
///     struct Timezone: HostTask {
///       var name: String
///       var label: String { "time zone \(name)" }
///
///       var observes: SymbolicLink { SymbolicLink("/etc/localtime") }
///
///       func decide(given target: String?) -> Decision {
///         let wanted = "/usr/share/zoneinfo/\(name)"
///         guard target != wanted else { return .unchanged }
///         return [.run("ln -sfn -- \(wanted) /etc/localtime", changes: [.modified("\(target ?? "none") → \(wanted)")])]
///       }
///     }
///
/// It sends nothing and reads nothing of the host itself, so it is tested with values alone.
public protocol HostTask: StepGroup {
  /// The fact, or ``All`` the facts, that the decision needs.
  associatedtype Observed: Fact

  /// What the task is called in plans and reports: `nginx site shop`.
  var label: String { get }

  /// What the engine looks up on the host, together with what every other task wants.
  var observes: Observed { get }

  /// What is to be done, given what was found. Called as often as the engine likes: it only computes.
  func decide(given facts: Observed.Value) throws -> Decision

  /// What the user should know about what was found, though nothing is to be done about it here.
  func warnings(given facts: Observed.Value) -> [String]

  /// What of that is worth saying in a run that has changed nothing on the host; all of it, unless a task knows
  /// shorter words for what has been said before.
  func standingWarnings(given facts: Observed.Value) -> [String]

  /// What the user should know about the task itself, whatever the hosts are like: it is said once a run.
  var notices: [String] { get }

  /// Refuses wrong arguments before anything is sent to any host.
  ///
  /// Paths, modes, commands and secrets among the stored properties are checked without it (``Checked``).
  ///
  /// - Throws: ``InvalidTask`` with what is wrong and what to write instead.
  func validate() throws
}

extension HostTask {
  public func validate() throws {}

  public func warnings(given facts: Observed.Value) -> [String] { [] }

  public func standingWarnings(given facts: Observed.Value) -> [String] { warnings(given: facts) }

  public var notices: [String] { [] }

  public var label: String { "\(Self.self)" }

  public func steps(at location: SourceLocation) -> Steps { Steps([Step(self, at: location)]) }
}

/// An argument of a task that can't be right on any host.
public struct InvalidTask: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// A task that is made of tasks.
///
///     struct Website: CompositeTask {
///       var domain: String
///       var body: Steps {
///         AptPackages("nginx")
///         NginxSite(domain)
///       }
///     }
public protocol CompositeTask: StepGroup {
  /// The tasks that it stands for, in order.
  @StepsBuilder var body: Steps { get }
}

extension CompositeTask {
  /// The steps of the body. Those that stand in Martlet's own sources are shown at the playbook's line instead:
  /// it is there that a user can do something about them.
  public func steps(at location: SourceLocation) -> Steps {
    var steps = body
    for index in steps.items.indices where steps.items[index].location.file.hasPrefix("Martlet") {
      steps.items[index].location = location
    }
    return steps
  }
}
