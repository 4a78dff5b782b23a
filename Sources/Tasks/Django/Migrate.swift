public import MartletCore
public import MartletFacts

/// Brings a database to the state of the code's models, `manage.py migrate`.
///
///     Migrate(project)
///     Migrate(project, database: "reports")
///
/// The plan names each migration that is not applied. On several servers with one database, place it in a play of
/// one host: migrations must not run twice at once.
public struct Migrate: HostTask {
  let project: DjangoProject
  let database: String
  let fakeInitial: Bool

  /// - Parameters:
  ///   - project: The project.
  ///   - database: The database, as the settings' `DATABASES` calls it.
  ///   - fakeInitial: Whether first migrations whose tables are there already are only noted as applied.
  public init(_ project: DjangoProject, database: String = "default", fakeInitial: Bool = false) {
    self.project = project
    self.database = database
    self.fakeInitial = fakeInitial
  }

  public var label: String {
    "django migrate \(project.path)" + (database == "default" ? "" : " (\(database))")
  }

  public var observes: DjangoFact { DjangoFact(project, .migrations(database: database)) }

  public func decide(given answer: DjangoAnswer) -> Decision {
    switch answer {
    case .notReady(let why): return .failed(why)
    case .error(let why): return .failed("Django can't plan the migrations of \(project.path): \(why)")
    case .migrations(let names):
      guard !names.isEmpty else { return .unchanged }
      var command: ShellCommand =
        "\(project.python) -B manage.py migrate --noinput --verbosity 1 --database \(database)"
      if fakeInitial { command += " --fake-initial" }
      return [
        .run(
          project.command(command), summary: "manage.py migrate", changes: names.map { .added($0) },
          touches: [.named("databases of \(project.path)")]
        ).run(as: project.user)
      ]
    default: return .failed("Django gave an answer to another question")
    }
  }

  public func validate() throws {
    if let problem = project.invalidity { throw InvalidTask(problem) }
    if database.isEmpty || database.hasPrefix("-") { throw InvalidTask("\"\(database)\" is no database") }
  }
}
