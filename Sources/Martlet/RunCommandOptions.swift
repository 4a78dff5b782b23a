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

  @Flag(
    inversion: .prefixedNo, exclusivity: .exclusive,
    help: "Become another user, root if none is named, or don't, whatever the inventory and the playbook say."
  )
  package var become: Bool?

  @Option(
    help: ArgumentHelp(
      "Run the tasks as this user, whatever the inventory and the playbook say.", valueName: "name"))
  package var becomeUser: String?

  @Option(
    help: ArgumentHelp(
      "Become another user by sudo, su or doas, whatever the inventory says.", valueName: "method"),
    transform: { word in
      guard let method = BecomeMethod(rawValue: word) else {
        throw ValidationError("\"\(word)\" is none of sudo, su and doas")
      }
      return method
    })
  package var becomeMethod: BecomeMethod?

  @Flag(
    name: [.customShort("K"), .customLong("ask-become-pass")],
    help: "Ask once, before anything runs, for the password that sudo or su wants.")
  package var asksBecomePassword = false

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
    if let becomeUser {
      if let problem = PlayUser.problem(withName: becomeUser) {
        throw ValidationError("--become-user: \(problem)")
      }
      guard become != false else {
        throw ValidationError("--become-user and --no-become contradict each other")
      }
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
      if let become { host.connection.become = become }
      if let becomeUser {
        host.connection.become = true
        host.connection.becomeUser = becomeUser
      }
      if let becomeMethod { host.connection.becomeMethod = becomeMethod }
      if let becomePassword { host.connection.becomePassword = becomePassword }
    }
  }

  /// Asks for the password of `--ask-become-pass` if it is given.
  ///
  /// - Parameter login: The password to log in with, if there is one; an empty answer means the same.
  package func askBecomePassword(otherwise login: Secret?) throws -> Secret? {
    guard asksBecomePassword else { return nil }
    let hint = login == nil ? "" : " (empty: the same)"
    return try PasswordPrompt.ask("Password for sudo or su on the hosts\(hint): ", whenEmpty: login)
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
    if let become { words.append(become ? "--become" : "--no-become") }
    add("become-user", becomeUser.map { [$0] } ?? [])
    add("become-method", becomeMethod.map { [$0.rawValue] } ?? [])
    add("ask-become-pass", asksBecomePassword)
    add("verbose", verbose)
    add("json", json)
    return words
  }

  private static func words(_ values: [String]) -> [String] {
    values.flatMap { $0.split(separator: ",") }.map(\.trimmed).filter { !$0.isEmpty }
  }
}
