public import MartletCore

/// A user account; nil if there is none of that name.
///
///     var observes: UserAccount { UserAccount("shop") }
///     func decide(given account: Account?) -> Decision { account == nil ? … : .unchanged }
public struct UserAccount: ProbedFact, CustomStringConvertible {
  public typealias Value = Account?

  /// The user's name.
  public let name: String

  public init(_ name: String) { self.name = name }

  public static let kind = "user account"

  public var description: String { name }

  public var dependsOn: [Resource] { [.account(name)] }

  /// `getent` where there is one, as accounts may come from a directory; else the files of passwd(5) and
  /// group(5).
  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    let names = facts.map(\.name)
    return """
      if command -v getent >/dev/null 2>&1; then
      getent passwd \(names); echo '= group'; getent group
      else
      cat /etc/passwd; echo '= group'; cat /etc/group
      fi
      echo '= end'
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Account?] {
    let parts = output.lines.split(omittingEmptySubsequences: false) { $0 == "= group" || $0 == "= end" }
    guard parts.count == 3 else { throw FactError.malformed(kind, String(output.text.prefix(200))) }
    let groups = parts[1].compactMap { GroupInfo(line: $0) }
    var values: [Self: Account?] = [:]
    for fact in facts { values.updateValue(nil, forKey: fact) }
    for line in parts[0] {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count >= 7, let uid = Int(fields[2]), let gid = Int(fields[3]) else { continue }
      let name = String(fields[0])
      guard values.keys.contains(Self(name)) else { continue }
      values[Self(name)] = Account(
        uid: uid, gid: gid, group: groups.first { $0.gid == gid }?.name ?? String(gid),
        groups: groups.filter { $0.gid != gid && $0.members.contains(name) }.map(\.name).sorted(),
        home: String(fields[5]), shell: String(fields[6]), comment: String(fields[4]))
    }
    return values
  }
}

/// A group; nil if there is none of that name.
///
///     var observes: GroupEntry { GroupEntry("www-data") }
public struct GroupEntry: ProbedFact, CustomStringConvertible {
  public typealias Value = GroupInfo?

  /// The group's name.
  public let name: String

  public init(_ name: String) { self.name = name }

  public static let kind = "group"

  public var description: String { name }

  public var dependsOn: [Resource] { [.account(name)] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    return """
      if command -v getent >/dev/null 2>&1; then getent group \(facts.map(\.name)); else cat /etc/group; fi
      echo '= end'
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: GroupInfo?] {
    guard output.lines.last == "= end" else {
      throw FactError.malformed(kind, String(output.text.prefix(200)))
    }
    var values: [Self: GroupInfo?] = [:]
    for fact in facts { values.updateValue(nil, forKey: fact) }
    for group in output.lines.compactMap({ GroupInfo(line: $0) }) {
      if values.keys.contains(Self(group.name)) { values[Self(group.name)] = group }
    }
    return values
  }
}

/// A user account, as passwd(5) has it.
public struct Account: Sendable, Hashable {
  /// The number; nil only in predictions of accounts whose number the host chooses.
  public var uid: Int?
  /// The number of the primary group; nil as for the number.
  public var gid: Int?
  /// The name of the primary group, or its number where it has no name.
  public var group: String
  /// The names of the other groups, sorted.
  public var groups: [String]
  public var home: String
  public var shell: String
  /// The comment field: the full name, as a rule.
  public var comment: String

  public init(
    uid: Int?, gid: Int?, group: String, groups: [String] = [], home: String, shell: String,
    comment: String = ""
  ) {
    self.uid = uid
    self.gid = gid
    self.group = group
    self.groups = groups
    self.home = home
    self.shell = shell
    self.comment = comment
  }
}

/// A group, as group(5) has it.
public struct GroupInfo: Sendable, Hashable {
  public var name: String
  /// The number; nil only in predictions of groups whose number the host chooses.
  public var gid: Int?
  /// The names of those who have it as one of their other groups.
  public var members: [String]

  public init(name: String, gid: Int?, members: [String] = []) {
    self.name = name
    self.gid = gid
    self.members = members
  }

  init?(line: Substring) {
    let fields = line.split(separator: ":", omittingEmptySubsequences: false)
    guard fields.count >= 4, let gid = Int(fields[2]) else { return nil }
    self.init(name: String(fields[0]), gid: gid, members: fields[3].split(separator: ",").map(String.init))
  }
}
