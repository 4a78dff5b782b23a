import ArgumentParser

struct LabReset: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reset", abstract: "Make a server fresh again, with the same address and host keys.")

  @Argument(help: "The hosts, such as 1 2.") var hosts: [HostNumber]
  @OptionGroup var options: LabOptions

  func run() async throws {
    for host in hosts { try await options.lab.reset(host.value) }
  }
}

struct LabKill: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kill", abstract: "End all processes of a server at once, as a power failure would.")

  @Argument(help: "The hosts, such as 1 2.") var hosts: [HostNumber]
  @OptionGroup var options: LabOptions

  func run() async throws {
    for host in hosts { try await options.lab.kill(host.value) }
  }
}

struct LabStart: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start a server that was killed or has powered off.")

  @Argument(help: "The hosts, such as 1 2.") var hosts: [HostNumber]
  @OptionGroup var options: LabOptions

  func run() async throws {
    for host in hosts { try await options.lab.start(host.value) }
  }
}

struct LabRekey: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rekey", abstract: "Give a server new host keys, which known_hosts does not learn.",
    discussion: "`martlet lab up` or `reset` makes known_hosts right again.")

  @Argument(help: "The hosts, such as 1 2.") var hosts: [HostNumber]
  @OptionGroup var options: LabOptions

  func run() async throws {
    for host in hosts { try await options.lab.rekey(host.value) }
  }
}

struct LabIsolate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "isolate", abstract: "Let only some of the lab's servers connect to a server.",
    discussion: """
      `ssh -F` with the lab's ssh_config then goes through the first of them, which makes it a bastion. It lasts \
      until `martlet lab reset`.
      """)

  @Argument(help: "The host, such as 2.") var host: HostNumber
  @Option(name: .customLong("from"), parsing: .upToNextOption, help: "The hosts that are let in, such as 1.")
  var from: [HostNumber]
  @OptionGroup var options: LabOptions

  func run() async throws {
    try await options.lab.isolate(host.value, reachableFrom: from.map(\.value))
  }
}

struct LabShell: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ssh", abstract: "Log in to a server over SSH, or run a command there, as root.")

  @OptionGroup var options: LabOptions
  @Argument(help: "The host, such as 1.") var host: HostNumber
  @Argument(parsing: .captureForPassthrough, help: "The command, as for ssh.") var command: [String] = []

  func run() async throws {
    let lab = options.lab
    try Tool.ssh.replaceProcess(
      ["-F", lab.sshConfig, try lab.host(host.value).name] + command.withoutTerminator)
  }
}

struct LabExec: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Run a command inside a server as root, without SSH.")

  @OptionGroup var options: LabOptions
  @Argument(help: "The host, such as 1.") var host: HostNumber
  @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.") var command: [String]

  func run() async throws {
    try Tool.nsenter.replaceProcess(try options.lab.enter(host.value, command.withoutTerminator))
  }
}

struct LabDelay: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "delay",
    abstract: "Print a loopback port that reaches a server with time added, until ended.")

  @Argument(help: "The host, such as 1.") var host: HostNumber
  @Argument(help: "Milliseconds to add in each direction.") var milliseconds: Double
  @OptionGroup var options: LabOptions

  func run() async throws {
    let relay = try options.lab.delay(host.value, milliseconds: milliseconds)
    print(relay.port)
    flushOutput()
    defer { relay.stop() }
    // Ctrl-C ends the process, and with it the relay.
    while true { try await Task.sleep(for: .seconds(3600)) }
  }
}

extension [String] {
  /// Without the `--` that people put before a command from habit.
  fileprivate var withoutTerminator: [String] { first == "--" ? Array(dropFirst()) : self }
}
