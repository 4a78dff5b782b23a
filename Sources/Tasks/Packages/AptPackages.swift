public import MartletCore
public import MartletFacts

/// Packages of Debian and Ubuntu, all in one transaction.
///
///     AptPackages("nginx", "python3-venv")
///     AptPackages("postgresql=15+248", "curl", state: .latest)
///     AptPackages("apache2", state: .absent)
///
/// The package lists are fetched only if something is to be installed, and they are missing, older than
/// `cacheValidFor`, or don't know a package. Other processes that hold apt's locks, as unattended-upgrades
/// does after a host's first boot, are waited for. No question is asked: changed configuration files are
/// kept.
public struct AptPackages: HostTask {
  /// What is wanted of the packages.
  @frozen public enum State: String, Sendable {
    /// Installed, in any version, or the one that is named.
    case present
    /// Installed in the newest version that the host's sources offer.
    case latest
    /// Not installed; configuration files may stay.
    case absent
  }

  let packages: [PackageRequest]
  let state: State
  let cacheValidFor: Duration
  let recommends: Bool
  let lockTimeout: Duration

  /// - Parameters:
  ///   - packages: Names, each with an architecture and a version if they matter: `nginx`, `libc6:i386`,
  ///     `postgresql-15=15.6*`. Virtual packages are fulfilled by whatever provides them.
  ///   - state: What is wanted of them.
  ///   - cacheValidFor: How old the package lists may be before something is installed from them.
  ///   - recommends: Whether recommended packages are installed too; apt's own default is true.
  ///   - lockTimeout: How long other processes that hold apt's locks are waited for.
  public init(
    _ packages: [String], state: State = .present, cacheValidFor: Duration = .seconds(24 * 3600),
    recommends: Bool = true, lockTimeout: Duration = .seconds(300)
  ) {
    self.packages = packages.map(PackageRequest.init)
    self.state = state
    self.cacheValidFor = cacheValidFor
    self.recommends = recommends
    self.lockTimeout = lockTimeout
  }

  /// The same, with the names one by one.
  public init(
    _ packages: String..., state: State = .present, cacheValidFor: Duration = .seconds(24 * 3600),
    recommends: Bool = true, lockTimeout: Duration = .seconds(300)
  ) {
    self.init(
      packages, state: state, cacheValidFor: cacheValidFor, recommends: recommends, lockTimeout: lockTimeout)
  }

  public var label: String { "packages " + packages.map(\.name).joined(separator: " ") }

  public var observes: All<Each<Package>, Each<AptCandidate>, Each<AptLists>> {
    // Asking apt what is newest takes a tenth of a second, so it is asked only where it matters.
    let wantsNewest = state == .latest
    return All(
      Each(packages.map { Package($0.name) }),
      Each(wantsNewest ? packages.map { AptCandidate($0.name) } : []),
      Each(wantsNewest ? [AptLists()] : []))
  }

  public func validate() throws {
    if packages.isEmpty { throw InvalidTask("AptPackages has no packages") }
    for package in packages {
      try package.validate()
      if state == .absent, let version = package.version {
        throw InvalidTask(
          "a package that is to be absent has no version: write \(package.name), without =\(version)")
      }
    }
    let names = packages.map(\.name)
    if let twice = names.first(where: { name in names.filter { $0 == name }.count > 1 }) {
      throw InvalidTask("the package \(twice) is named twice")
    }
  }

  public func decide(given facts: ([PackageStatus], [String?], [Int?])) -> Decision {
    let (found, candidates, lists) = facts
    let pairs = Array(zip(packages, found))
    switch state {
    case .absent:
      let installed = pairs.filter { $0.1.state >= .unfinished }.map(\.0.name)
      guard !installed.isEmpty else { return .unchanged }
      return [
        action(
          AptScript(lockTimeout: lockTimeout).remove(installed),
          summary: "remove \(installed.joined(separator: ", "))",
          changes: installed.map { .removed($0) })
      ]
    case .present:
      return install(pairs.filter { !$0.0.isMet(by: $0.1) })
    case .latest:
      // Lists that are too old can't say what is newest: they are fetched, and all packages given to apt.
      let age = lists.first ?? nil
      let isStale = age.map { Duration.seconds($0) > cacheValidFor } ?? true
      if isStale { return installNewest(pairs, age: age) }
      let outdated = zip(pairs, candidates).filter { pair, candidate in
        !pair.0.isMet(by: pair.1)
          || (pair.0.version == nil && pair.1.state == .installed && candidate != nil
            && pair.1.version != candidate)
      }
      return install(outdated.map(\.0), candidates: Dictionary(zip(packages.map(\.name), candidates)) { $1 })
    }
  }

