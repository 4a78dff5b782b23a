#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

// How a host is started and ended.
extension Lab {
  /// The script that runs inside the namespaces; Sources/Lab/host.sh.
  static var script: String { String(decoding: PackageResources.host_sh, as: UTF8.self) }
  var scriptFile: String { "\(directory)/host.sh" }
  /// Which slot the lab had, so that its addresses are the same after the machine was restarted.
  var slotFile: String { "\(directory)/slot" }

  var plan: AddressPlan? {
    LabNetwork(directory: directory).plan
      ?? FileSystem.read(slotFile).flatMap { Int($0.trimmed) }.map(AddressPlan.init)
  }

  func folder(_ number: Int) -> String { "\(directory)/hosts/\(number)" }
  func disk(_ number: Int) -> String { "\(folder(number))/disk" }

  /// What makes a host that is missing.
  func upCommand(_ number: Int) -> String {
    "martlet lab up \(number)" + (directory == Self.defaultDirectory ? "" : " --directory \(directory)")
  }

  var numbers: [Int] {
    FileSystem.list("\(directory)/hosts").compactMap(Int.init).sorted()
  }

  func initRecord(_ number: Int) -> ProcessRecord? {
    ProcessRecord(FileSystem.read("\(folder(number))/init"))
  }

  func supervisorRecord(_ number: Int) -> ProcessRecord? {
    ProcessRecord(FileSystem.read("\(folder(number))/supervisor"))
  }

  func record(_ number: Int) throws -> HostRecord {
    let path = "\(folder(number))/host.json"
    guard let text = FileSystem.read(path) else {
      throw LabError("there is no lab\(number) in \(directory): \(upCommand(number))")
    }
    do {
      return try JSONDecoder().decode(HostRecord.self, from: Data(text.utf8))
    } catch {
      throw LabError(
        "\(path) is not what this version writes; `martlet lab down` removes the lab: \(error)")
    }
  }

