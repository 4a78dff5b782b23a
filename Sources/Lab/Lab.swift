#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Throwaway Debian servers on this machine, for trying and testing playbooks over real SSH.
///
///     let lab = Lab(directory: "/var/lib/my-lab")
///     try await lab.up(2)
///     let address = try lab.host(1).address            // ssh to it, or give Martlet lab.inventory
///     let php = try await lab.exec(1, ["dpkg-query", "-W", "php"])
///     try await lab.reset(1)                           // a fresh server again, in about a second
///     try await lab.down()
///
/// A server is a copy-on-write disk over a tree that debootstrap made, in namespaces of its own, with its
/// own address, systemd, and sshd on port 22. Like a fresh server it has sh, sshd, sudo and curl, and no
/// Python. `reboot` really boots it again, with a new boot id. The servers reach each other, this machine, and
/// through it the package archives.
///
/// Its users are those that people have trouble with. All accept the lab's key, and each one's password is the
/// name:
///
/// | user | |
/// |---|---|
/// | root | has no password |
/// | deploy | sudo without a password |
/// | asker | sudo asks for the password |
/// | needstty | sudo without a password, and only at a terminal (`requiretty`) |
/// | guest | no right to sudo |
/// | fish | sudo without a password; the login shell is fish |
/// | noisy | sudo without a password; .bashrc prints, also to standard error |
/// | exits | sudo without a password; .bashrc exits unless it is interactive, so that no command ever runs |
///
/// Servers outlive the process that made them, until ``down()`` or the machine ends. Every directory is a
/// lab of its own, with its own bridge and addresses, so that several can run at once; within one, commands
/// of several processes wait for each other. It needs root and Linux: see ``unavailableReason(directory:)``.
public struct Lab: Sendable {
  /// Where everything of this lab is kept.
  public let directory: String
  let report: @Sendable (String) -> Void

  /// Names a lab. Nothing is made yet.
  ///
  /// - Parameters:
  ///   - directory: an absolute path; it is made when missing, and must not lie on an overlay itself.
  ///   - report: called with a line to show, when something takes longer.
  public init(
    directory: String = Lab.defaultDirectory, report: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.directory = directory
    self.report = report
  }

  /// A lab for the tests of one suite, apart from the user's own and from those of other suites.
  ///
  /// - Parameter name: letters, digits and dashes.
  public static func forTests(_ name: String) -> Lab {
    Lab(directory: "\(defaultDirectory)-tests/\(name)")
  }

  /// `$MARTLET_LAB`, or /var/lib/martlet-lab.
  public static var defaultDirectory: String {
    ProcessInfo.processInfo.environment["MARTLET_LAB"].flatMap { $0.isEmpty ? nil : $0 }
      ?? "/var/lib/martlet-lab"
  }

  /// The inventory file of the lab's hosts.
  public var inventory: String { "\(directory)/inventory.yaml" }
  /// The private key (ed25519, no passphrase) that every user of every host accepts.
  public var privateKey: String { "\(directory)/id_ed25519" }
  /// The hosts' public keys, for strict checking.
  public var knownHosts: String { "\(directory)/known_hosts" }
  /// A client configuration: `ssh -F FILE lab1`.
  public var sshConfig: String { "\(directory)/ssh_config" }

  /// Makes hosts 1 to `count`, or starts them, and waits until one can log in to each.
  ///
  /// See ``up(_:suite:systemd:sshd:)``.
  public func up(
    _ count: Int, suite: String? = nil, systemd: Bool? = nil, sshd: LabHost.SSHServer? = nil
  ) async throws {
    guard count >= 1 else { throw LabError("a lab needs at least one host, not \(count)") }
    try await up(1...count, suite: suite, systemd: systemd, sshd: sshd)
  }

  /// Makes the hosts of these numbers, or starts them, and waits until one can log in to each.
  ///
  /// Hosts that run already are left alone. The first host of a suite takes about a minute, for the tree
  /// that all of them share; others take a second.
  ///
  /// - Parameters:
  ///   - numbers: from 1 to at most 1000.
  ///   - suite: the Debian suite, such as `trixie`; `bookworm` for new hosts unless told. A host that is
  ///     there already is not made anew as another: that is an error.
  ///   - systemd: whether they boot systemd; new ones do unless told. Without, only the SSH server runs.
  ///   - sshd: what answers on port 22 of new hosts; OpenSSH unless told.
  /// - Throws: ``LabError``.
  public func up(
    _ numbers: ClosedRange<Int>, suite: String? = nil, systemd: Bool? = nil, sshd: LabHost.SSHServer? = nil
  ) async throws {
    try require()
    guard AddressPlan.hostNumbers.contains(numbers.lowerBound),
      AddressPlan.hostNumbers.contains(numbers.upperBound)
    else { throw LabError("hosts are numbered 1 to \(AddressPlan.hostNumbers.upperBound), not \(numbers)") }
    try await locked {
      try await makeKey()
      let plan = try await raiseNetwork()
      for number in numbers {
        try await prepare(number, suite: suite, systemd: systemd, sshd: sshd)
      }
      try await forEach(numbers) { number in
        if !isRunning(number) {
          if !FileSystem.exists(disk(number)) { try await makeDisk(number) }
          try await launch(number, plan)
        }
        try await waitUntilReady(number, plan)
      }
      try learnHostKeys(numbers)
      try describe()
    }
  }

  /// The host of a number.
  ///
  /// - Throws: ``LabError`` when the lab has no such host.
  public func host(_ number: Int) throws -> LabHost {
    let record = try record(number)
    guard let plan = plan else {
      throw LabError("the lab in \(directory) has no addresses: \(upCommand(number))")
    }
    return LabHost(
      number: number, address: plan.address(of: number), suite: record.suite, hasSystemd: record.systemd,
      sshServer: record.sshd, reachableFrom: record.reachableFrom)
  }

