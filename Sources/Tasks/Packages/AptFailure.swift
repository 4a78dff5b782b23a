import MartletCore

/// What went wrong first, in the words of apt and dpkg.
enum AptFailure {
  /// A line or two for a person; nil if nothing is known that says more than the output itself.
  ///
  /// - Parameters:
  ///   - output: The last lines that the action printed.
  ///   - seconds: How long others were waited for.
  static func explain(_ output: [String], waitedFor seconds: Int64) -> String? {
    func first(_ parts: String...) -> String? {
      output.first { line in parts.contains { line.contains($0) } }.map(cut)
    }
    if first("E: Could not get lock", ", is another process using it?", "locked by another process") != nil,
      let holder = output.last
    {
      return "others were waited for, \(seconds / 60) minutes long: \(cut(holder)). "
        + "See what it does; run again when it has ended, or give lockTimeout: more"
    }
    if output.last == "cloud-init, which still sets this host up" {
      return "cloud-init was waited for, \(seconds / 60) minutes long, and still sets this host up: "
        + "see `cloud-init status --long` and /var/log/cloud-init-output.log there"
    }
    if first("are you root?", "(13: Permission denied)") != nil {
      return "packages are root's to change: give the play become: true"
    }
    if let line = first("No space left on device", "You don't have enough free space") {
      return "the disk is full: \(trimmed(line))"
    }
    if let line = first("Unable to locate package") {
      return
        "no source of this host has the package \(lastWord(line)): is the name right for its release, or is a "
        + "source missing?" + besides(output)
    }
    if let line = first("has no installation candidate") {
      return "\(trimmed(line)): it is only known by name here; is a source missing?" + besides(output)
    }
    if let line = first(" was not found") {
      return "\(trimmed(line)) on this host's sources: `apt-cache policy` there shows what they have"
        + besides(output)
    }
    if first("is a virtual package provided by:") != nil {
      let providers = output.drop { !$0.contains("is a virtual package provided by:") }.dropFirst()
        .prefix { $0.hasPrefix("  ") }.compactMap { $0.split(separator: " ").first.map(String.init) }
      return "several packages could serve: name one of them: \(providers.prefix(8).joined(separator: ", "))"
    }
    if let line = first("changed its '") {
      return "\(trimmed(line)). If its owner says that this is right, accept it once, on the host: "
        + "apt-get update --allow-releaseinfo-change"
    }
    if let line = outdated(output) { return line }
    if let line = first("NO_PUBKEY", "is not signed", "EXPKEYSIG", "signatures couldn't be verified") {
      return "a source isn't signed by a key that this host trusts: \(trimmed(line))"
    }
    if let line = first("Held packages were changed") {
      return "it takes a change of a package on hold (`apt-mark showhold`): \(trimmed(line))"
    }
    if let index = output.firstIndex(where: { $0.contains("The following packages have unmet dependencies") }
    ),
      index + 1 < output.count
    {
      return "apt can't find versions that go together: "
        + cut(output[(index + 1)...].prefix(2).map { $0.trimmed }.joined(separator: "; "))
    }
    if let line = first("dpkg: error processing") {
      let package = line.split(separator: " ").dropFirst(4).first.map(String.init) ?? "a package"
      let reason = output.drop { cut($0) != line }.dropFirst().first.map { ": \(cut($0.trimmed))" } ?? ""
      return "dpkg could not install or configure \(package)\(reason)"
    }
    if let line = unreachable(output) { return line }
    return first("E: ").map(trimmed)
      ?? first("W: Failed to fetch ").map { "a source can't be read: \(trimmed($0))" }
  }

  private static let noNetwork = [
    "Temporary failure resolving", "Could not resolve", "Unable to connect", "Could not connect",
    "Network is unreachable", "Connection timed out", "Connection refused",
  ]

  private static func unreachable(_ output: [String]) -> String? {
    output.first { line in noNetwork.contains { line.contains($0) } }
      .map { "this host can't reach a package source: \(trimmed(cut($0)))" }
  }

  /// A source whose lists are of the future or of long ago, for this host's clock.
  private static func outdated(_ output: [String]) -> String? {
    output.first {
      $0.contains("Release file for ") && ($0.contains("is not valid yet") || $0.contains("is expired"))
    }
    .map { "\(trimmed(cut($0))) Is the host's clock right (`date`), or the source out of date?" }
  }

  /// What else is wrong with the sources, as the reason why a package isn't known.
  private static func besides(_ output: [String]) -> String {
    let marks = [
      "NO_PUBKEY", "EXPKEYSIG", "is not signed", "does not have a Release file", "changed its '",
      "Hash Sum mismatch",
      "No space left on device",
    ]
    let other = output.first { line in marks.contains { line.contains($0) } }
      .map { "a source can't be read: \(trimmed(cut($0)))" }
    return (unreachable(output) ?? outdated(output) ?? other).map { "\nBesides, \($0)" } ?? ""
  }

  private static func trimmed(_ line: String) -> String {
    for mark in ["E: ", "W: ", "Err: ", "N: "] where line.hasPrefix(mark) {
      return String(line.dropFirst(mark.count)).trimmed
    }
    return line.trimmed
  }

  private static func lastWord(_ line: String) -> String {
    line.split(separator: " ").last.map(String.init) ?? ""
  }

  /// Cut between words, so that none, which may be secret, is shown in half and not recognised.
  private static func cut(_ line: String) -> String { line.shortened(to: 240) }
}
