public import MartletCore
public import MartletFacts

/// A user account.
///
///     User("shop", system: true, home: "/srv/shop", shell: "/usr/sbin/nologin")
///     User("anna", groups: ["sudo", "www-data"], shell: "/bin/bash", comment: "Anna Ek")
///
/// Only what is spoken of is compared with an account that is there, and only what differs is changed.
/// Passwords are left alone: a new account has none, and can't log in with one.
public struct User: HostTask {
  let name: String
  let uid: Int?
  let system: Bool
  let group: String?
  let groups: [String]
  let appendsGroups: Bool
  let home: RemotePath?
  let createHome: Bool
  let shell: RemotePath?
  let comment: String?

  /// - Parameters:
  ///   - name: The user's name.
  ///   - uid: The number; nil leaves it to the host.
  ///   - system: Whether a new account gets a number of the system's range and, unless said otherwise, no
  ///     home.
  ///   - group: The primary group, which must be there (``Group``); nil for one of the user's own name.
  ///   - groups: Other groups that the user is to be in; they must be there.
  ///   - appendGroups: Whether the user stays in other groups than these.
  ///   - home: The home folder; nil leaves it to the host. An existing folder isn't moved.
  ///   - createHome: Whether a new account's home folder is made; nil for all but system accounts.
  ///   - shell: The login shell.
  ///   - comment: The full name, or what the account is for.
  public init(
    _ name: String, uid: Int? = nil, system: Bool = false, group: String? = nil, groups: [String] = [],
    appendGroups: Bool = true, home: RemotePath? = nil, createHome: Bool? = nil, shell: RemotePath? = nil,
    comment: String? = nil
  ) {
    self.name = name
    self.uid = uid
    self.system = system
    self.group = group
    self.groups = groups
    appendsGroups = appendGroups
    self.home = home
    self.createHome = createHome ?? !system
    self.shell = shell
    self.comment = comment
  }

  public var label: String { "user \(name)" }

  public var observes: All<UserAccount, Each<GroupEntry>> {
    All(UserAccount(name), Each(([group ?? name] + groups).map(GroupEntry.init)))
  }

  public func validate() throws {
    try AccountName.checkNew(name, as: "user")
    try AccountName.check(id: uid, of: "user \(name)")
    for group in [group].compactMap({ $0 }) + groups { try AccountName.check(group, as: "group") }
    if Set(groups).count < groups.count { throw InvalidTask("a group of the user \(name) is named twice") }
    if let comment, comment.utf8.contains(where: { $0 < 0x20 || $0 == 0x3a || $0 == 0x7f }) {
      throw InvalidTask("the comment of the user \(name) has a colon or a control character in it")
    }
    for path in [home, shell].compactMap({ $0 }) where path.string.contains(":") {
      throw InvalidTask("the path \(path) of the user \(name) has a colon in it, which passwd(5) can't hold")
    }
    if name == "root", uid.map({ $0 != 0 }) ?? false { throw InvalidTask("the user root has the number 0") }
  }

  public func decide(given facts: (Account?, [GroupInfo?])) -> Decision {
    let (found, entries) = facts
    for (name, entry) in zip(groups, entries.dropFirst()) where entry == nil {
      return .failed("the group \(name) doesn't exist: make it first, with Group(\"\(name)\")")
    }
    let ownGroup = entries.first ?? nil
    if let group, ownGroup == nil {
      return .failed("the group \(group) doesn't exist: make it first, with Group(\"\(group)\")")
    }
    if let found { return adjust(found, ownGroup: ownGroup) }
    return create(ownGroupExists: ownGroup != nil)
  }

