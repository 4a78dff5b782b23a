public import MartletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What Django itself says about a project. All questions about a project are answered by one Python process.
///
///     var observes: DjangoFact { DjangoFact(project, .migrations(database: "default")) }
public struct DjangoFact: ProbedFact, CustomStringConvertible {
  public typealias Value = DjangoAnswer

  /// What can be asked.
  @frozen public enum Question: Sendable, Hashable {
    /// The system checks, with those for deployment or without.
    case check(deploy: Bool)
    /// The migrations that are not applied to a database.
    case migrations(database: String)
    /// What `collectstatic` would do, and whether files that no source has are looked for too.
    case staticFiles(prune: Bool)
    /// What the settings in effect are, as far as they have to fit what stands around the application.
    case settings(DjangoSurroundings)
    /// What visitors' requests write that lies in the code's folder.
    case written
  }

  /// The project.
  public let project: DjangoProject
  /// What is asked.
  public let question: Question

  public init(_ project: DjangoProject, _ question: Question) {
    self.project = project
    self.question = question
  }

  public static let kind = "Django project"

  public var description: String { "\(project.path)" }

  public var dependsOn: [Resource] {
    switch question {
    case .check, .settings: project.resources
    // It is about what an upload would find, and so about the code that is there before it.
    case .written: []
    case .migrations: project.resources + [.named("databases of \(project.path)")]
    case .staticFiles: project.resources + [.named("static files of \(project.path)")]
    }
  }

  /// How long one project may take to answer, in seconds.
  static let deadline = 120

  private var query: String {
    switch question {
    case .check(let deploy): #"{"ask":"check","deploy":\#(deploy)}"#
    case .migrations(let database): #"{"ask":"migrations","database":\#(json(database))}"#
    case .staticFiles(let prune): #"{"ask":"static","prune":\#(prune)}"#
    case .settings(let surroundings):
      """
      {"ask":"settings","names":\(json(surroundings.names)),"wsgi":\(json(surroundings.wsgi)),\
      "static":\(json(surroundings.staticFolder.string)),"media":\(json(surroundings.mediaFolder.string))}
      """
    case .written: #"{"ask":"written"}"#
    }
  }

