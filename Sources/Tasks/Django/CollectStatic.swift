public import MartletCore
public import MartletFacts

/// Brings the static files of a project together where the web server finds them, `manage.py collectstatic`.
///
///     CollectStatic(project)
///     CollectStatic(project, prunes: true)
///
/// What counts is what the files hold: `collectstatic` by itself goes by their times, and overlooks one that was
/// replaced by an older one. A manifest that is missing, or names files that are gone, is made again.
public struct CollectStatic: HostTask {
  let project: DjangoProject
  let prunes: Bool

  /// - Parameters:
  ///   - project: The project.
  ///   - prunes: Whether files that no application has any more are removed. Unlike `--clear` it never leaves
  ///     visitors without the others. Pages that are still open may refer to them for a while.
  public init(_ project: DjangoProject, prunes: Bool = false) {
    self.project = project
    self.prunes = prunes
  }

  public var label: String { "django collectstatic \(project.path)" }

  public var observes: DjangoFact { DjangoFact(project, .staticFiles(prune: prunes)) }

  public func decide(given answer: DjangoAnswer) -> Decision {
    switch answer {
    case .notReady(let why): return .failed(why)
    case .error(let why): return .failed("Django can't collect the static files of \(project.path): \(why)")
    case .staticFiles(let files):
      var actions: [Action] = []
      var touches: [Resource] = [.named("static files of \(project.path)")]
      if files.root.hasPrefix("/") { touches.append(.tree(RemotePath(files.root))) }
      if !files.copied.isEmpty || !files.stale.isEmpty || !files.hasManifest {
        var changes = Self.summarized(files.copied + files.stale) { .added($0) }
        if !files.hasManifest, changes.isEmpty { changes = [.modified("the manifest of the static files")] }
        let collect = project.command("\(project.python) -B manage.py collectstatic --noinput --verbosity 1")
        let prepare = Self.removal(of: files.stale, in: files.root)
        actions.append(
          .run(
            "\(splice: prepare)\(splice: collect)", summary: "manage.py collectstatic", changes: changes,
            touches: touches
          ).run(as: project.user))
      }
      if prunes, !files.extra.isEmpty {
        actions.append(
          .run(
            Self.removal(of: files.extra, in: files.root), summary: "remove old static files",
            changes: Self.summarized(files.extra) { .removed($0) }, touches: touches
          ).run(as: project.user))
      }
      return Decision(actions)
    default: return .failed("Django gave an answer to another question")
    }
  }

  public func validate() throws { if let problem = project.invalidity { throw InvalidTask(problem) } }

  private static func summarized(_ names: [String], _ change: (String) -> Change) -> [Change] {
    let shown = names.sorted().prefix(10).map(change)
    return names.count > 10 ? shown + [change("… and \(names.count - 10) more static files")] : shown
  }

  /// Removes files in groups, as a command line has an end.
  private static func removal(of names: [String], in root: String) -> ShellCommand {
    guard !names.isEmpty, root.hasPrefix("/") else { return "" }
    var command: ShellCommand = ""
    for start in stride(from: 0, to: names.count, by: 200) {
      let paths = names[start..<min(start + 200, names.count)].map { root + "/" + $0 }
      command += "rm -f -- \(paths) || exit 1\n"
    }
    return command
  }
}
