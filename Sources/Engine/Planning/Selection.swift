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

  /// What is likely a mistake, and does no harm by itself: a tag that no task has leaves nothing, or everything, to do.
  func warnings(_ options: RunOptions) -> [String] {
    // A body that reads the host's facts has shown no tasks yet.
    guard hosts.allSatisfy({ $0.tasks.plays.count == $0.plays.count }) else { return [] }
    let known = hosts.reduce(into: Set<String>()) { $0.formUnion($1.tasks.tags) }
    return [("--tags", options.tags), ("--skip-tags", options.skipTags)].flatMap { option, tags in
      tags.subtracting(known).sorted().map {
        "\(option) \($0): no task of these hosts has this tag" + suggestion(for: $0, among: known)
      }
    }
  }

  static func make(
    _ plays: [Play], inventory: Inventory, options: RunOptions
  ) -> Result<Selection, Problems> {
    var problems: [String] = []
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
    var selection = Selection()
    var hostProblems: [HostProblem] = []
    for host in inventory.hosts {
      guard let places = placesOfHost[host.name] else { continue }
      for (name, variable) in host.vars.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
        problems.append(
          "\(variable.origin): host \(host.name) has the variable \"\(name)\", which no play of this playbook knows"
            + suggestion(for: name, among: known))
      }
      let (tasks, found) = HostTasks.evaluate(
        places.map { plays[$0] }, for: host, in: inventory, facts: FactsInBody(known: nil),
        options: options)
      hostProblems += found
      if let problem = host.connection.passwordProblem { problems.append("host \(host.name): \(problem)") }
      selection.hosts.append(Entry(host: host, plays: places, tasks: tasks))
    }
    problems += HostProblem.merged(hostProblems).map(\.description)
    var seen: Set<String> = []
    problems = problems.filter { seen.insert($0).inserted }
    return problems.isEmpty ? .success(selection) : .failure(Problems(list: problems))
  }
}