  private func install(_ pairs: [(PackageRequest, PackageStatus)], candidates: [String: String?] = [:])
    -> Decision
  {
    guard !pairs.isEmpty else { return .unchanged }
    let changes = pairs.map { request, found -> Change in
      let wanted = request.version ?? (candidates[request.name] ?? nil)
      guard found.state == .installed, let version = found.version else {
        let note = found.state == .unfinished ? ", whose installation was interrupted" : ""
        return .added(request.name + (wanted.map { " \($0)" } ?? "") + note)
      }
      return .modified("\(request.name) \(version) → \(wanted ?? "newest")")
    }
    return [
      action(
        AptScript(lockTimeout: lockTimeout).install(
          pairs.map(\.0.text), recommends: recommends, listsValidFor: cacheValidFor),
        summary: "install \(pairs.map(\.0.text).joined(separator: ", "))", changes: changes)
    ]
  }

  private func installNewest(_ pairs: [(PackageRequest, PackageStatus)], age: Int?) -> Decision {
    let howOld = age.map { "\($0 / 3600) hours old" } ?? "missing"
    var changes = pairs.filter { !$0.0.isMet(by: $0.1) }.map { Change.added($0.0.text) }
    changes.append(.modified("package lists, \(howOld) → new, with what is newer in them"))
    var action = action(
      AptScript(lockTimeout: lockTimeout).install(
        packages.map(\.text), recommends: recommends, listsValidFor: .zero),
      summary: "fetch the package lists, install the newest \(packages.map(\.name).joined(separator: ", "))",
      changes: changes)
    action.changedWhen = .outputLacks("0 upgraded, 0 newly installed, 0 to remove")
    return [action]
  }

  private func action(_ command: ShellCommand, summary: String, changes: [Change]) -> Action {
    var action = Action.run(
      command, summary: summary, changes: changes, touches: [.packages, .named("apt lists")])
    action.environment = AptScript.environment
    return action
  }
}

/// A package as a playbook names it: name, architecture, version.
struct PackageRequest: Sendable, Hashable {
  /// As it was written, and as apt-get takes it.
  let text: String
  /// The name, with the architecture if there is one.
  let name: String
  /// The version, or a pattern for it, with `*` for any characters.
  let version: String?

  init(_ text: String) {
    self.text = text
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    name = String(parts.first ?? "")
    version = parts.count > 1 ? String(parts[1]) : nil
  }

  /// Names are those of Debian Policy, section 5.6.1; versions of section 5.6.12.
  func validate() throws {
    if text.isEmpty { throw InvalidTask("the name of a package is empty") }
    let isNameByte = { (byte: UInt8) in
      (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || [0x2b, 0x2d, 0x2e].contains(byte)
    }
    let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let bare = parts.first ?? ""
    let first = bare.utf8.first ?? 0
    guard bare.utf8.count > 1, isNameByte(first), ![0x2b, 0x2d, 0x2e].contains(first),
      bare.utf8.allSatisfy(isNameByte),
      parts.count == 1 || (!parts[1].isEmpty && parts[1].utf8.allSatisfy(isNameByte) && parts[1].first != "-")
    else {
      throw InvalidTask(
        "\(text.debugDescription) is no name of a package: lower-case letters, digits, and + - . are allowed"
          + (text.contains(" ") ? "; write each package as a text of its own" : ""))
    }
    // apt-get takes a trailing hyphen or plus for an order to remove or install.
    if bare.hasSuffix("-") { throw InvalidTask("the package \(text.debugDescription) ends in a hyphen") }
    guard let version else { return }
    let isVersionByte = { (byte: UInt8) in
      isNameByte(byte) || (0x41...0x5a).contains(byte) || [0x7e, 0x3a, 0x2a].contains(byte)
    }
    if version.isEmpty || !version.utf8.allSatisfy(isVersionByte) {
      throw InvalidTask("\(version.debugDescription) is no version of the package \(name)")
    }
  }

  /// Whether a package that was found is the one that is asked for.
  func isMet(by found: PackageStatus) -> Bool {
    guard let version else { return found.isInstalled }
    guard found.state == .installed, let installed = found.version else { return false }
    return Self.matches(Array(installed.utf8), Array(version.utf8)[...])
  }

  private static func matches(_ text: [UInt8], _ pattern: ArraySlice<UInt8>) -> Bool {
    let parts = pattern.split(separator: 0x2a, omittingEmptySubsequences: false)
    guard let first = parts.first, let last = parts.last, parts.count > 1 else {
      return text == Array(pattern)
    }
    guard text.starts(with: first), text.count >= first.count + last.count,
      text.suffix(last.count).elementsEqual(last)
    else { return false }
    var rest = text[first.count..<(text.count - last.count)]
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard
        let start = rest.indices.first(where: { rest[$0...].starts(with: part) })
      else { return false }
      rest = rest[(start + part.count)...]
    }
    return true
  }
}
