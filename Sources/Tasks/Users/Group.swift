public import MartletCore
public import MartletFacts

/// A group of users.
///
///     Group("deploy")
///     Group("media", gid: 2000)
public struct Group: HostTask {
  let name: String
  let gid: Int?
  let system: Bool

  /// - Parameters:
  ///   - name: The group's name.
  ///   - gid: Its number; nil leaves it to the host.
  ///   - system: Whether a new group gets a number of the system's range.
  public init(_ name: String, gid: Int? = nil, system: Bool = false) {
    self.name = name
    self.gid = gid
    self.system = system
  }

  public var label: String { "group \(name)" }

  public var observes: GroupEntry { GroupEntry(name) }

  public func validate() throws {
    try AccountName.checkNew(name, as: "group")
    try AccountName.check(id: gid, of: "group \(name)")
  }

  public func decide(given found: GroupInfo?) -> Decision {
    if let found {
      guard let gid, gid != found.gid else { return .unchanged }
      let old = found.gid.map(String.init) ?? "unknown"
      return [
        .run(
          "groupmod -g \(gid) -- \(name)", summary: "give the group \(name) the number \(gid)",
          changes: [.modified("gid \(old) → \(gid)")], touches: [.account(name)]
        ).predicting(GroupEntry(name), GroupInfo(name: name, gid: gid, members: found.members))
      ]
    }
    let number: ShellCommand = gid.map { "-g \($0)" } ?? ""
    // A package of the same run may have brought the group since it was looked for.
    let adoption: ShellCommand = gid == nil ? ":" : "groupmod \(splice: number) -- \(name)"
    return [
      .run(
        """
        if ! command -v groupadd >/dev/null 2>&1; then addgroup \(raw: system ? "-S" : "") \(splice: number) \(name)
        elif getent group \(name) >/dev/null 2>&1; then \(splice: adoption)
        else groupadd \(raw: system ? "-r" : "") \(splice: number) -- \(name); fi
        """, summary: "add the group \(name)", changes: [.added("group \(name)")], touches: [.account(name)]
      ).predicting(GroupEntry(name), GroupInfo(name: name, gid: gid))
    ]
  }
}

extension AccountName {
  /// The rules for a name that is to be given to a new account: those of useradd(8) on Debian.
  static func checkNew(_ name: String, as what: String) throws {
    try check(name, as: what)
    if name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      throw InvalidTask("the name \"\(name)\" of a \(what) has only digits, as a number has")
    }
    let isAllowed = { (byte: UInt8) in
      (0x61...0x7a).contains(byte) || (0x41...0x5a).contains(byte) || (0x30...0x39).contains(byte)
        || [0x2d, 0x2e, 0x5f, 0x24].contains(byte)
    }
    if !name.utf8.allSatisfy(isAllowed) || name == "." || name == ".." {
      throw InvalidTask(
        "the name \(name.debugDescription) of a \(what) may have letters, digits, - . and _ only")
    }
  }

  /// - Throws: ``InvalidTask`` for a number that no account can have; 4294967295 stands for "none" in
  ///   chown(2).
  static func check(id: Int?, of what: String) throws {
    if let id, !(0..<4_294_967_295).contains(id) {
      throw InvalidTask("\(id) can't be the number of the \(what)")
    }
  }
}
