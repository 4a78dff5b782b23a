public import MartletCore

/// How old the package lists of apt are.
///
///     var observes: AptLists { AptLists() }
public struct AptLists: ProbedFact {
  public typealias Value = AptListsState

  public init() {}

  public static let kind = "age of the package lists"

  public var dependsOn: [Resource] {
    [.named("apt lists"), .path("/etc/apt/sources.list"), .tree("/etc/apt/sources.list.d")]
  }

  /// The younger of the folder of the lists and the stamp that `apt-get update` leaves on most systems: an
  /// update that found nothing new leaves the folder as it is.
  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( echo run \(options.sinceStart.components.seconds + 1)
    for _f in /var/lib/apt/lists/*Release; do
    [ -e "$_f" ] || { echo none; exit 0; }; break; done
    _n=/var/lib/apt/lists; _m=/var/lib/apt/periodic/update-success-stamp; [ $_m -nt $_n ] && _n=$_m
    echo age $(($(date +%s) - $(stat -c %Y $_n)))
    [ -n "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer $_n)" ] && echo older ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: AptListsState] {
    var state = AptListsState()
    var isKnown = false
    var run = 0
    for line in output.lines {
      let words = line.split(separator: " ")
      switch (words.first, words.dropFirst().first.flatMap { Int($0) }) {
      case ("none", _): isKnown = true
      case ("older", _): state.isOlderThanSources = true
      case ("run", let seconds?): run = seconds
      case ("age", let seconds?):
        isKnown = true
        state.age = max(0, seconds)
        state.isFromThisRun = seconds <= run
      default: throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    guard isKnown else { throw FactError.malformed(kind, String(output.text.prefix(200))) }
    return [Self(): state]
  }
}

/// What is known of the package lists.
public struct AptListsState: Sendable, Hashable {
  /// Their age in seconds; nil if there are none.
  public var age: Int?
  /// Whether they were fetched since the run began.
  public var isFromThisRun: Bool
  /// Whether a file that names their sources was changed since.
  public var isOlderThanSources: Bool

  public init(age: Int? = nil, isFromThisRun: Bool = false, isOlderThanSources: Bool = false) {
    self.age = age
    self.isFromThisRun = isFromThisRun
    self.isOlderThanSources = isOlderThanSources
  }

  /// Whether they have to be fetched, if they may be this old. Once in a run is enough.
  public func isStale(after age: Duration) -> Bool {
    guard let own = self.age else { return true }
    return !isFromThisRun && (isOlderThanSources || Duration.seconds(own) > age)
  }
}
