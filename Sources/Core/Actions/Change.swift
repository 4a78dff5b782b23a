/// One difference that an action makes, as plans and diffs show it.
@frozen public enum Change: Sendable, Hashable {
  /// Something new: `+ nginx`.
  case added(String)
  /// Something that goes: `- nginx`.
  case removed(String)
  /// Something that becomes another: `~ mode 0644 → 0600`.
  case modified(String)
  /// The contents of a file. Old is nil where the file is new, or where its contents were not fetched.
  case contents(RemotePath, isNew: Bool, old: [UInt8]?, new: Contents)

  /// The difference between two attributes; nil where there is none.
  public static func attribute<V: Equatable>(_ name: String, from old: V, to new: V) -> Change? {
    old == new ? nil : .modified("\(name) \(old) → \(new)")
  }
}
