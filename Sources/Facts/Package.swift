public import MartletCore

/// A package of dpkg(1): whether it is installed, and in which version.
///
///     var observes: Package { Package("nginx") }
///     func decide(given nginx: PackageStatus) -> Decision { nginx.isInstalled ? .unchanged : … }
///
/// One process answers for all packages; a second one is started only if some are missing, to see whether
/// another package provides them (Debian Policy, section 7.5).
public struct Package: ProbedFact, CustomStringConvertible {
  public typealias Value = PackageStatus

  /// The name, with an architecture if it matters: `nginx`, `libc6:i386`.
  public let name: String

  public init(_ name: String) { self.name = name }

  public static let kind = "package"

  public var description: String { name }

  public var dependsOn: [Resource] { [.packages] }

  private var bareName: Substring { name.prefix { $0 != ":" } }
  private var architecture: Substring? {
    let suffix = name.drop { $0 != ":" }.dropFirst()
    return suffix.isEmpty || suffix == "any" ? nil : suffix
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    return """
      ( command -v dpkg-query >/dev/null 2>&1 || { echo unsupported; exit 0; }
      _o=$(dpkg-query -W -f='|${Package}|${db:Status-Abbrev}|${Architecture}|${Version}|\\n' \
      -- dpkg \(facts.map { String($0.bareName) }) 2>/dev/null)
      printf '%s\\n' "$_o"
      set --
      for _p in \(facts.map { String($0.bareName) }); do
      case $_o in *"|$_p|"?i*) ;; *) set -- "$@" -e "$_p" ;; esac
      done
      [ $# = 0 ] && exit 0
      echo provides
      dpkg-query -W -f='${Package}|${db:Status-Abbrev}|${Provides}\\n' 2>/dev/null | grep -F "$@" )
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: PackageStatus] {
    let parts = output.lines.split(separator: "provides", maxSplits: 1, omittingEmptySubsequences: false)
    let lines = parts.first ?? []
    if lines.first == "unsupported" {
      throw FactError.hidden("the host has no dpkg: packages can be managed on Debian and Ubuntu only")
    }
    var found: [Substring: [(architecture: Substring, status: PackageStatus)]] = [:]
    for line in lines where !line.isEmpty {
      let fields = line.split(separator: "|", omittingEmptySubsequences: false)
      guard fields.count == 6, fields[0].isEmpty else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
      found[fields[1], default: []].append(
        (fields[3], PackageStatus(abbreviation: fields[2], version: fields[4])))
    }
    // dpkg itself has the host's own architecture.
    let native = found["dpkg"]?.first?.architecture
    var providers: [Substring: String] = [:]
    for line in parts.count > 1 ? parts[1] : [] {
      let fields = line.split(separator: "|", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3, fields[1].dropFirst().first == "i" else { continue }
      for provided in fields[2].split(separator: ",") {
        let name = provided.drop { $0 == " " }.prefix { $0 != " " && $0 != ":" }
        providers[name] = providers[name] ?? String(fields[0])
      }
    }
    var values: [Self: PackageStatus] = [:]
    for fact in facts {
      // A name alone means the package of the host's own architecture (apt-get(8)); one for all architectures is of
      // any. `:any` is whichever is installed.
      let wanted = fact.architecture ?? (fact.name.hasSuffix(":any") ? nil : native)
      let candidates = (found[fact.bareName] ?? []).filter {
        wanted == nil || $0.architecture == wanted || $0.architecture == "all" || $0.architecture.isEmpty
      }
      let best = candidates.map(\.status).max { $0.state < $1.state } ?? .absent
      if best.state < .unfinished, let provider = providers[fact.bareName] {
        values[fact] = PackageStatus(state: .provided, provider: provider)
      } else {
        values[fact] = best
      }
    }
    return values
  }
}

/// What dpkg knows of a package.
public struct PackageStatus: Sendable, Hashable {
  /// How far a package is there.
  @frozen public enum State: Int, Sendable, Comparable {
    case absent
    /// Removed, but its configuration files are left.
    case configurationOnly
    /// Not installed itself, but an installed package provides it.
    case provided
    /// Unpacked or half configured: an installation was interrupted or failed.
    case unfinished
    case installed

    public static func < (first: State, second: State) -> Bool { first.rawValue < second.rawValue }
  }

  /// How far it is there.
  public var state: State
  /// The installed version.
  public var version: String?
  /// Whether it is on hold (`apt-mark hold`).
  public var isHeld: Bool
  /// The installed package that provides it.
  public var provider: String?

  public init(state: State, version: String? = nil, isHeld: Bool = false, provider: String? = nil) {
    self.state = state
    self.version = version
    self.isHeld = isHeld
    self.provider = provider
  }

  /// Not there at all.
  public static let absent = PackageStatus(state: .absent)

  /// An installed package of this version; for tests.
  public static func installed(_ version: String) -> PackageStatus {
    PackageStatus(state: .installed, version: version)
  }

  /// Whether the package, or one that provides it, is installed.
  public var isInstalled: Bool { state == .installed || state == .provided }

  /// - Parameter abbreviation: `db:Status-Abbrev` of dpkg-query(1): the wanted state, the state, an error
  ///   flag.
  init(abbreviation: Substring, version: Substring) {
    let letters = Array(abbreviation)
    let hasError = letters.count > 2 && letters[2] == "R"
    let state: State =
      switch letters.count > 1 ? letters[1] : "n" {
      // W and t wait for triggers of other packages; they are configured themselves.
      case "i", "W", "t": hasError ? .unfinished : .installed
      case "c": .configurationOnly
      case "n": .absent
      default: .unfinished
      }
    self.init(
      state: state, version: state >= .unfinished ? String(version) : nil, isHeld: letters.first == "h")
  }
}
