public import MartletCore
public import MartletFacts

/// Django's own checklist for production, `manage.py check --deploy`. It changes nothing.
///
///     DjangoCheck(project)
///     DjangoCheck(project, failLevel: .warning)
///
/// A message of the level or above stops the host's run before anything of the new code is live; those below are
/// listed as warnings, in a run that changes nothing by their names alone.
public struct DjangoCheck: HostTask {
  let project: DjangoProject
  let deploy: Bool
  let failLevel: Level

  /// The levels of Django's messages.
  @frozen public enum Level: Int, Sendable, Hashable {
    case info = 20
    case warning = 30
    case error = 40
    case critical = 50
  }

  /// - Parameters:
  ///   - project: The project.
  ///   - deploy: Whether the checks for production are among them.
  ///   - failLevel: The lowest level that stops the run.
  public init(_ project: DjangoProject, deploy: Bool = true, failLevel: Level = .error) {
    self.project = project
    self.deploy = deploy
    self.failLevel = failLevel
  }

  public var label: String { "django check \(project.path)" }

  public var observes: DjangoFact { DjangoFact(project, .check(deploy: deploy)) }

  public func decide(given answer: DjangoAnswer) -> Decision {
    switch answer {
    case .notReady(let why): return .failed(why)
    case .error(let why): return .failed("Django can't check \(project.path): \(why)")
    case .messages(let messages):
      let grave = messages.filter { $0.level >= failLevel.rawValue }
      guard !grave.isEmpty else { return .unchanged }
      return .failed("Django's checks fail:\n" + grave.map(Self.line).joined(separator: "\n"))
    default: return .failed("Django gave an answer to another question")
    }
  }

  public func warnings(given answer: DjangoAnswer) -> [String] {
    guard case .messages(let messages) = answer else { return [] }
    return messages.filter { $0.level < failLevel.rawValue && $0.level > 10 }.map(Self.line)
  }

  public func standingWarnings(given answer: DjangoAnswer) -> [String] {
    let all = warnings(given: answer)
    guard all.count > 1, case .messages(let messages) = answer else { return all }
    let names = Set(messages.filter { $0.level < failLevel.rawValue && $0.level > 10 }.map(\.id))
    return [
      "\(all.count) warnings, as before: \(names.filter { !$0.isEmpty }.sorted().joined(separator: ", "))"
    ]
  }

  public func validate() throws { if let problem = project.invalidity { throw InvalidTask(problem) } }

  private static func line(_ message: DjangoMessage) -> String {
    let subject = message.object.isEmpty ? "" : message.object + ": "
    let id = message.id.isEmpty ? "" : "(\(message.id)) "
    let hint = message.hint.isEmpty ? "" : " Hint: \(message.hint)"
    return "\(subject)\(id)\(message.text)\(hint)"
  }
}
