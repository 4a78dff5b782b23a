internal import MartletCore

/// Whether the tags of the command line are those of any task.
///
/// `--tags` with a tag that no task has leaves nothing to do, and would end well; `--skip-tags` with one skips nothing.
struct TagNames {
  private let options: RunOptions
  private var known: Set<String> = []
  /// Whether every body was seen whole.
  private var isWhole = true

  init(_ options: RunOptions) { self.options = options }

  /// Systems that bodies are likely to ask for, where a host hasn't said yet which one it has.
  private static let systems = [
    OperatingSystem(id: "debian", version: "12", codename: "bookworm"),
    OperatingSystem(id: "debian", version: "13", codename: "trixie"),
    OperatingSystem(id: "ubuntu", like: ["debian"], version: "24.04", codename: "noble"),
    OperatingSystem(id: "rocky", like: ["rhel", "fedora"], version: "9"), OperatingSystem(id: "alpine"),
  ]

  /// Adds the tags of a host's tasks.
  ///
  /// - Parameters:
  ///   - isWhole: False if a body reads the host's facts, which aren't known yet.
  ///   - evaluate: What the bodies come to on another system.
  mutating func note(
    _ tasks: HostTasks, isWhole: Bool, evaluate: (OperatingSystem) -> HostTasks
  ) {
    guard !options.tags.isEmpty || !options.skipTags.isEmpty else { return }
    known.formUnion(tasks.tags)
    guard !isWhole else { return }
    self.isWhole = false
    // Nothing is looked for that was found already: a thousand hosts are alike.
    guard !options.tags.union(options.skipTags).isSubset(of: known) else { return }
    for system in Self.systems { known.formUnion(evaluate(system).tags) }
  }

  /// Tags that are a mistake for sure: nearly one that there is, or none of the whole playbook.
  var problems: [String] { found.filter(\.isSure).map(\.text) }

  /// Tags that only hosts have which are not asked for now, or only tasks that what a host says brings.
  var warnings: [String] { found.filter { !$0.isSure }.map(\.text) }

  private var found: [(text: String, isSure: Bool)] {
    [("--tags", options.tags), ("--skip-tags", options.skipTags)].flatMap { option, tags in
      tags.subtracting(known).sorted().map { tag in
        let hint = suggestion(for: tag, among: known)
        return (
          "\(option) \(tag): no task of these hosts has this tag" + hint,
          !hint.isEmpty || isWhole && options.limit == nil
        )
      }
    }
  }
}
