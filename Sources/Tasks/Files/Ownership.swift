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
  ///
  /// - Parameters:
  ///   - kind: What is at the path. A file's owner can't be changed this way (``needsNewFile(over:)``).
  func correction(of path: RemotePath, as kind: AttributeChange.Kind, from found: FileStatus) -> Action? {
    let changes = changes(from: found)
    guard !changes.isEmpty else { return nil }
    // chown(2) may clear the set-user-ID and set-group-ID bits, so the mode is always set after it.
    let change = AttributeChange(
      path: path, kind: kind, currentOwner: found.ownerID.map(String.init) ?? found.owner,
      mode: mode ?? found.mode, owner: owner, group: group)
    return Action.setAttributes(change, changes: changes)
      .predicting(FileState(path), status(from: found))
  }

  /// Whether a file with these attributes has to be written anew: whoever has the old one open goes on writing to it,
  /// whoever owns it by then, and whatever it may do.
  func needsNewFile(over found: FileStatus) -> Bool {
    if let owner, !found.isOwned(by: owner) { return true }
    return mode.map { $0 != found.mode && $0.bits & 0o6000 != 0 } ?? false
  }

  /// The mode of something new where none is given: the usual one, but nothing for those who can't get into the folder
  /// that it is put in, and a secret for its owner only.
  static func newMode(_ usual: FileMode, in folder: FileStatus, isSecret: Bool = false) -> FileMode {
    var bits = usual.bits
    if folder.kind == .directory {
      if folder.mode.bits & 0o010 == 0 { bits &= ~0o070 }
      if folder.mode.bits & 0o001 == 0 { bits &= ~0o007 }
    }
    return FileMode(isSecret ? bits & ~0o077 : bits)
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
