public import MartletCore
public import MartletFacts

/// A program that supervisord keeps running.
///
///     SupervisorProgram(
///       "shop", command: "/srv/shop/venv/bin/gunicorn shop.wsgi --workers \(3)", directory: "/srv/shop/app",
///       user: "shop", environmentFile: "/srv/shop/env",
///       restartedBy: [.tree("/srv/shop/app"), .virtualenv("/srv/shop/venv"), .file("/srv/shop/env")])
///
/// A changed configuration is taken over for this program alone. What it reads when it starts is named in
/// `restartedBy`: if any of that has changed since the last start, also in a run that was interrupted or by
/// hand, the program is restarted once. After each start the task waits until the program has kept running; if
/// it doesn't, what it has written to its log is in the error. Supervisor itself is installed by `AptPackages("supervisor")`.
///
/// supervisord reads the files of all programs as a whole, and with one that it refuses it doesn't start: so
/// supervisor's own reader tries a new file together with the others before it goes live.
public struct SupervisorProgram: HostTask {
  let name: String
  let command: ShellCommand
  let directory: RemotePath?
  let user: String?
  let environmentFile: RemotePath?
  let environment: [String: String]
  let restartedBy: [WatchedPath]
  let log: RemotePath
  let options: Options
  let isRunning: Bool
  let check: ShellCommand?

  /// How supervisord treats the program (Supervisor's documentation, "Configuration File", `[program:x]`).
  public struct Options: Sendable, Hashable {
    /// Whether it starts with supervisord.
    public var startsWithDaemon = true
    /// When it is started again after it has ended.
    public var restarts: Restarts = .always
    /// How long it must have run to count as running, in seconds.
    public var startSeconds = 2
    /// How often a start is tried.
    public var startRetries = 3
    /// The signal that ends it, without `SIG`.
    public var stopSignal = "TERM"
    /// How long after that it is killed, in seconds.
    public var stopWaitSeconds = 30
    /// Whether the signal goes to all processes of its group.
    public var stopsGroup = false
    /// Whether all processes of its group are killed where it has to be killed.
    public var killsGroup = true
    /// How many processes run it.
    public var processes = 1
    /// When the log is rotated, in megabytes.
    public var logMegabytes = 20
    /// How many rotated logs are kept.
    public var logBackups = 5
    /// How long to wait for it to run beyond `startSeconds`, in seconds.
    public var patience = 20

    /// When supervisord starts a program again.
    @frozen public enum Restarts: String, Sendable, Hashable {
      case always = "true"
      case never = "false"
      /// After an exit status other than 0.
      case onFailure = "unexpected"
    }

    public init() {}
  }

  /// - Parameters:
  ///   - name: What supervisord calls it: letters, digits and `_ . -`.
  ///   - command: One command with its arguments; no list of commands, and nothing that needs a shell.
  ///   - directory: The folder that it runs in.
  ///   - user: The user whom it runs as; nil for root. He should not be able to write its code.
  ///   - environmentFile: An ``EnvironmentFile``; root must be able to read it, and so must the user.
  ///   - environment: Further variables, not secret. Every value arrives as it is, whatever is in it but NUL.
  ///   - restartedBy: What it reads when it starts.
  ///   - log: Where its output goes; nil for `/var/log/supervisor/NAME.log`.
  ///   - options: How supervisord treats it.
  ///   - isRunning: Whether it is to run, or to be stopped.
  ///   - check: A command that must succeed before the program is started or restarted, such as
  ///     `gunicorn --check-config shop.wsgi`: if it fails, what runs goes on running. It runs as the program does:
  ///     the same user, folder and environment.
  public init(
    _ name: String, command: ShellCommand, directory: RemotePath? = nil, user: String? = nil,
    environmentFile: RemotePath? = nil, environment: [String: String] = [:],
    restartedBy: [WatchedPath] = [], log: RemotePath? = nil, options: Options = Options(),
    isRunning: Bool = true, check: ShellCommand? = nil
  ) {
    self.name = name
    self.command = command
    self.directory = directory
    self.user = user
    self.environmentFile = environmentFile
    self.environment = environment
    self.restartedBy = restartedBy
    self.log = log ?? RemotePath("/var/log/supervisor/\(name).log")
    self.options = options
    self.isRunning = isRunning
    self.check = check
  }

