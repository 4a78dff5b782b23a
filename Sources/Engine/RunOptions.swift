public import MartletCore

/// What the command line says about a run.
public struct RunOptions: Sendable {
  /// Only look and decide; send no action.
  public var check = false
  /// Show differences of files line by line.
  public var diff = false
  /// Only tasks with one of these tags; empty for all.
  public var tags: Set<String> = []
  /// No tasks with one of these tags.
  public var skipTags: Set<String> = []
  /// How many hosts are worked on at once.
  public var forks = 100
  /// Which hosts of the plays to keep; nil for all.
  public var limit: HostPattern?
  /// Whether the output of every action is reported, not only that of failed ones.
  public var verbose = false

  /// How long to wait on a host for another run that is changing it.
  public var lockPatience = Duration.seconds(1800)

  /// How long it may take from when a program was sent until the host's shell says that it runs, beside the time for its
  /// bytes and for becoming its user.
  public var startTimeout = Duration.seconds(30)
  /// How long a host may be silent before it is asked for a sign of life, and how long it has for that.
  public var silenceTimeout = Duration.seconds(30)
  /// How long a look may take, whatever it asks.
  public var lookTimeout = Duration.seconds(300)

  public init() {}
}
