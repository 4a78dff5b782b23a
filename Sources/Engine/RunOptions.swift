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

  public init() {}
}
