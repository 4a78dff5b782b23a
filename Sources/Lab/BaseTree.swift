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

/// The tree that all hosts of a Debian suite share as the lower layer of their disks. It holds nothing
/// of one lab, so that the labs of every directory use the same.
struct BaseTree {
  /// Where trees are kept; they take a minute each to build and may be removed when no lab is up.
  static var cache: String {
    ProcessInfo.processInfo.environment["MARTLET_LAB_CACHE"].flatMap { $0.isEmpty ? nil : $0 }
      ?? "/var/cache/martlet-lab"
  }

  /// Debian's package lists in an older tree would name packages that the archive no longer has.
  private static let oldest: Double = 14 * 24 * 3600

  let suite: String
  let script: String

  /// Builds the tree, unless there is one.
  ///
  /// - Returns: its path. A tree is never changed again: hosts hold it mounted.
  func ready(_ report: @Sendable (String) -> Void) async throws -> String {
    let sources = try await DebianSources.ofThisMachine()
    let recipe = "\(steps)\0\(suite)\0\(sources.archive)\0\(sources.security)\0\(sources.settings)"
    let name = "\(suite)-\(String(fingerprint(recipe), radix: 36))"
    try FileSystem.makeDirectory(Self.cache)
    let lock = try await FileLock.take("\(Self.cache)/\(suite).lock", timeout: .seconds(900)) {
      report("another command is building \(suite)'s base tree: waiting for it")
    }
    defer { withExtendedLifetime(lock) {} }

    let current = FileSystem.list(Self.cache).filter {
      $0.hasPrefix("\(name).") && !$0.hasSuffix(".building")
    }
    if let newest = current.last, let built = Double(newest.dropFirst(name.count + 1)),
      time(nil) - Int(built) < Int(Self.oldest)
    {
      return "\(Self.cache)/\(newest)"
    }
    report("building \(suite)'s base tree from \(sources.archive): about a minute, once")
    for leftover in FileSystem.list(Self.cache) where leftover.hasSuffix(".building") {
      if leftover.hasPrefix("\(suite)-") { try await FileSystem.removeTree("\(Self.cache)/\(leftover)") }
    }
    let tree = "\(Self.cache)/\(name).\(time(nil))"
    try await build("\(tree).building", sources)
    guard rename("\(tree).building", tree) == 0 else {
      throw LabError("cannot rename \(tree).building: \(lastSystemError())")
    }
    for older in FileSystem.list(Self.cache)
    where older.hasPrefix("\(suite)-") && "\(Self.cache)/\(older)" != tree {
      if !Self.isMounted("\(Self.cache)/\(older)") {
        try await FileSystem.removeTree("\(Self.cache)/\(older)")
      }
    }
    return tree
  }

  /// The part of the script that builds a tree: a change elsewhere in it makes no tree out of date.
  private var steps: Substring {
    guard let start = script.firstRange(of: "\nbase)\n"),
      let end = script[start.upperBound...].firstRange(of: "\n  ;;\n")
    else { return script[...] }
    return script[start.upperBound..<end.lowerBound]
  }

  /// Whether a tree is under the disk of a host that runs, of whichever lab. Hosts have mount namespaces of
  /// their own, so each process has to be asked.
  private static func isMounted(_ tree: String) -> Bool {
    FileSystem.list("/proc").contains { entry in
      entry.allSatisfy(\.isNumber)
        && FileSystem.read("/proc/\(entry)/mountinfo")?.contains("=\(tree),") == true
    }
  }

  private func build(_ tree: String, _ sources: DebianSources) async throws {
    guard !suite.isEmpty, suite.allSatisfy({ $0.isLetter || $0.isNumber }) else {
      throw LabError("'\(suite)' is not the name of a Debian suite, such as bookworm or trixie")
    }
    let script = "\(Self.cache)/host.sh"
    try FileSystem.write(self.script, to: script)
    let result = try await Tool.sh.run(
      [script, "base", suite, sources.archive, sources.security, tree],
      environment: ["LAB_APT_CONF": sources.settings, "LAB_RESOLV_CONF": HostFiles.machineResolvConf],
      timeout: .seconds(900))
    guard result.status == 0 else {
      let log = "\(Self.cache)/\(suite).log"
      try FileSystem.write(result.text + result.errorText, to: log)
      let last = (result.text + result.errorText).split(separator: "\n").suffix(5)
      throw LabError(
        """
        cannot build the base tree of \(suite) from \(sources.archive); the whole log is in \(log). It ends with:
          \(last.joined(separator: "\n  "))
        """)
    }
  }

  /// A fingerprint (FNV-1a) that is the same in every process, which Hasher's isn't.
  private func fingerprint(_ text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }
}

/// Where Debian's packages come from on this machine, so that a host finds them in the same way.
struct DebianSources: Equatable {
  /// The archive's address, as in sources.list.
  var archive = "http://deb.debian.org/debian"
  /// The address of the security updates.
  var security = "http://deb.debian.org/debian-security"
  /// Lines of apt.conf: proxies, and checks that this machine has switched off.
  var settings = ""

  /// Asks this machine's apt. On a system other than Debian, Debian's own addresses are used.
  static func ofThisMachine() async throws -> DebianSources {
    let targets = try? await Tool(name: "apt-get", package: "apt").run(
      ["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)", "Created-By: Packages"],
      timeout: .seconds(20))
    let dump = try? await Tool(name: "apt-config", package: "apt").run(
      ["dump", "Acquire"], timeout: .seconds(20))
    return DebianSources(indexTargets: targets?.text ?? "", configuration: dump?.text ?? "")
  }

  /// - Parameters:
  ///   - indexTargets: lines of "ORIGIN|LABEL|URI" from `apt-get indextargets`.
  ///   - configuration: the output of `apt-config dump Acquire`.
  init(indexTargets: String, configuration: String) {
    for line in indexTargets.split(separator: "\n") {
      let fields = line.split(separator: "|", omittingEmptySubsequences: false)
      guard fields.count == 3, fields[0] == "Debian", fields[2].hasPrefix("http") else { continue }
      var uri = String(fields[2])
      while uri.hasSuffix("/") { uri.removeLast() }
      switch fields[1] {
      case "Debian": archive = uri
      case "Debian-Security": security = uri
      default: continue
      }
    }
    let passedOn = ["proxy", "check-valid-until", "check-date", "cainfo", "retries"]
    for line in configuration.split(separator: "\n") {
      let key = line.prefix { $0 != " " }.lowercased()
      // An empty value is what apt-config shows for a mere section.
      guard passedOn.contains(where: { key.contains($0) }), !line.hasSuffix(" \"\";") else { continue }
      settings += line + "\n"
    }
  }
}
