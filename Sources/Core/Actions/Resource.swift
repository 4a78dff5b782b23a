/// A part of a host that an action changes or a fact depends on.
///
/// The planner compares the two: a fact that depends on what an earlier task is about to change can't be known
/// yet, and the plan says so, with that task's name.
@frozen public enum Resource: Hashable, Sendable {
  /// One file or folder itself.
  case path(RemotePath)
  /// A folder with everything below it.
  case tree(RemotePath)
  /// The installed packages of the system.
  case packages
  /// A user account or group.
  case account(String)
  /// A service or supervised program.
  case service(String)
  /// Anything else that a fact and an action agree on by name.
  case named(String)

  /// Whether a change of the one may change the other.
  public func overlaps(_ other: Resource) -> Bool {
    switch (self, other) {
    case (.path(let a), .path(let b)): a == b
    case (.path(let path), .tree(let tree)), (.tree(let tree), .path(let path)): path.isInside(tree)
    case (.tree(let a), .tree(let b)): a.isInside(b) || b.isInside(a)
    default: self == other
    }
  }
}