  /// All hosts of this lab, whether they run or not, by number.
  public var hosts: [LabHost] {
    numbers.compactMap { try? host($0) }
  }

  /// Whether a host runs: its first process lives. It may still be booting.
  public func isRunning(_ number: Int) -> Bool {
    initRecord(number)?.isRunning ?? false
  }

  /// Makes a host a fresh server again, with the same address and host keys and reachable from everywhere, and
  /// waits until it is up.
  public func reset(_ number: Int) async throws {
    try await changing(number) { plan in
      var record = try record(number)
      try await halt(number)
      record.base = try await base(record.suite)
      record.reachableFrom = nil
      try write(record, number)
      try await makeDisk(number)
      try await launch(number, plan)
      try await waitUntilReady(number, plan)
      try learnHostKeys(number...number)
      try describe()
    }
  }

  /// Lets nobody but some of the lab's hosts begin a TCP connection to a host, as in a private network behind a
  /// bastion: what others send there is dropped. The file ``sshConfig`` then goes through the first of them.
  ///
  ///     try await lab.up(3)
  ///     try await lab.isolate(2, reachableFrom: [1])
  ///     try await lab.isolate(3, reachableFrom: [2])     // behind a bastion behind a bastion
  ///
  /// It lasts until ``reset(_:)``, over reboots too. What the host itself begins goes out as before, and
  /// ``exec(_:_:input:timeout:)`` still works.
  ///
  /// - Parameter others: the numbers of the hosts that are let in; nobody when empty.
  public func isolate(_ number: Int, reachableFrom others: [Int]) async throws {
    for other in others {
      guard AddressPlan.hostNumbers.contains(other), other != number else {
        throw LabError("lab\(number) can't be reachable from \(other): that is no other host's number")
      }
    }
    try await changing(number) { plan in
      var record = try record(number)
      record.reachableFrom = others
      try write(record, number)
      try await raiseFirewall(number, plan)
      try describe()
    }
  }

  /// Ends all processes of a host at once, as a power failure would. Its disk stays as it is.
  public func kill(_ number: Int) async throws {
    try await changing(number) { _ in try await halt(number) }
  }

  /// Starts a host that was killed or that has powered off, and waits until it is up.
  public func start(_ number: Int) async throws {
    try await changing(number) { plan in
      if !isRunning(number) { try await launch(number, plan) }
      try await waitUntilReady(number, plan)
    }
  }

  /// Gives a host new host keys, of which ``knownHosts`` learns nothing: to a client it is now an impostor.
  ///
  /// ``reset(_:)`` or ``up(_:suite:systemd:sshd:)`` makes ``knownHosts`` right again.
  public func rekey(_ number: Int) async throws {
    try await changing(number) { plan in
      try await halt(number)
      try await makeHostKeys(number)
      try installHostKeys(number)
      try await launch(number, plan)
      try await waitUntilReady(number, plan)
    }
  }

  /// Runs a command on a host as root, without SSH, and without a shell: the end of a deployment as another
  /// program sees it.
  ///
  ///     try await lab.exec(1, ["sh", "-c", "ss -ltn | grep :80"]).status == 0
  ///
  /// - Parameters:
  ///   - argv: the program, which is looked up on the host, and its arguments.
  ///   - input: its standard input; nothing by default.
  ///   - timeout: the command is ended on the host after that, in whole seconds.
  /// - Returns: status and output, whatever the status.
  /// - Throws: ``LabError`` when the host doesn't run or the time is over.
  @discardableResult
  public func exec(
    _ number: Int, _ argv: [String], input: [UInt8] = [], timeout: Duration = .seconds(60)
  ) async throws -> LabOutput {
    let seconds = max(1, timeout.seconds)
    let began = ContinuousClock.now
    let limited = ["timeout", "--kill-after=2", String(seconds)] + argv
    let result = try await Tool.nsenter.run(
      try enter(number, limited), input: input, limit: 64 << 20, timeout: .seconds(seconds + 10))
    if result.status == 124, ContinuousClock.now - began >= .seconds(seconds) {
      throw LabError("on lab\(number), \(argv.joined(separator: " ")) did not end within \(seconds) s")
    }
    return result
  }

  /// Makes a way to a host's sshd that takes longer.
  ///
  /// - Parameter milliseconds: what is added in each direction: a round trip costs twice that more.
  /// - Returns: a relay that listens on a loopback port until it is stopped or released.
  public func delay(_ number: Int, milliseconds: Double) throws -> DelayRelay {
    try DelayRelay(to: try host(number).address, port: 22, milliseconds: milliseconds)
  }

  /// Ends and removes every host, the bridge, and what was changed on this machine for them. The key, and
  /// the trees that disks are made from, stay for the next time.
  public func down() async throws {
    try require()
    try await locked {
      try await forEach(numbers) { try await halt($0) }
      if let plan { try await forEach(numbers) { try await unplug($0, plan) } }
      try await LabNetwork(directory: directory).lower()
      try await FileSystem.removeTree("\(directory)/hosts")
      for file in [inventory, knownHosts, sshConfig, slotFile, scriptFile] { try FileSystem.remove(file) }
    }
  }

  /// Removes the trees that disks are made from.
  ///
  /// - Throws: ``LabError`` while any lab is up, because its hosts still use them.
  public static func removeBaseTrees() async throws {
    let bridges = FileSystem.list("/sys/class/net").filter { $0.hasPrefix("martlet") }
    guard bridges.isEmpty else {
      throw LabError(
        "labs are up (\(bridges.joined(separator: ", "))) and use the trees in \(BaseTree.cache)")
    }
    try await FileSystem.removeTree(BaseTree.cache)
  }
}