  func write(_ record: HostRecord, _ number: Int) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(record), as: UTF8.self)
    try FileSystem.write(text + "\n", to: "\(folder(number))/host.json")
  }

  /// Refuses what would fail halfway through.
  func require() throws {
    let safe = directory.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0)) }
    guard directory.hasPrefix("/"), safe, directory.utf8.count <= 200 else {
      // An overlay's mount options know no quoting, and an interface's alias ends at 255 bytes.
      throw LabError(
        "a lab's directory must be an absolute path of at most 200 letters, digits and ./_- : '\(directory)' is not"
      )
    }
    if let reason = Self.unavailableReason(directory: directory) {
      throw LabError("\(reason)\n\(Self.alternative)")
    }
  }

  /// Runs what changes the lab while no other process does.
  func locked<Value>(_ body: () async throws -> Value) async throws -> Value {
    try FileSystem.makeDirectory(directory)
    let lock = try await FileLock.take("\(directory)/lock", timeout: .seconds(1200)) {
      report("another command is at work on the lab in \(directory): waiting for it")
    }
    defer { withExtendedLifetime(lock) {} }
    return try await body()
  }

  /// Runs what changes one host that is there.
  func changing(_ number: Int, _ body: (AddressPlan) async throws -> Void) async throws {
    _ = try record(number)
    try require()
    try await locked { try await body(try await raiseNetwork()) }
  }

  /// A few at a time: more only compete for the same processors.
  func forEach(
    _ numbers: some Collection<Int> & Sendable, _ body: @escaping @Sendable (Int) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, number) in numbers.enumerated() {
        if index >= 6 { try await group.next() }
        group.addTask { try await body(number) }
      }
      try await group.waitForAll()
    }
  }

  func raiseNetwork() async throws -> AddressPlan {
    try FileSystem.write(Self.script, to: scriptFile)
    let before = FileSystem.read(slotFile).flatMap { Int($0.trimmed) }
    let plan = try await LabNetwork(directory: directory).raise(preferring: before)
    if before != plan.slot { try FileSystem.write("\(plan.slot)\n", to: slotFile) }
    return plan
  }

  func base(_ suite: String) async throws -> String {
    try await BaseTree(suite: suite, script: Self.script).ready(report)
  }

  /// Writes down what a new host is to be, or checks that one that is there is what is asked for.
  func prepare(_ number: Int, suite: String?, systemd: Bool?, sshd: LabHost.SSHServer?) async throws {
    if FileSystem.exists("\(folder(number))/host.json"), try await isOurs(number) {
      let record = try record(number)
      if let suite, suite != record.suite {
        throw LabError(
          "lab\(number) is there already, as \(record.suite): martlet lab down first, or choose other numbers"
        )
      }
      if let systemd, systemd != record.systemd {
        throw LabError("lab\(number) is there already, \(record.systemd ? "with" : "without") systemd")
      }
      if let sshd, sshd != record.sshd {
        throw LabError("lab\(number) is there already, with \(record.sshd)")
      }
      return
    }
    let suite = suite ?? "bookworm"
    let base = try await base(suite)
    try FileSystem.makeDirectory(folder(number))
    try write(
      HostRecord(suite: suite, systemd: systemd ?? true, sshd: sshd ?? .openssh, base: base), number)
  }

  /// Whether this version knows what it reads of a host. One that another version made is removed: these are
  /// throwaway servers, and a lab that can't be used until somebody clears it away helps nobody.
  private func isOurs(_ number: Int) async throws -> Bool {
    if (try? record(number)) != nil { return true }
    report("lab\(number) was made by another version of this program: it is made anew")
    try await halt(number)
    if let plan { try await unplug(number, plan) }
    try await FileSystem.removeTree(folder(number))
    return false
  }

  private func environment(_ number: Int, _ record: HostRecord, _ plan: AddressPlan) -> [String: String] {
    [
      "LAB_DIR": folder(number), "LAB_NAME": "lab\(number)", "LAB_BASE": record.base,
      "LAB_SYSTEMD": record.systemd ? "yes" : "no", "LAB_SSHD": record.sshd.rawValue,
      "LAB_BRIDGE": plan.bridge,
      "LAB_VETH": plan.cable(of: number), "LAB_ADDRESS": plan.address(of: number) + "/16",
      "LAB_MAC": AddressPlan.hardwareAddress(of: plan.address(of: number)), "LAB_GATEWAY": plan.gateway,
      "LAB_MTU": FileSystem.read("/sys/class/net/\(plan.bridge)/mtu")?.trimmed ?? "1500",
      "LAB_CGROUP": plan.controlGroup(of: number),
      "LAB_ISOLATED": record.reachableFrom == nil ? "no" : "yes",
      "LAB_ALLOW": (record.reachableFrom ?? []).map(plan.address(of:)).joined(separator: " "),
    ]
  }

  func launch(_ number: Int, _ plan: AddressPlan) async throws {
    let record = try record(number)
    guard FileSystem.exists(record.base) else {
      throw LabError(
        "the tree under lab\(number)'s disk is gone (\(record.base)): martlet lab reset \(number)")
    }
    try FileSystem.remove("\(folder(number))/init")
    try await Tool.sh.check(
      [scriptFile, "start"], environment: environment(number, record, plan), timeout: .seconds(10))
  }

  /// Sets the firewall of a host that runs.
  func raiseFirewall(_ number: Int, _ plan: AddressPlan) async throws {
    guard let process = initRecord(number), process.isRunning else { return }
    try await Tool.nsenter.check(
      ["--target", String(process.pid), "--net", "sh", scriptFile, "isolate"],
      environment: environment(number, try record(number), plan), timeout: .seconds(15))
  }

  /// Ends a host: its supervisor does so when told, and otherwise both are killed.
  func halt(_ number: Int) async throws {
    let supervisor = supervisorRecord(number)
    supervisor?.signal(SIGTERM)
    if try await !ended(supervisor, within: .seconds(5)) {
      supervisor?.signal(SIGKILL)
      _ = try await ended(supervisor, within: .seconds(5))
    }
    // A host whose supervisor was killed by somebody else.
    let left = initRecord(number)
    if let left, left.isRunning {
      left.signal(SIGKILL)
      guard try await ended(left, within: .seconds(10)) else {
        throw LabError("lab\(number)'s first process (\(left.pid)) does not end")
      }
      if let record = try? record(number), let plan, record.systemd {
        _ = try await Tool.sh.run(
          [scriptFile, "clean"], environment: environment(number, record, plan), timeout: .seconds(10))
      }
    }
    try FileSystem.remove("\(folder(number))/init")
    try FileSystem.remove("\(folder(number))/supervisor")
  }

  private func ended(_ process: ProcessRecord?, within timeout: Duration) async throws -> Bool {
    let deadline = ContinuousClock.now + timeout
    while let process, process.isRunning {
      guard ContinuousClock.now < deadline else { return false }
      try await Task.sleep(for: .milliseconds(5))
    }
    return true
  }

  /// Removes the machine's end of a host's cable, which the kernel itself does only some time later.
  func unplug(_ number: Int, _ plan: AddressPlan) async throws {
    _ = try await Tool.ip.run(["link", "delete", plan.cable(of: number)], timeout: .seconds(10))
  }

  /// Arguments of nsenter that run a command on a host.
  func enter(_ number: Int, _ argv: [String]) throws -> [String] {
    guard let process = initRecord(number), process.isRunning else {
      _ = try record(number)
      throw LabError("lab\(number) does not run: martlet lab start \(number)")
    }
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    // nsenter keeps every capability of the machine's root, and there is only one clock: `date -s` on a host
    // would set the machine's. The same are taken away as from the host's init (host.sh).
    let withheld = "-sys_time,-sys_module,-sys_rawio"
    return [
      "--target", String(process.pid), "--all", "--",
      "/usr/bin/setpriv", "--bounding-set=\(withheld)", "--inh-caps=\(withheld)",
      "/usr/bin/env", "-i", path, "HOME=/root", "LANG=C.UTF-8",
    ] + argv
  }

  /// Whether a host's SSH server answers: asked on the host itself where a firewall turns this machine away.
  private func greets(_ number: Int, _ plan: AddressPlan) async -> Bool {
    guard (try? record(number))?.reachableFrom != nil else {
      return await SSHBanner.isSent(by: plan.address(of: number), timeout: .seconds(2))
    }
    let script = "read -r -t 2 line </dev/tcp/127.0.0.1/22 && [[ $line == SSH-* ]]"
    return (try? await exec(number, ["bash", "-c", script]).status) == 0
  }

  func waitUntilReady(_ number: Int, _ plan: AddressPlan) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      if isRunning(number), await greets(number, plan) { break }
      let dead = supervisorRecord(number)?.isRunning != true
      guard !dead, ContinuousClock.now < deadline else {
        let console = (FileSystem.read("\(folder(number))/console.log") ?? "").split(separator: "\n").suffix(
          5)
        throw LabError(
          """
          lab\(number) \(dead ? "ended while it booted" : "did not come up within 60 s"). \
          \(folder(number))/console.log ends with:
            \(console.joined(separator: "\n  "))
          """)
      }
      try await Task.sleep(for: .milliseconds(10))
    }
    guard try record(number).systemd else { return }
    // Until the boot is over, /run/nologin turns away everybody but root.
    let state = try await exec(number, ["systemctl", "is-system-running", "--wait"], timeout: .seconds(60))
    if state.text.trimmed != "running" {
      let failed = try await exec(number, ["systemctl", "list-units", "--failed", "--plain", "--no-legend"])
      report("lab\(number) is \(state.text.trimmed): \(failed.text.trimmed)")
    }
  }
}
