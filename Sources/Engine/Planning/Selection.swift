internal import MartletCore

/// Which hosts run which plays, with the tasks that the plays come to for each of them.
struct Selection {
  struct Entry {
    var host: InventoryHost
    /// The host's plays, as places in the playbook.
    var plays: [Int]
    /// Empty of plays where a body reads the host's facts, and must be evaluated again once they are known.
    var tasks: HostTasks
  }

  /// Everything that is wrong, so that it can be mended in one go.
  struct Problems: Error {
    var list: [String]
  }

  /// In the order of the inventory.
  var hosts: [Entry] = []

  /// What is likely a mistake, and does no harm by itself.
  private(set) var warnings: [String] = []

  static func make(
    _ plays: [Play], inventory: Inventory, options: RunOptions
  ) -> Result<Selection, Problems> {
    var problems: [String] = []
    var inventory = inventory
    inventory.addLocalHost(ifNamedBy: plays.map(\.pattern))
    guard !plays.isEmpty else { return .failure(Problems(list: ["the playbook has no plays"])) }
    var limit: Set<String>?
    do {
      limit = try options.limit.map { Set(try $0.hosts(in: inventory).map(\.name)) }
    } catch {
      problems.append("--limit \(options.limit?.description ?? ""): \(error)")
    }
    var placesOfHost: [String: [Int]] = [:]
    var known: Set<String> = []
    for (place, play) in plays.enumerated() {
      do {
        known.formUnion(try play.knownVariables())
        for host in try play.pattern.hosts(in: inventory) where limit?.contains(host.name) ?? true {
          placesOfHost[host.name, default: []].append(place)
        }
      } catch {
        problems.append("\(play.location): play \"\(play.name)\": \(error)")
      }
    }
    guard problems.isEmpty else { return .failure(Problems(list: problems)) }
    guard !placesOfHost.isEmpty else {
      let patterns = plays.map { "\"\($0.pattern)\"" }.joined(separator: ", ")
      let limited = options.limit.map { " within --limit \($0)" } ?? ""
      return .failure(
        Problems(list: ["the plays (\(patterns)) match no host of \(inventory.source)\(limited)"]))
    }
    var names = VariableNames(known: known)
    var tags = TagNames(options)
    var selection = Selection()
    var hostProblems: [HostProblem] = []
    for host in inventory.hosts {
      guard let places = placesOfHost[host.name] else { continue }
      problems += names.problems(of: host) + host.problems
      let (tasks, found) = HostTasks.evaluate(
        places.map { plays[$0] }, for: host, in: inventory, facts: FactsInBody(known: nil),
        options: options)
      tags.note(tasks, isWhole: tasks.plays.count == places.count) { system in
        HostTasks.evaluate(
          places.map { plays[$0] }, for: host, in: inventory, facts: FactsInBody(known: system),
          options: options
        ).0
      }
      hostProblems += found
      if let problem = host.connection.passwordProblem { problems.append("host \(host.name): \(problem)") }
      selection.hosts.append(Entry(host: host, plays: places, tasks: tasks))
    }
    problems += HostProblem.merged(hostProblems).map(\.description)
    problems += tags.problems
    selection.warnings = tags.warnings
    var seen: Set<String> = []
    problems = problems.filter { seen.insert($0).inserted }
    return problems.isEmpty ? .success(selection) : .failure(Problems(list: problems))
  }
}
