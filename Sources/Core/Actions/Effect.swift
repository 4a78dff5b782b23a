/// A file to be written in one piece.
package struct FileWrite: Sendable {
  package var contents: Contents
  package var path: RemotePath
  package var mode: FileMode
  package var owner: String?
  package var group: String?
  package var validate: ShellCommand?
  /// What may be there now, as SHA-256 sums, `-` for nothing; anything if empty.
  package var replaceable: [String] = []
  /// Names of variables, each of which gets a line `NAME=VALUE` at the end: the one of the file that is there now, or a
  /// new one of 50 random letters and digits.
  package var generated: [String] = []

  package init(
    contents: Contents, path: RemotePath, mode: FileMode, owner: String? = nil, group: String? = nil,
    validate: ShellCommand? = nil, replaceable: [String] = [], generated: [String] = []
  ) {
    self.contents = contents
    self.path = path
    self.mode = mode
    self.owner = owner
    self.group = group
    self.validate = validate
    self.replaceable = replaceable
    self.generated = generated
  }
}

/// A folder to be made, with those above it.
package struct FolderMaking: Sendable {
  package var path: RemotePath
  /// The mode that it gets; nil for ``defaultMode``, to which a set-group-ID bit of the folder above may come.
  package var mode: FileMode?
  package var owner: String?
  package var group: String?
  package var defaultMode: FileMode

  package init(
    path: RemotePath, mode: FileMode? = nil, owner: String? = nil, group: String? = nil,
    defaultMode: FileMode = 0o755
  ) {
    self.path = path
    self.mode = mode
    self.owner = owner
    self.group = group
    self.defaultMode = defaultMode
  }
}

/// New attributes for what is there.
package struct AttributeChange: Sendable {
  package enum Kind: Sendable {
    /// A regular file. Its owner stays: whoever has it open can go on writing to it.
    case file
    case folder
    /// A folder, or a symbolic link of the run's user's or root's to one.
    case linkedFolder
  }

  package var path: RemotePath
  package var kind: Kind
  /// Whose it is now, by name or number; nil for the user of the run.
  package var currentOwner: String?
  package var mode: FileMode?
  package var owner: String?
  package var group: String?

  package init(
    path: RemotePath, kind: Kind, currentOwner: String? = nil, mode: FileMode? = nil, owner: String? = nil,
    group: String? = nil
  ) {
    self.path = path
    self.kind = kind
    self.currentOwner = currentOwner
    self.mode = mode
    self.owner = owner
    self.group = group
  }
}

extension Action {
  /// Writes a file: whole, under another name first, renamed when its owner and mode are final.
  ///
  ///     .write(contents, to: "/etc/shop.conf", mode: 0o644)
  ///
  /// Nothing of it is done where another user could lead it astray: no link of somebody else's is followed, and in a
  /// folder that others can write to, everything happens in a folder of its own in there. It fails if that can't be.
  ///
  /// - Parameters:
  ///   - contents: What the file is to hold.
  ///   - path: The file. Its folder must be there.
  ///   - mode: The permission bits it appears with.
  ///   - owner: A user's name; nil for the one whom the play runs as.
  ///   - group: A group's name; nil for the owner's own.
  ///   - validate: A command that must succeed before the file is renamed; it finds the new file's path in `$1`.
  ///   - changes: What will be different.
  public static func write(
    _ contents: Contents, to path: RemotePath, mode: FileMode, owner: String? = nil, group: String? = nil,
    validate: ShellCommand? = nil, changes: [Change] = []
  ) -> Action {
    write(
      FileWrite(contents: contents, path: path, mode: mode, owner: owner, group: group, validate: validate),
      changes: changes)
  }

  package static func write(_ write: FileWrite, changes: [Change]) -> Action {
    Action(
      effect: .write(write), summary: "write \(write.path)", changes: changes, touches: [.path(write.path)])
  }

  /// Makes a folder, and those above it that are missing, which get the mode 0755.
  ///
  ///     .makeFolder("/srv/shop/media", mode: 0o750, owner: "shop")
  ///
  /// It appears with its final owner and mode.
  ///
  /// - Parameters:
  ///   - path: The folder.
  ///   - mode: The permission bits; nil for 0755, and the set-group-ID bit where the folder above has it.
  ///   - owner: A user's name; nil for the one whom the play runs as.
  ///   - group: A group's name; nil for the owner's own.
  ///   - changes: What will be different.
  public static func makeFolder(
    _ path: RemotePath, mode: FileMode? = nil, owner: String? = nil, group: String? = nil,
    changes: [Change] = []
  ) -> Action {
    makeFolder(
      FolderMaking(path: path, mode: mode, owner: owner, group: group, defaultMode: 0o755),
      changes: changes)
  }

  package static func makeFolder(_ making: FolderMaking, changes: [Change]) -> Action {
    Action(
      effect: .makeFolder(making), summary: "make the folder \(making.path)", changes: changes,
      touches: [.path(making.path)])
  }

  /// Sets the attributes of what is there.
  package static func setAttributes(_ change: AttributeChange, changes: [Change]) -> Action {
    Action(
      effect: .setAttributes(change), summary: "set the attributes of \(change.path)", changes: changes,
      touches: [.path(change.path)])
  }

  /// Makes a symbolic link, in place of a file or link of that name if there is one, in one step.
  ///
  ///     .link("/srv/shop/current", to: "releases/42")
  ///
  /// - Parameters:
  ///   - path: The link. Its folder must be there.
  ///   - target: Where it leads to, as it is to be written in the link.
  ///   - changes: What will be different.
  public static func link(_ path: RemotePath, to target: String, changes: [Change] = []) -> Action {
    Action(
      effect: .link(path, target: target), summary: "link \(path) to \(target)", changes: changes,
      touches: [.path(path), .tree(path)])
  }

  /// Removes a file, a link, or a folder with all that is in it. Of a symbolic link only the link goes.
  ///
  ///     .remove("/etc/nginx/sites-enabled/default")
  ///
  /// - Parameters:
  ///   - path: What is to be gone.
  ///   - changes: What will be different.
  public static func remove(_ path: RemotePath, changes: [Change] = []) -> Action {
    Action(effect: .remove(path), summary: "remove \(path)", changes: changes, touches: [.tree(path)])
  }
}