  private func create(ownGroupExists: Bool) -> Decision {
    let primary = group ?? (ownGroupExists ? name : nil)
    var add: ShellCommand = "useradd"
    var busybox: ShellCommand = "adduser -D"
    if system { (add, busybox) = (add + " -r", busybox + " -S") }
    if let uid { (add, busybox) = (add + " -u \(uid)", busybox + " -u \(uid)") }
    if let primary {
      (add, busybox) = (add + " -g \(primary)", busybox + " -G \(primary)")
    } else {
      // BusyBox gives a system account the group "nogroup" unless told otherwise.
      (add, busybox) = (
        add + " -U", "addgroup \(raw: system ? "-S" : "") \(name) && " + busybox + " -G \(name)"
      )
    }
    if !groups.isEmpty { add += " -G \(groups.joined(separator: ","))" }
    if let home { (add, busybox) = (add + " -d \(home)", busybox + " -h \(home)") }
    (add, busybox) = createHome ? (add + " -m", busybox) : (add + " -M", busybox + " -H")
    if let shell { (add, busybox) = (add + " -s \(shell)", busybox + " -s \(shell)") }
    if let comment { (add, busybox) = (add + " -c \(comment)", busybox + " -g \(comment)") }
    busybox += " \(name)"
    for group in groups { busybox += " && addgroup \(name) \(group)" }
    let action = Action.run(
      """
      if ! command -v useradd >/dev/null 2>&1; then \(splice: busybox)
      elif id -u \(name) >/dev/null 2>&1; then \(splice: adoption)
      else \(splice: add) -- \(name)
      fi
      """,
      summary: "add the user \(name)", changes: [.added("user \(name)")],
      touches: [.account(name)] + (createHome ? [.tree(home ?? "/home" / name)] : [])
    ).predicting(
      UserAccount(name),
      Account(
        uid: uid, gid: nil, group: primary ?? name, groups: groups.sorted(),
        home: (home ?? "/home" / name).string,
        shell: shell?.string ?? "", comment: comment ?? ""))
    return [action]
  }

  /// What is done if a package of the same run has brought the account since it was looked for: what the task speaks of
  /// is set, whatever it was.
  private var adoption: ShellCommand {
    var change: ShellCommand = ""
    if let uid { change += " -u \(uid)" }
    if let group { change += " -g \(group)" }
    if !groups.isEmpty || !appendsGroups {
      change += "\(raw: appendsGroups ? " -a" : "") -G \(groups.joined(separator: ","))"
    }
    if let home { change += " -d \(home)" }
    if let shell { change += " -s \(shell)" }
    if let comment { change += " -c \(comment)" }
    return change.text.isEmpty ? ":" : "usermod\(splice: change) -- \(name)"
  }

  private func adjust(_ found: Account, ownGroup: GroupInfo?) -> Decision {
    var command: ShellCommand = "usermod"
    var changes: [Change] = []
    var wanted = found
    func differs<V: Equatable>(_ what: String, _ old: V, _ new: V?) -> Bool {
      guard let new, let change = Change.attribute(what, from: old, to: new) else { return false }
      changes.append(change)
      return true
    }
    if let uid, found.uid.map({ $0 != uid }) ?? false, differs("uid", found.uid ?? 0, uid) {
      command += " -u \(uid)"
      wanted.uid = uid
    }
    if let group, String(found.gid ?? -1) != group, differs("group", found.group, group) {
      command += " -g \(group)"
      wanted.group = group
      wanted.gid = ownGroup?.gid
      // usermod keeps the new primary group in the list of the others if it was there.
    }
    let current = Set(found.groups)
    let others = Set(groups).subtracting([group ?? found.group])
    let target = appendsGroups ? current.union(others) : others
    if target != current {
      changes += target.subtracting(current).sorted().map { .added("group \($0)") }
      changes += current.subtracting(target).sorted().map { .removed("group \($0)") }
      command += " -G \(target.sorted().joined(separator: ","))"
      wanted.groups = target.sorted()
    }
    if let home, differs("home", found.home, home.string) {
      command += " -d \(home)"
      wanted.home = home.string
    }
    if let shell, differs("shell", found.shell, shell.string) {
      command += " -s \(shell)"
      wanted.shell = shell.string
    }
    if let comment, differs("comment", found.comment, comment) {
      command += " -c \(comment)"
      wanted.comment = comment
    }
    guard !changes.isEmpty else { return .unchanged }
    return [
      .run(
        """
        command -v usermod >/dev/null 2>&1 || { echo 'this host has no usermod: install the package shadow' >&2; exit 1; }
        \(splice: command) -- \(name)
        """, summary: "change the user \(name)", changes: changes, touches: [.account(name)]
      ).predicting(UserAccount(name), wanted)
    ]
  }
}