  /// A handler that restarts a program and waits until it has kept running.
  public static func restart(_ name: String) -> Handler {
    let control = SupervisorControl(
      name: name, startSeconds: 10, log: RemotePath("/var/log/supervisor/\(name).log"))
    return Handler(
      "restart \(name)",
      [.run(control.restart, summary: "supervisorctl restart \(name)", touches: [.service(name)])])
  }

  public var label: String { "supervisor program \(name)" }

  public var observes: All<FileState, FileSum, FileState, SupervisorStatus, ChangedSince> {
    All(
      FileState(path), FileSum(path), FileState(path.parent), SupervisorStatus(name),
      ChangedSince(stamp: control.stamp, or: "/run/supervisord.pid", watching: [.file(path)] + restartedBy))
  }

  public func decide(
    given facts: (FileStatus, FileDigest?, FileStatus, SupervisorAnswer, [String]?)
  ) -> Decision {
    let (found, digest, folder, answer, changed) = facts
    if case .notInstalled = answer {
      return .failed("supervisor is not installed: place AptPackages(\"supervisor\") before \(label)")
    }
    let writing = FileWriting(
      path: path, content: configuration,
      attributes: Ownership(mode: 0o644, owner: "root", group: "root"))
    let actions: [Action]
    switch writing.decide(found: found, digest: digest, folder: folder) {
    case .unchanged: actions = []
    case .change(let writes): actions = writes
    case let other: return other
    }
    if let step = step(answer, changed: changed ?? [], isConfigured: actions.isEmpty) {
      return .change((isRunning ? checks : []) + actions + [step])
    }
    return Decision(actions)
  }

  private var checks: [Action] {
    guard let check else { return [] }
    var action = Action.run(
      environmentFile.map { "set -a; . \($0) || exit 1; set +a\n\(splice: check)" } ?? check,
      summary: check.text
    ).run(as: user).run(in: directory)
    action.environment = environment
    action.changedWhen = .never
    return [action]
  }

  /// What is to be done besides the configuration; nil if the program is as it should be.
  private func step(_ answer: SupervisorAnswer, changed: [String], isConfigured: Bool) -> Action? {
    var processes: [SupervisedProcess] = []
    if case .processes(let found) = answer { processes = found }
    let states = Set(processes.map(\.state.rawValue)).sorted().joined(separator: ", ")
    let now = states.isEmpty ? "absent" : states
    guard isRunning else {
      let isStopped = processes.allSatisfy { [.stopped, .exited, .fatal].contains($0.state) }
      if isStopped, isConfigured, processes.count == options.processes { return nil }
      return .run(
        control.stop, summary: "supervisorctl stop \(name)",
        changes: isStopped ? [] : [.modified("\(now) → STOPPED")], touches: touched)
    }
    let runs = processes.count == options.processes && processes.allSatisfy { $0.state == .running }
    if !runs {
      return .run(
        control.start, summary: "supervisorctl start \(name)", changes: [.modified("\(now) → RUNNING")],
        touches: touched)
    }
    guard !isConfigured || !changed.isEmpty else { return nil }
    let reason = isConfigured ? (changed.first.map { "\($0) has changed" } ?? "") : "new configuration"
    return .run(
      control.restart, summary: "supervisorctl restart \(name)", changes: [.modified("restarted: \(reason)")],
      touches: touched)
  }

  public func validate() throws {
    let isName =
      name.utf8.first.map(Self.isLetterOrDigit) == true
      && name.utf8.allSatisfy { Self.isLetterOrDigit($0) || "_.-".utf8.contains($0) }
    if !isName {
      throw InvalidTask(
        "\(name.debugDescription) can't be a program's name: letters, digits and _ . - only, a letter or digit first"
      )
    }
    if name == "all" {
      throw InvalidTask("a program can't be called \"all\": supervisorctl would take it for all of them")
    }
    if command.text.trimmed.isEmpty { throw InvalidTask("the program \(name) has no command") }
    if let user { try AccountName.check(user, as: "user") }
    for (key, value) in environment {
      try EnvironmentName.check(key)
      if value.utf8.contains(0) {
        throw InvalidTask("the value of \(key) has a NUL in it, which no variable can hold")
      }
    }
    // All else can be said to a shell; this is supervisor's own to read.
    if !SupervisorText(log.string).isPlain {
      throw InvalidTask(
        "\(log.string.debugDescription) can't be a log's path in a configuration of supervisor")
    }
    // Linux takes no longer argument than 128 KiB (execve(2)).
    if commandLine.utf8.count > 120 << 10 {
      throw InvalidTask(
        "the command and the environment of \(name) are too long for a program's start: put large values into an "
          + "EnvironmentFile")
    }
    if options.processes < 1 { throw InvalidTask("the program \(name) has \(options.processes) processes") }
    if options.startSeconds < 0 || options.stopWaitSeconds < 0 || options.startRetries < 0 {
      throw InvalidTask("a time of the program \(name) is negative")
    }
    if options.stopSignal.isEmpty
      || !options.stopSignal.utf8.allSatisfy({ Self.isLetterOrDigit($0) && !(0x61...0x7a).contains($0) })
    {
      throw InvalidTask(
        "\"\(options.stopSignal)\" is no signal: write it in capitals and without SIG, as in \"TERM\"")
    }
  }