  private func json(_ value: some Encodable) -> String {
    (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
  }

  private static func grouped(_ facts: [Self]) -> [(project: DjangoProject, facts: [Self])] {
    var groups: [(project: DjangoProject, facts: [Self])] = []
    for fact in facts {
      if let index = groups.firstIndex(where: { $0.project == fact.project }) {
        groups[index].facts.append(fact)
      } else {
        groups.append((fact.project, [fact]))
      }
    }
    return groups
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    let asUser = facts.contains { $0.project.user != nil } ? UserSwitch.function : "_bound="
    return ShellCommand(
      lines: grouped(facts).enumerated().map { index, group in
        let project = group.project
        let queries = "[" + group.facts.map(\.query).joined(separator: ",") + "]"
        let ask = project.command(
          "\(project.python) -B -W ignore -c \(DjangoDriver.source) \(project.settings ?? "") \(queries)")
        var script: ShellCommand = """
          ( \(splice: asUser)
          printf '= %s\\n' \(String(index))
          [ -f \(project.path / "manage.py") ] || { echo '! manage.py'; exit; }
          [ -x \(project.python) ] || { echo '! virtualenv'; exit; }
          if command -v timeout >/dev/null; then _bound='timeout \(deadline)'; fi

          """
        if let file = project.environmentFile {
          script += "[ -r \(file) ] || { echo '! environment'; exit; }\n"
        }
        // What Django writes as it starts, such as log files, must not belong to root.
        if let user = project.user {
          script += """
            id -u -- \(user) >/dev/null 2>&1 || { echo '! user'; exit; }
            _as \(user) \(word: ask)
            """
        } else {
          script += "$_bound sh -c \(word: ask)"
        }
        return script + " 2>&1 )"
      })
  }

  private struct Line: Decodable {
    struct Message: Decodable {
      var level: Int
      var id: String
      var text: String
      var hint: String
      var object: String
    }
    var index: Int
    var error: String?
    var messages: [Message]?
    var migrations: [String]?
    var copied: [String]?
    var unmodified: Int?
    var stale: [String]?
    var extra: [String]?
    var manifest: Bool?
    var root: String?
    var settings: DjangoSettings?
    var written: [DjangoSettings.Written]?

    var answer: DjangoAnswer? {
      if let error { return .error(error) }
      if let settings { return .settings(settings) }
      if let written { return .written(written) }
      if let migrations { return .migrations(migrations) }
      if let messages {
        return .messages(
          messages.map {
            DjangoMessage(level: $0.level, id: $0.id, text: $0.text, hint: $0.hint, object: $0.object)
          })
      }
      guard let copied else { return nil }
      return .staticFiles(
        DjangoStaticFiles(
          root: root ?? "", copied: copied, unmodified: unmodified ?? 0, stale: stale ?? [],
          extra: extra ?? [], hasManifest: manifest ?? true))
    }
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: DjangoAnswer] {
    var values: [Self: DjangoAnswer] = [:]
    let groups = grouped(facts)
    var group: [Self] = []
    var noise: [Int: [Substring]] = [:]
    var current = -1
    for line in output.lines {
      if line.hasPrefix("= "), let index = Int(line.dropFirst(2)), groups.indices.contains(index) {
        current = index
        group = groups[index].facts
      } else if line.hasPrefix("! ") {
        for fact in group { values[fact] = .notReady(fact.lack(String(line.dropFirst(2)))) }
      } else if line.hasPrefix("martlet ") {
        guard let answer = try? JSONDecoder().decode(Line.self, from: Data(line.dropFirst(8).utf8)),
          group.indices.contains(answer.index), let value = answer.answer
        else { throw FactError.malformed(kind, String(line.prefix(200))) }
        values[group[answer.index]] = value
      } else {
        noise[current, default: []].append(line)
      }
    }
    // Python itself, or the environment file, failed before a word was said.
    for (index, group) in groups.enumerated() {
      for fact in group.facts where values[fact] == nil {
        let end = (noise[index] ?? []).suffix(5).joined(separator: "\n")
        values[fact] = .error(
          end.isEmpty ? "Django did not answer within \(deadline) seconds" : "Django did not start: \(end)")
      }
    }
    return values
  }

  private func lack(_ what: String) -> String {
    switch what {
    case "manage.py": "there is no \(project.path)/manage.py on the host: upload the project first"
    case "virtualenv":
      "there is no \(project.python) on the host: place Virtualenv(\"\(project.virtualenv)\") before"
    case "environment":
      "\(project.environmentFile?.string ?? "the environment file") is not there, or can't be read by this run's user"
    default: "there is no user \(project.user ?? "") on the host"
    }
  }
}

/// What Django answers.
@frozen public enum DjangoAnswer: Sendable, Hashable {
  /// Django can't be asked yet; the text says what is missing.
  case notReady(String)
  /// Django can't answer; the text says why.
  case error(String)
  case messages([DjangoMessage])
  /// `app.0001_name` in the order in which they will be applied.
  case migrations([String])
  case staticFiles(DjangoStaticFiles)
  case settings(DjangoSettings)
  case written([DjangoSettings.Written])
}

/// A message of Django's system checks.
public struct DjangoMessage: Sendable, Hashable {
  /// 10 debug, 20 info, 30 warning, 40 error, 50 critical.
  public var level: Int
  /// As `security.W004`; empty if it has none.
  public var id: String
  public var text: String
  public var hint: String
  /// What it is about; empty for the whole project.
  public var object: String

  public init(level: Int, id: String = "", text: String, hint: String = "", object: String = "") {
    self.level = level
    self.id = id
    self.text = text
    self.hint = hint
    self.object = object
  }
}

/// What `collectstatic` would do.
public struct DjangoStaticFiles: Sendable, Hashable {
  /// `STATIC_ROOT`; empty if the files go elsewhere than into a folder.
  public var root: String
  /// The files that would be copied.
  public var copied: [String]
  /// How many are in their place.
  public var unmodified: Int
  /// Files that `collectstatic` takes for unmodified, by their times, and that hold something else.
  public var stale: [String]
  /// Files in the folder that no source has.
  public var extra: [String]
  /// False if the storage has a manifest, and that is missing or names files that aren't there.
  public var hasManifest: Bool

  public init(
    root: String = "", copied: [String] = [], unmodified: Int = 0, stale: [String] = [],
    extra: [String] = [], hasManifest: Bool = true
  ) {
    self.root = root
    self.copied = copied
    self.unmodified = unmodified
    self.stale = stale
    self.extra = extra
    self.hasManifest = hasManifest
  }
}
