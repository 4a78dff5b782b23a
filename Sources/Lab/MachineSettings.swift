#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// The two kernel settings of the whole machine that labs need: packets are forwarded, and there are
/// enough inotify instances for twenty systemds, which all count as root's. What they were before is
/// kept in /run, and put back when the last lab goes.
enum MachineSettings {
  private static let kept = "/run/martlet-lab.sysctl"
  private static let wanted: [(path: String, least: Int)] = [
    ("/proc/sys/net/ipv4/ip_forward", 1),
    ("/proc/sys/fs/inotify/max_user_instances", 8192),
  ]

  static func raise() throws {
    var before = FileSystem.read(kept) ?? ""
    for (path, least) in wanted {
      guard let now = FileSystem.read(path).flatMap({ Int($0.trimmed) }), now < least else { continue }
      if !before.contains(path) { before += "\(path) \(now)\n" }
      try FileSystem.write(before, to: kept)
      try set(path, to: String(least))
    }
  }

  /// Puts the settings back, unless another lab still needs them.
  static func restore() throws {
    let interfaces = FileSystem.list("/sys/class/net")
    guard !AddressPlan.slots.contains(where: { interfaces.contains(AddressPlan(slot: $0).bridge) }) else {
      return
    }
    // Whoever else has a bridge may have come to rely on forwarding since.
    let bridged = interfaces.contains { FileSystem.exists("/sys/class/net/\($0)/bridge") }
    for line in (FileSystem.read(kept) ?? "").split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      guard words.count == 2, let setting = wanted.first(where: { $0.path == words[0] }) else { continue }
      if setting.path.hasSuffix("ip_forward"), bridged { continue }
      // Changed by somebody else since: theirs to keep.
      guard FileSystem.read(setting.path)?.trimmed == String(setting.least) else { continue }
      try set(setting.path, to: words[1])
    }
    try FileSystem.remove(kept)
  }

  private static func set(_ path: String, to value: String) throws {
    // Not through a file beside it: /proc has no renaming.
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw LabError("cannot open \(path): \(lastSystemError())") }
    defer { close(descriptor) }
    let bytes = Array(value.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      throw LabError("cannot set \(path) to \(value): \(lastSystemError())")
    }
  }
}
