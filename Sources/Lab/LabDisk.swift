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

// What is on a host's disk before it boots for the first time, and what the lab knows of its keys.
extension Lab {
  private func hostKeys(_ number: Int) -> String { "\(folder(number))/hostkeys" }

  func makeKey() async throws {
    guard !FileSystem.exists(privateKey) else { return }
    let made = "\(privateKey).making"
    for leftover in [made, "\(made).pub"] { try FileSystem.remove(leftover) }
    try await Tool.sshKeygen.check(
      ["-q", "-t", "ed25519", "-N", "", "-C", "martlet-lab", "-f", made], timeout: .seconds(20))
    // The private part last: where it is, both are.
    guard rename("\(made).pub", "\(privateKey).pub") == 0, rename(made, privateKey) == 0 else {
      throw LabError("cannot rename \(made): \(lastSystemError())")
    }
    // Who called sudo will want to log in, and ssh takes a key from nobody but its owner.
    let variables = ProcessInfo.processInfo.environment
    if let user = variables["SUDO_UID"].flatMap(uid_t.init),
      let group = variables["SUDO_GID"].flatMap(gid_t.init)
    {
      try FileSystem.setOwner(user, group, of: privateKey)
    }
  }

  func makeHostKeys(_ number: Int) async throws {
    let folder = hostKeys(number)
    let making = "\(folder).making"
    try await FileSystem.removeTree(making)
    try FileSystem.makeDirectory(making, mode: 0o700)
    for kind in ["ed25519", "ecdsa", "rsa"] {
      // 3072 bits, the default, take a second and protect nothing here.
      let size = kind == "rsa" ? ["-b", "2048"] : []
      try await Tool.sshKeygen.check(
        // Bullseye's dropbear reads RSA and ECDSA in PEM form only.
        ["-q", "-t", kind, "-m", "PEM", "-N", "", "-C", "lab\(number)"]
          + ["-f", "\(making)/ssh_host_\(kind)_key"] + size,
        timeout: .seconds(60))
    }
    try await FileSystem.removeTree(folder)
    guard rename(making, folder) == 0 else { throw LabError("cannot rename \(making): \(lastSystemError())") }
  }

  /// Empties a host's disk and gives it what makes it this host.
  func makeDisk(_ number: Int) async throws {
    let record = try record(number)
    if !FileSystem.exists(hostKeys(number)) { try await makeHostKeys(number) }
    try await FileSystem.removeTree(disk(number))
    // Renamed into place when complete, so that an interrupted command leaves no half-made disk.
    let making = "\(disk(number)).making"
    try await FileSystem.removeTree(making)
    try FileSystem.makeDirectory("\(making)/work")
    let layer = DiskLayer(upper: "\(making)/upper", base: record.base)
    try layer.makeDirectory("/")

    let name = "lab\(number)"
    var generator = SystemRandomNumberGenerator()
    let machine = (0..<2).map { _ in String(generator.next() | 1 << 63, radix: 16) }.joined()
    try layer.write("/etc/hostname", name + "\n")
    try layer.write("/etc/machine-id", machine + "\n", mode: 0o444)
    try layer.write("/etc/hosts", HostFiles.hosts(name: name, machine: FileSystem.read("/etc/hosts") ?? ""))
    try layer.write("/etc/resolv.conf", FileSystem.read(HostFiles.machineResolvConf) ?? "")
    try layer.write("/etc/environment", HostFiles.environment(ProcessInfo.processInfo.environment))
    // pip reads both, the second after the first: what a user has set here goes before what the machine has.
    try layer.write(
      "/etc/xdg/pip/pip.conf", HostFiles.pipConfiguration(FileSystem.read("/etc/pip.conf") ?? ""))
    try layer.write("/etc/pip.conf", HostFiles.pipConfiguration(userPipConfiguration()))
    try installCertificates(layer)

    let key = FileSystem.read("\(privateKey).pub") ?? ""
    for home in ["/root"] + FileSystem.list("\(record.base)/home").map({ "/home/\($0)" }) {
      try layer.makeDirectory("\(home)/.ssh", mode: 0o700)
      try layer.write("\(home)/.ssh/authorized_keys", key, mode: 0o600)
      try layer.giveToOwner(of: home, ["\(home)/.ssh", "\(home)/.ssh/authorized_keys"])
    }
    try installHostKeys(number, in: layer)
    if record.sshd == .dropbear {
      let units = "/etc/systemd/system"
      for unit in ["ssh.service", "ssh.socket"] { try layer.link("\(units)/\(unit)", to: "/dev/null") }
      try layer.link("\(units)/multi-user.target.wants/dropbear.service", to: "\(units)/dropbear.service")
    }
    guard rename(making, disk(number)) == 0 else {
      throw LabError("cannot rename \(making): \(lastSystemError())")
    }
  }

