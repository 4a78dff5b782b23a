public import MartletCore

/// What lies at a path of a host: its kind, mode and owner. Symbolic links are not followed, unless that is asked for.
///
///     var observes: FileState { FileState("/srv/shop") }
///     func decide(given folder: FileStatus) -> Decision { folder.kind == .directory ? .unchanged : … }
///
/// A path below a folder that the run's user may not enter is an error, never "absent".
public struct FileState: ProbedFact, CustomStringConvertible {
  public typealias Value = FileStatus

  /// The path in question.
  public let path: RemotePath
  /// Whether it is about what a symbolic link at the path leads to, absent if that isn't there.
  public let followsLink: Bool

  public init(_ path: RemotePath, followsLink: Bool = false) {
    self.path = path
    self.followsLink = followsLink
  }

  public static let kind = "state of the file"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.path(path)] }

  public func dependencies(of value: Value) -> [Resource] {
    value.exists ? dependsOn : dependsOn + path.sourcesOfAbsence
  }

  public var silence: String? { FileProbe.silence(path) }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    let own = facts.filter { !$0.followsLink }.map(\.path)
    let followed = facts.filter(\.followsLink).map(\.path)
    return ShellCommand(lines: [
      own.isEmpty
        ? ""
        : """
        ( set -- \(own)
        for _p do
        [ -e "$_p" ] || [ -L "$_p" ] || { \(splice: FileProbe.isSurelyAbsent) && printf '%s\\n' "- $_p"; }
        done
        exec stat -c '%f:%s:%u:%g:%U:%G:%n' -- "$@" 2>/dev/null )
        """,
      followed.isEmpty
        ? ""
        : """
        ( set -- \(followed)
        for _p do
        [ -e "$_p" ] || { { [ -L "$_p" ] || \(splice: FileProbe.isSurelyAbsent); } && printf '%s\\n' "-> $_p"; }
        done
        exec stat -L -c '>%f:%s:%u:%g:%U:%G:%n' -- "$@" 2>/dev/null )
        """,
    ])
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: FileStatus] {
    var values: [Self: FileStatus] = [:]
    for line in output.lines {
      if line.hasPrefix("- /") || line.hasPrefix("-> /") {
        let follows = line.hasPrefix("->")
        let fact = Self(RemotePath(String(line.dropFirst(follows ? 3 : 2))), followsLink: follows)
        values[fact] = values[fact] ?? .absent
        continue
      }
      let follows = line.hasPrefix(">")
      let fields = line.dropFirst(follows ? 1 : 0).split(
        separator: ":", maxSplits: 6, omittingEmptySubsequences: false)
      guard fields.count == 7, let bits = UInt32(fields[0], radix: 16), let size = Int(fields[1]),
        let uid = Int(fields[2]), let gid = Int(fields[3])
      else { throw FactError.malformed(kind, String(line.prefix(200))) }
      // stat writes UNKNOWN for a number without a name.
      values[Self(RemotePath(String(fields[6])), followsLink: follows)] = FileStatus(
        kind: FileStatus.Kind(type: bits & 0xf000), mode: FileMode(UInt16(bits & 0o7777)),
        owner: fields[4] == "UNKNOWN" ? String(uid) : String(fields[4]),
        group: fields[5] == "UNKNOWN" ? String(gid) : String(fields[5]),
        ownerID: uid, groupID: gid, size: size)
    }
    return values.filter { Set(facts).contains($0.key) }
  }
}

/// What was found at a path.
public struct FileStatus: Sendable, Hashable {
  /// What kind of thing it is.
  @frozen public enum Kind: String, Sendable {
    case file
    case directory
    case symbolicLink = "symbolic link"
    /// A device, a socket or a pipe.
    case other = "special file"
    case absent

    /// - Parameter type: The file type bits of `st_mode` (inode(7)).
    init(type: UInt32) {
      switch type {
      case 0x8000: self = .file
      case 0x4000: self = .directory
      case 0xa000: self = .symbolicLink
      default: self = .other
      }
    }
  }

  /// What kind of thing it is; `.absent` if there is nothing.
  public var kind: Kind
  /// The permission bits; zero if there is nothing.
  public var mode: FileMode
  /// The owner's name, or number where it has no name. Nil if there is nothing, or if this is the prediction
  /// of a file whose owner was left to the host.
  public var owner: String?
  /// The group's name, or number where it has no name; nil as for the owner.
  public var group: String?
  /// The owner's number; nil as for the owner.
  public var ownerID: Int?
  /// The group's number; nil as for the owner.
  public var groupID: Int?
  /// Bytes; of no meaning but for files.
  public var size: Int

  public init(
    kind: Kind, mode: FileMode, owner: String? = nil, group: String? = nil, ownerID: Int? = nil,
    groupID: Int? = nil, size: Int = 0
  ) {
    self.kind = kind
    self.mode = mode
    self.owner = owner
    self.group = group
    self.ownerID = ownerID
    self.groupID = groupID
    self.size = size
  }

  /// Nothing is there.
  public static let absent = FileStatus(kind: .absent, mode: 0)

  /// A regular file; for predictions and tests.
  public static func file(
    mode: FileMode = 0o644, owner: String? = nil, group: String? = nil, size: Int = 0
  ) -> FileStatus {
    FileStatus(kind: .file, mode: mode, owner: owner, group: group, size: size)
  }

  /// A folder; for predictions and tests.
  public static func directory(
    mode: FileMode = 0o755, owner: String? = nil, group: String? = nil
  ) -> FileStatus {
    FileStatus(kind: .directory, mode: mode, owner: owner, group: group)
  }

  /// Whether anything is there, if only a symbolic link that leads nowhere.
  public var exists: Bool { kind != .absent }

  /// Whether the owner is the one of that name or, written in digits, of that number.
  public func isOwned(by name: String) -> Bool {
    owner == name || (ownerID != nil && Int(name) == ownerID)
  }

  /// Whether the group is the one of that name or, written in digits, of that number.
  public func isInGroup(_ name: String) -> Bool {
    group == name || (groupID != nil && Int(name) == groupID)
  }
}
