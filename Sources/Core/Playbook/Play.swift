/// The tasks for the hosts of one pattern.
///
///     Play("Web servers", on: "web", vars: WebVars.self, become: true) { host in
///       AptPackages("nginx")
///       File("/etc/motd", content: "\(host.name)\n")
///     }
public struct Play: Sendable {
  /// What the play is called in reports.
  public let name: String
  /// Which hosts it is for.
  public let pattern: HostPattern
  /// Whom its tasks run as; what the inventory or the command line says of a host wins.
  public let become: PlayUser
  package let location: SourceLocation
  package let knownVariables: @Sendable () throws -> Set<String>
  package let evaluate: @Sendable (InventoryHost, Inventory, FactsInBody) throws -> Steps

  /// - Parameters:
  ///   - name: What the play is called in reports.
  ///   - pattern: Which hosts it is for, as in ``HostPattern``.
  ///   - vars: The type of the variables that it takes from the inventory.
  ///   - become: Whom its tasks run as: `.root` or `true`, `.user("postgres")`; the one who logs in if nothing is said.
  ///   - tasks: The tasks of one host; a function of that host alone, without effects.
  public init<Vars: HostVars>(
    _ name: String, on pattern: String, vars: Vars.Type, become: PlayUser = .login,
    file: String = #fileID, line: Int = #line,
    @StepsBuilder tasks: @escaping @Sendable (HostScope<Vars>) throws -> Steps
  ) {
    self.name = name
    self.pattern = HostPattern(pattern)
    self.become = become
    location = SourceLocation(file: file, line: line)
    knownVariables = { try Vars.knownNames() }
    evaluate = { host, inventory, facts in
      let vars = try Vars.decode(for: host)
      return try tasks(HostScope(host, vars: vars, inventory: inventory, facts: facts))
    }
  }

  /// A play whose body doesn't need the host: its variables are checked all the same.
  public init<Vars: HostVars>(
    _ name: String, on pattern: String, vars: Vars.Type, become: PlayUser = .login,
    file: String = #fileID, line: Int = #line, @StepsBuilder tasks: @escaping @Sendable () throws -> Steps
  ) {
    self.init(name, on: pattern, vars: vars, become: become, file: file, line: line) { _ in try tasks() }
  }

  /// A play without variables of its own.
  public init(
    _ name: String, on pattern: String, become: PlayUser = .login, file: String = #fileID, line: Int = #line,
    @StepsBuilder tasks: @escaping @Sendable (HostScope<NoVars>) throws -> Steps
  ) {
    self.init(name, on: pattern, vars: NoVars.self, become: become, file: file, line: line, tasks: tasks)
  }

  /// A play without variables, alike for all its hosts.
  public init(
    _ name: String, on pattern: String, become: PlayUser = .login, file: String = #fileID, line: Int = #line,
    @StepsBuilder tasks: @escaping @Sendable () throws -> Steps
  ) {
    self.init(name, on: pattern, vars: NoVars.self, become: become, file: file, line: line) { _ in
      try tasks()
    }
  }
}

/// The plays of a playbook, in order.
public struct Plays: Sendable {
  package let items: [Play]

  public init(items: [Play]) { self.items = items }
}

/// Collects the plays of a playbook.
@resultBuilder public enum PlaysBuilder {
  public static func buildExpression(_ play: Play) -> Plays { Plays(items: [play]) }
  public static func buildExpression(_ plays: Plays) -> Plays { plays }
  public static func buildBlock(_ plays: Plays...) -> Plays { Plays(items: plays.flatMap(\.items)) }
  public static func buildOptional(_ plays: Plays?) -> Plays { plays ?? Plays(items: []) }
  public static func buildEither(first plays: Plays) -> Plays { plays }
  public static func buildEither(second plays: Plays) -> Plays { plays }
  public static func buildArray(_ plays: [Plays]) -> Plays { Plays(items: plays.flatMap(\.items)) }
}

/// A playbook: a Swift program whose `main` is Martlet's command line.
///
///     @main struct Shop: Playbook {
///       var plays: Plays {
///         Play("Web servers", on: "web") { AptPackages("nginx") }
///       }
///     }
public protocol Playbook: Sendable {
  init()

  /// The plays, carried out one after the other.
  @PlaysBuilder var plays: Plays { get }
}