  func installHostKeys(_ number: Int) throws {
    try installHostKeys(number, in: DiskLayer(upper: "\(disk(number))/upper", base: try record(number).base))
  }

  private func installHostKeys(_ number: Int, in layer: DiskLayer) throws {
    for file in FileSystem.list(hostKeys(number)) {
      let mode: mode_t = file.hasSuffix(".pub") ? 0o644 : 0o600
      try layer.write("/etc/ssh/\(file)", FileSystem.read("\(hostKeys(number))/\(file)") ?? "", mode: mode)
    }
  }

  /// The authorities that this machine trusts, both as the bundle and as what the bundle is made of: a host
  /// that runs update-ca-certificates must not forget them.
  private func installCertificates(_ layer: DiskLayer) throws {
    if let bundle = FileSystem.read(HostFiles.certificates) {
      try layer.write(HostFiles.certificates, bundle)
    }
    let own = "/usr/local/share/ca-certificates"
    for file in FileSystem.list(own) where file.hasSuffix(".crt") {
      try layer.write("\(own)/\(file)", FileSystem.read("\(own)/\(file)") ?? "")
    }
  }

  private func userPipConfiguration() -> String {
    let variables = ProcessInfo.processInfo.environment
    let home = variables["HOME"] ?? "/root"
    let candidates = [
      variables["PIP_CONFIG_FILE"] ?? "", "\(home)/.config/pip/pip.conf", "\(home)/.pip/pip.conf",
    ]
    return candidates.lazy.compactMap { FileSystem.read($0) }.first ?? ""
  }

  /// Takes the keys that hosts have now for the right ones.
  func learnHostKeys(_ numbers: some Sequence<Int>) throws {
    for number in numbers {
      let keys = FileSystem.list(hostKeys(number)).filter { $0.hasSuffix(".pub") }
        .compactMap { FileSystem.read("\(hostKeys(number))/\($0)") }
      try FileSystem.write(keys.joined(), to: "\(folder(number))/known_keys")
    }
  }

  /// Writes the files that tell clients of the lab's hosts.
  func describe() throws {
    let hosts = self.hosts
    try FileSystem.write(HostFiles.inventory(hosts, key: privateKey, knownHosts: knownHosts), to: inventory)
    try FileSystem.write(HostFiles.sshConfig(hosts, key: privateKey, knownHosts: knownHosts), to: sshConfig)
    let keys = hosts.map { host in
      let known = FileSystem.read("\(folder(host.number))/known_keys") ?? ""
      return (host: host, keys: known.split(separator: "\n").map(String.init))
    }
    try FileSystem.write(HostFiles.knownHosts(keys), to: knownHosts)
  }
}

/// The writable layer of a host's disk, from outside and while the host doesn't run.
private struct DiskLayer {
  let upper: String
  let base: String

  /// Makes a directory and those above it. Where the base has one too, the layer's stands in for it, so it
  /// takes over the mode and the owner.
  func makeDirectory(_ path: String, mode: mode_t = 0o755) throws {
    var done = ""
    for component in [""] + path.split(separator: "/").map(String.init) {
      if !component.isEmpty { done += "/\(component)" }
      let folder = upper + done
      guard !FileSystem.exists(folder) else { continue }
      var status = stat()
      if lstat(base + done, &status) == 0 {
        try FileSystem.makeDirectory(folder, mode: status.st_mode & 0o7777)
        try FileSystem.setOwner(status.st_uid, status.st_gid, of: folder)
      } else {
        try FileSystem.makeDirectory(folder, mode: mode)
      }
    }
  }

  func write(_ path: String, _ content: String, mode: mode_t = 0o644) throws {
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    try makeDirectory("/" + folder)
    try FileSystem.write(content, to: upper + path, mode: mode)
  }

  func link(_ path: String, to target: String) throws {
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    try makeDirectory("/" + folder)
    guard symlink(target, upper + path) == 0 else {
      throw LabError("cannot make the link \(upper + path): \(lastSystemError())")
    }
  }

  func giveToOwner(of home: String, _ paths: [String]) throws {
    var status = stat()
    guard lstat(base + home, &status) == 0 else { throw LabError("\(base) has no \(home)") }
    for path in paths { try FileSystem.setOwner(status.st_uid, status.st_gid, of: upper + path) }
  }
}
