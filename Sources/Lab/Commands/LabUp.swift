public import ArgumentParser

struct LabUp: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Make servers, or start them, and write an inventory file for them.",
    discussion:
      "The first of a Debian suite takes about a minute, for the tree that all share; others a second.")

  @Argument(help: "How many: hosts 1 to N. Or which: 4-6.")
  var hosts: HostRange

  @Option(help: "The Debian suite of new hosts: bullseye, bookworm or trixie. (default: bookworm)")
  var suite: String?

  @Flag(
    inversion: .prefixedNo,
    help: "Whether new hosts boot systemd, rather than sshd alone. (default: --systemd)")
  var systemd: Bool?

  @Option(help: "What answers on port 22 of new hosts: openssh or dropbear. (default: openssh)")
  var sshd: LabHost.SSHServer?

  @OptionGroup var options: LabOptions

  func run() async throws {
    let lab = options.lab
    let clock = ContinuousClock()
    let elapsed = try await clock.measure {
      try await lab.up(hosts.value, suite: suite, systemd: systemd, sshd: sshd)
    }
    for number in hosts.value {
      let host = try lab.host(number)
      print("\(host.name)  \(host.address)  \(host.suite)  \(host.kind)")
    }
    let suffix = options.directory == Lab.defaultDirectory ? "" : " --directory \(options.directory)"
    print(
      """

      up in \(elapsed.tenths) s. Next:
        martlet apply PLAYBOOK -i \(lab.inventory)
        martlet lab ssh \(hosts.value.lowerBound)\(suffix)      (or: ssh -F \(lab.sshConfig) lab\(hosts.value.lowerBound))
        martlet lab down\(suffix)       when they are no longer needed
      """)
  }
}

extension LabHost.SSHServer: ExpressibleByArgument {}

extension LabHost {
  /// What runs on it, and who may reach it, in a line that a shell can take apart at its blanks.
  fileprivate var kind: String {
    let server = sshServer == .openssh ? "sshd" : sshServer.rawValue
    let from = reachableFrom.map { " from:\($0.map { "lab\($0)" }.joined(separator: ","))" }
    return (hasSystemd ? "systemd+\(server)" : server) + (from ?? "")
  }
}

extension Duration {
  /// Seconds with one decimal.
  fileprivate var tenths: String {
    let tenths = components.seconds * 10 + components.attoseconds / 100_000_000_000_000_000
    return "\(tenths / 10).\(tenths % 10)"
  }
}

struct LabDown: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down",
    abstract: "End and remove every server, and what was changed on this machine for them.")

  @Flag(help: "Remove the trees that disks are made from, too.")
  var purge = false

  @OptionGroup var options: LabOptions

  func run() async throws {
    try await options.lab.down()
    if purge { try await Lab.removeBaseTrees() }
  }
}

struct LabList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "Show the servers: name, address, suite, kind, up or down.")

  @OptionGroup var options: LabOptions

  func run() async throws {
    let lab = options.lab
    for host in lab.hosts {
      print(
        "\(host.name) \(host.address) \(host.suite) \(host.kind) \(lab.isRunning(host.number) ? "up" : "down")"
      )
    }
  }
}
