public import MartletCore
public import MartletFacts

/// Packages of Debian and Ubuntu, all in one transaction.
///
///     AptPackages("nginx", "python3-venv")
///     AptPackages("postgresql=15+248", "curl", state: .latest)
///     AptPackages("apache2", state: .absent)
///
/// The package lists are fetched only if something is to be installed, and they are missing, older than
/// `cacheValidFor`, older than the files that name the sources, or don't know a package; once a run, however often
/// they are too old. No question is asked: changed configuration files are kept.
///
/// Whoever else is at work with apt or dpkg is waited for, and named in the reports: a person, another run,
/// unattended-upgrades, and cloud-init on a host that has just been made. What an interrupted dpkg left is mended
/// when nobody is.
///
/// A package on hold (`apt-mark hold`) is left as it is, with a warning if that is not what is wanted here.
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
  ///   - cacheValidFor: How old the package lists may be before something is installed from them. With `.zero` and
  ///     `.latest` every run fetches them, and is a change only if there was something newer.
  ///   - recommends: Whether recommended packages are installed too; apt's own default is true.
  ///   - lockTimeout: How long others who are at work with apt or dpkg are waited for, before it is an error.
  public init(
    _ packages: [String], state: State = .present, cacheValidFor: Duration = .seconds(24 * 3600),
    recommends: Bool = true, lockTimeout: Duration = .seconds(1800)
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
    recommends: Bool = true, lockTimeout: Duration = .seconds(1800)
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

  public func decide(given facts: ([PackageStatus], [String?], [AptListsState])) -> Decision {
    let (found, candidates, lists) = facts
    let pairs = Array(zip(packages, found))
    switch state {
    case .absent:
      let installed = pairs.filter { $0.1.state >= .unfinished && !$0.1.isHeld }.map(\.0.name)
      guard !installed.isEmpty else { return .unchanged }
      return [
        action(
          AptScript().remove(installed), summary: "remove \(installed.joined(separator: ", "))",
          changes: installed.map { .removed($0) })
      ]
    case .present:
      let missing = pairs.filter { !$0.0.isMet(by: $0.1) }
      // What is on hold is kept as it is; what isn't there at all can't be kept.
      if let held = missing.first(where: { $0.1.isHeld && $0.1.state < .unfinished }) {
        return .failed(
          "\(held.0.name) is not installed, and on hold: `apt-mark unhold \(held.0.name)` on the host, or leave it out"
        )
      }
      return install(missing.filter { !$0.1.isHeld }, listsValidFor: cacheValidFor)
    case .latest:
      // Lists that are too old can't say what is newest: they are fetched, and all packages given to apt.
      let free = zip(pairs, candidates).filter { !$0.0.1.isHeld }
      guard let lists = lists.first, !free.isEmpty else { return .unchanged }
      if lists.isStale(after: cacheValidFor) { return installNewest(free.map(\.0), lists: lists) }
      let outdated = free.filter { pair, candidate in !pair.0.isNewest(pair.1, candidate: candidate) }
      return install(
        outdated.map(\.0), candidates: Dictionary(zip(packages.map(\.name), candidates)) { $1 },
        listsValidFor: nil)
    }
  }

  public func warnings(given facts: ([PackageStatus], [String?], [AptListsState])) -> [String] {
    let (found, candidates, _) = facts
    return zip(packages, found).enumerated().compactMap { index, pair in
      let (package, status) = pair
      guard status.isHeld, status.state >= .unfinished, let version = status.version else { return nil }
      let wanted: String
      switch state {
      case .absent: wanted = "it is not removed"
      case .present where package.isMet(by: status): return nil
      case .present: wanted = "\(package.version ?? "its installation") is not installed"
      case .latest:
        let candidate = index < candidates.count ? candidates[index] : nil
        if package.isNewest(status, candidate: candidate) { return nil }
        wanted = "\(package.version ?? candidate ?? "what is newer") is not installed"
      }
      return
        "\(package.name) is on hold at \(version), so \(wanted): `apt-mark unhold \(package.name)` on the host lets it change"
    }
  }

  private func install(
    _ pairs: [(PackageRequest, PackageStatus)], candidates: [String: String?] = [:], listsValidFor: Duration?
  ) -> Decision {
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
        AptScript().install(pairs.map(\.0.text), recommends: recommends, listsValidFor: listsValidFor),
        summary: "install \(pairs.map(\.0.text).joined(separator: ", "))", changes: changes)
    ]
  }

  private func installNewest(_ pairs: [(PackageRequest, PackageStatus)], lists: AptListsState) -> Decision {
    let howOld = lists.age.map { "\($0 / 3600) hours old" } ?? "missing"
    let reason = lists.isOlderThanSources ? "older than their sources" : howOld
    var changes = pairs.filter { !$0.0.isMet(by: $0.1) }.map { Change.added($0.0.text) }
    changes.append(.modified("package lists, \(reason) → new, with what is newer in them"))
    let names = pairs.map(\.0)
    var action = action(
      AptScript().installNewest(names.map(\.text), recommends: recommends),
      summary: "fetch the package lists, install the newest \(names.map(\.name).joined(separator: ", "))",
      changes: changes)
    action.changedWhen = .outputLacks("0 upgraded, 0 newly installed, 0 to remove")
    return [action]
  }

  private func action(_ command: ShellCommand, summary: String, changes: [Change]) -> Action {
    var action = Action.run(
      command, summary: summary, changes: changes, touches: [.packages, .named("apt lists")])
    action.environment = AptScript.environment
    action.waitsUpTo = lockTimeout
    let seconds = lockTimeout.components.seconds
    action.explanation = { AptFailure.explain($0, waitedFor: seconds) }
    return action
  }
}