  private var path: RemotePath { RemotePath("/etc/supervisor/conf.d/\(name).conf") }

  private var touched: [Resource] { [.service(name)] }

  private var control: SupervisorControl {
    SupervisorControl(
      name: name, startSeconds: options.startSeconds, patience: options.patience, log: log)
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
  }

  /// The variables that supervisor's own syntax can carry, and those that only a shell can.
  private var variables: (plain: [(String, String)], other: [(String, String)]) {
    let sorted = environment.sorted { $0.key < $1.key }
    let isPlain = { (value: String) in
      SupervisorText(value).isPlain && !value.utf8.contains { "\"'\\".utf8.contains($0) }
    }
    return (
      sorted.filter { isPlain($0.value) }.map { ($0.key, $0.value) },
      sorted.filter { !isPlain($0.value) }.map { ($0.key, $0.value) }
    )
  }

  /// The folder, where supervisor can't read its name.
  private var awkwardDirectory: RemotePath? {
    directory.flatMap { SupervisorText($0.string).isPlain ? nil : $0 }
  }

  /// What supervisor starts: the command, or a small shell that sets up what supervisor can't, and becomes it.
  private var commandLine: String {
    var script: ShellCommand = ""
    for (name, value) in variables.other { script += "export \(raw: name)=\(value); " }
    if let awkwardDirectory { script += "cd -- \(awkwardDirectory) || exit 1; " }
    if let environmentFile { script += "set -a; . \(environmentFile); set +a; " }
    let needsShell = !script.text.isEmpty || !SupervisorText(command.text).isPlain
    guard needsShell else { return SupervisorText(command.text).escaped }
    script += "exec \(splice: command)"
    if SupervisorText(script.text).isPlain {
      let wrapped: ShellCommand = "/bin/sh -c \(word: script)"
      return SupervisorText(wrapped.text).escaped
    }
    let code = SupervisorText(script.text).octal
    return SupervisorText("/bin/sh -c 'eval \"$(printf %b \"\(code)\")\"'").escaped
  }

  /// The program's section.
  var configuration: Contents {
    var lines = [
      "; Written by Martlet. Changes made here are overwritten.",
      "[program:\(name)]",
      "command=\(commandLine)",
    ]
    if options.processes > 1 {
      lines += [
        "process_name=%(program_name)s_%(process_num)02d", "numprocs=\(options.processes)",
      ]
    }
    if let directory, awkwardDirectory == nil {
      lines.append("directory=\(SupervisorText(directory.string).escaped)")
    }
    if let user { lines.append("user=\(user)") }
    if !variables.plain.isEmpty {
      let pairs = variables.plain.map { name, value in "\(name)=\"\(SupervisorText(value).escaped)\"" }
      lines.append("environment=\(pairs.joined(separator: ","))")
    }
    lines += [
      "autostart=\(options.startsWithDaemon)",
      "autorestart=\(options.restarts.rawValue)",
      "startsecs=\(options.startSeconds)",
      "startretries=\(options.startRetries)",
      "stopsignal=\(options.stopSignal)",
      "stopwaitsecs=\(options.stopWaitSeconds)",
      "stopasgroup=\(options.stopsGroup)",
      "killasgroup=\(options.killsGroup || options.stopsGroup)",
      "redirect_stderr=true",
      "stdout_logfile=\(SupervisorText(log.string).escaped)",
      "stdout_logfile_maxbytes=\(options.logMegabytes)MB",
      "stdout_logfile_backups=\(options.logBackups)",
    ]
    return Contents(lines.joined(separator: "\n") + "\n")
  }
}
