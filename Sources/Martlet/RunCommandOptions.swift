package import ArgumentParser
package import MartletCore
package import MartletEngine

/// The options of a run, the same for a playbook's own program and for `martlet apply`.
package struct RunCommandOptions: ParsableArguments {
  @OptionGroup package var connection: ConnectionOptions

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Only these hosts of the plays: web:!web3.", valueName: "pattern")
  )
  package var limit: String?

  @Flag(help: "Only look, and tell what would change; change nothing.")
  package var check = false

  @Flag(help: "Show the differences of files line by line.")
  package var diff = false

  @Option(help: ArgumentHelp("Only tasks with one of these tags, separated by commas.", valueName: "tags"))
  package var tags: [String] = []

  @Option(help: ArgumentHelp("No tasks with one of these tags, separated by commas.", valueName: "tags"))
  package var skipTags: [String] = []

  @Option(help: ArgumentHelp("How many hosts are worked on at once.", valueName: "count"))
  package var forks = 100

  @OptionGroup package var become: BecomeOptions

  @Flag(name: .shortAndLong, help: "Show tasks that are right already, and what every action prints.")
  package var verbose = false

  @Flag(help: "Print one JSON object a line for every event, and nothing else.")
  package var json = false

  package init() {}

  package func validate() throws {
    guard (1...10_000).contains(forks) else {
      throw ValidationError("--forks must be from 1 to 10000, not \(forks)")
    }
    if let limit, limit.allSatisfy({ $0 == "," || $0 == ":" || $0.isWhitespace }) {
      throw ValidationError("--limit names no host: write a host, a group, or a pattern like web:!web3")
    }
    for (name, values) in [("--tags", tags), ("--skip-tags", skipTags)]
    where !values.isEmpty && Self.words(values).isEmpty {
      throw ValidationError("\(name) names no tag")
    }
  }

  /// The engine's options.
  package var runOptions: RunOptions {
    var options = RunOptions()
    options.check = check
    options.diff = diff
    options.tags = Set(Self.words(tags))
    options.skipTags = Set(Self.words(skipTags))
    options.forks = forks
    options.limit = limit.map { HostPattern($0) }
    options.verbose = verbose
    return options
  }

  /// Lays over the inventory's connection settings what the options say.
  ///
  /// - Parameters:
  ///   - password: What was answered to `--ask-pass`.
  ///   - becomePassword: What was answered to `--ask-become-pass`.
  package func apply(to inventory: inout Inventory, password: Secret? = nil, becomePassword: Secret? = nil) {
    inventory.updateHosts { host in
      connection.apply(to: &host, password: password)
      become.apply(to: &host, password: becomePassword)
    }
  }

  /// The same options as words of a command line.
  package var commandLine: [String] {
    var words = connection.commandLine
    // With `=`, a value that begins with a dash stays a value.
    func add(_ name: String, _ values: [String]) { words += values.map { "--\(name)=\($0)" } }
    func add(_ name: String, _ isSet: Bool) { words += isSet ? ["--\(name)"] : [] }
    add("limit", limit.map { [$0] } ?? [])
    add("check", check)
    add("diff", diff)
    add("tags", tags)
    add("skip-tags", skipTags)
    add("forks", ["\(forks)"])
    words += become.commandLine
    add("verbose", verbose)
    add("json", json)
    return words
  }

  private static func words(_ values: [String]) -> [String] {
    values.flatMap { $0.split(separator: ",") }.map(\.trimmed).filter { !$0.isEmpty }
  }
}
