public import MartletCore
public import MartletFacts

/// Runs a command.
///
///     Command("shop-admin migrate", user: "shop", in: "/srv/shop")
///     Command("createdb shop", unless: "psql -lqt | cut -d'|' -f1 | grep -qw shop", user: "postgres")
///     Command("tar -xf /srv/media.tar -C /srv/media", creates: "/srv/media/index")
///
/// Without a guard it runs in every run, once, and counts as a change unless `changedWhen` says otherwise.
/// With `creates` or `unless` it runs only while they do not hold; they must hold afterwards. The guards are
/// tested again right before the command runs.
public struct Command: HostTask, RunsAsUser {
  let command: ShellCommand
  let creates: RemotePath?
  let unless: ShellCommand?
  let onlyIf: ShellCommand?
  let changedWhen: ChangedWhen
  var user: String?
  let folder: RemotePath?
  let environment: [String: String]
  let input: Contents?
  let timeout: Duration

  /// - Parameters:
  ///   - command: The command, for a POSIX shell; interpolated values are quoted.
  ///   - creates: A path; if something is there, the command isn't run.
  ///   - unless: A test that changes nothing; if it succeeds, the command isn't run.
  ///   - onlyIf: A test that changes nothing; unless it succeeds, the command isn't run.
  ///   - changedWhen: What of its success counts as a change.
  ///   - user: The user to run it and its tests as; nil for the one whom the play runs as.
  ///   - folder: The folder to run it in; nil for `/`.
  ///   - environment: Variables of its environment, not secret.
  ///   - input: What it reads from standard input; the place for secrets.
  ///   - timeout: How long it may take. Then it is ended on the host with all that it started, unless it is installing
  ///     packages (docs/limits.md).
  public init(
    _ command: ShellCommand, creates: RemotePath? = nil, unless: ShellCommand? = nil,
    onlyIf: ShellCommand? = nil, changedWhen: ChangedWhen = .always, user: String? = nil,
    in folder: RemotePath? = nil, environment: [String: String] = [:], input: Contents? = nil,
    timeout: Duration = .seconds(1800)
  ) {
    self.command = command
    self.creates = creates
    self.unless = unless
    self.onlyIf = onlyIf
    self.changedWhen = changedWhen
    self.user = user
    self.folder = folder
    self.environment = environment
    self.input = input
    self.timeout = timeout
  }

  public func running(as user: String) -> Command {
    var command = self
    command.user = self.user ?? user
    return command
  }

  public var label: String {
    let line = Self.essence(of: command.text)
    return "command " + (line.count > 60 ? line.prefix(59) + "…" : line)
  }

  /// The first line that does something; where there is none, the first.
  ///
  /// A script begins with what only prepares it, as that of ``DjangoProject/command(_:)`` does: a folder, variables.
  static func essence(of script: String) -> String {
    let lines = script.split(separator: "\n").map(\.trimmed).filter { !$0.isEmpty }
    guard let line = lines.first(where: { !isPreparation($0) }) else { return lines.first ?? "" }
    return line.hasPrefix("exec ") ? String(line.dropFirst("exec ".count)) : line
  }

  private static func isPreparation(_ line: String) -> Bool {
    if line.hasPrefix("#") || line.hasPrefix("set ") || line.hasPrefix("umask ") { return true }
    let goesOn = line.contains("&&") || line.contains(";")
    if line.hasPrefix("cd ") || line.hasPrefix("export ") || line.hasPrefix(". ") { return !goesOn }
    // NAME=value; export NAME
    let name = line.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    guard !name.isEmpty, name.first?.isNumber == false, line.dropFirst(name.count).hasPrefix("=") else {
      return false
    }
    return line.hasSuffix("; export \(name)") || !line.contains(" ") && !goesOn
  }

  public var observes: All<Each<FileState>, Each<CommandResult>, Each<CommandResult>> {
    let account = user.map { [Resource.account($0)] } ?? []
    // A command that is run once too often by a stale "unless" is still stopped by its repetition on the
    // host. A stale "onlyIf" would leave the command out, so that its answer counts only when nothing is
    // pending.
    return All(
      Each([creates].compactMap { $0 }.map { FileState($0) }),
      Each([unless].compactMap { $0 }.map { test(of: $0, dependsOn: [.packages] + account) }),
      Each([onlyIf].compactMap { $0 }.map { test(of: $0, dependsOn: [.packages, .tree("/")] + account) }))
  }

  private func test(of command: ShellCommand, dependsOn: [Resource]) -> CommandResult {
    CommandResult(command, user: user, in: folder, environment: environment, dependsOn: dependsOn)
  }

  public func validate() throws {
    if command.text.trimmed.isEmpty { throw InvalidTask("a command is empty") }
    if let user { try AccountName.check(user, as: "user") }
    for name in environment.keys {
      let isName =
        !name.isEmpty && name.first?.isNumber == false
        && name.utf8.allSatisfy { byte in
          byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
            || (0x61...0x7a).contains(byte)
        }
      if !isName {
        throw InvalidTask("\(name.debugDescription) can't be the name of an environment variable")
      }
    }
    if let value = environment.values.first(where: { $0.utf8.contains(0) }) {
      throw InvalidTask("the environment variable's value \(value.debugDescription) has a NUL in it")
    }
    if timeout <= .zero { throw InvalidTask("the timeout of a command must be longer than nothing") }
  }

  public func decide(given facts: ([FileStatus], [CommandOutcome], [CommandOutcome])) -> Decision {
    let (created, unless, onlyIf) = facts
    if created.contains(where: \.exists) || unless.contains(where: \.succeeded) { return .unchanged }
    if onlyIf.contains(where: { !$0.succeeded }) { return .unchanged }
    var touches: [Resource] = []
    if let creates { touches.append(.tree(creates)) }
    var action = Action.run(
      command, changes: [.modified("runs \(label.dropFirst("command ".count))")], touches: touches
    )
    .run(as: user).run(in: folder).guarded(unless: guardTest)
    action.environment = environment
    action.input = input.map(Payload.init)
    action.timeout = timeout
    // With a guard that must hold afterwards, the next look proves the success; without one nothing can.
    if self.unless == nil && creates == nil {
      return [action.oneShot(changedWhen: changedWhen)]
    }
    action.changedWhen = changedWhen
    return [action]
  }

  /// Succeeds if the command needn't be run. Each test runs with the folder and variables that it was looked
  /// at with.
  private var guardTest: ShellCommand? {
    var tests: [ShellCommand] = []
    if let creates { tests.append("[ -e \(creates) ] || [ -L \(creates) ]") }
    if let unless { tests.append("( \(splice: test(of: unless, dependsOn: []).script)\n)") }
    if let onlyIf { tests.append("! ( \(splice: test(of: onlyIf, dependsOn: []).script)\n)") }
    guard let first = tests.first else { return nil }
    return tests.dropFirst().reduce(first) { "\(splice: $0) || \(splice: $1)" }
  }
}
