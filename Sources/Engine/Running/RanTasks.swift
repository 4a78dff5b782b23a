internal import MartletCore

/// What tasks have changed in a run, to tell which of them undoes another's work.
struct RanTasks {
  private struct Entry {
    var task: TaskReference
    var touches: [Resource]
  }
  private var entries: [Entry] = []

  mutating func note(_ task: TaskReference, touches: [Resource]) {
    entries.append(Entry(task: task, touches: touches))
  }

  /// Why a task still wants what it has done: the tasks that have changed the same, and where; or else commands, of which
  /// nobody knows what they change.
  func suspects(for task: TaskReference, _ actions: [Action]) -> String {
    var lines: [String] = []
    for entry in entries where entry.task.index != task.index || entry.task.isHandler != task.isHandler {
      let wanted = actions.flatMap(\.touches)
      let common = entry.touches.filter { resource in wanted.contains { resource.overlaps($0) } }
      let places = Set(common.compactMap(\.place)).sorted()
      if !places.isEmpty {
        lines.append("\(name(entry.task)) changes \(places.prefix(5).joined(separator: ", ")) too")
      }
    }
    if !lines.isEmpty { return "\(lines.joined(separator: "; ")): let one task alone say how that is to be." }
    let commands = entries.filter { $0.task.index != task.index && $0.touches.isEmpty }.map { name($0.task) }
    if commands.isEmpty { return "Another task may undo them." }
    return "Perhaps a command of this run undoes them: \(commands.joined(separator: ", "))."
  }

  private func name(_ task: TaskReference) -> String { "\(task.label) (\(task.location))" }
}

extension Resource {
  /// What a person calls it.
  fileprivate var place: String? {
    switch self {
    case .path(let path), .tree(let path): path.string
    case .packages: "the packages"
    case .account(let name), .service(let name), .named(let name): name
    }
  }
}
