import MartletCore
import MartletFacts

/// The mode, owner and group that a task wants for a path; nil for what it leaves alone.
struct Ownership: Sendable {
  var mode: FileMode?
  var owner: String?
  var group: String?

  /// How the wanted attributes differ from those found.
  func changes(from found: FileStatus) -> [Change] {
    var changes: [Change] = []
    if let mode, let change = Change.attribute("mode", from: found.mode, to: mode) { changes.append(change) }
    if let owner, !found.isOwned(by: owner) {
      changes.append(.modified("owner \(found.owner ?? "unknown") → \(owner)"))
    }
    if let group, !found.isInGroup(group) {
      changes.append(.modified("group \(found.group ?? "unknown") → \(group)"))
    }
    return changes
  }

  /// The action that sets them; nil where they are right.
  func correction(of path: RemotePath, from found: FileStatus) -> Action? {
    let changes = changes(from: found)
    guard !changes.isEmpty else { return nil }
    var wanted = self
    // chown(2) may clear the set-user-ID and set-group-ID bits, so the mode is always set after it.
    wanted.mode = mode ?? found.mode
    return Action.run(
      wanted.command(for: path), summary: "set the attributes of \(path)", changes: changes,
      touches: [.path(path)]
    ).predicting(FileState(path), status(from: found))
  }

  /// Sets what is wanted, the mode last.
  ///
  /// The mode has five digits: from four, GNU chmod(1) leaves the set-group-ID bit of a folder as it is.
  func command(for path: RemotePath) -> ShellCommand {
    var commands: [ShellCommand] = []
    switch (owner, group) {
    case (let owner?, let group?): commands.append("chown -h -- \(owner + ":" + group) \(path)")
    case (let owner?, nil): commands.append("chown -h -- \(owner) \(path)")
    case (nil, let group?): commands.append("chgrp -h -- \(group) \(path)")
    case (nil, nil): break
    }
    if let mode { commands.append("chmod 0\(mode) -- \(path)") }
    return commands.dropFirst().reduce(commands.first ?? ":") { "\(splice: $0) && \(splice: $1)" }
  }

  /// What will be found once the attributes are set.
  func status(from found: FileStatus) -> FileStatus {
    var status = found
    status.mode = mode ?? found.mode
    if let owner, !found.isOwned(by: owner) {
      status.owner = owner
      status.ownerID = Int(owner)
    }
    if let group, !found.isInGroup(group) {
      status.group = group
      status.groupID = Int(group)
    }
    return status
  }

  /// Refuses names that no account can have.
  func validate() throws {
    if let owner { try AccountName.check(owner, as: "owner") }
    if let group { try AccountName.check(group, as: "group") }
  }
}

/// The rules for names of users and groups (useradd(8), "CAVEATS"), as far as all systems share them.
enum AccountName {
  /// - Throws: ``InvalidTask`` that says what is wrong with the name.
  static func check(_ name: String, as what: String) throws {
    if name.isEmpty { throw InvalidTask("the \(what) is empty: write a name, or leave it out") }
    if name.hasPrefix("-") { throw InvalidTask("the \(what) \"\(name)\" begins with a hyphen") }
    let isForbidden = { (byte: UInt8) in
      byte <= 0x20 || byte == 0x7f || byte == 0x3a || byte == 0x2c || byte == 0x2f
    }
    if name.utf8.contains(where: isForbidden) {
      throw InvalidTask(
        "the \(what) \(name.debugDescription) has a blank, a colon, a comma, a slash or a control character in it"
      )
    }
    if name.utf8.count > 32 { throw InvalidTask("the \(what) \"\(name)\" is longer than 32 characters") }
  }
}
