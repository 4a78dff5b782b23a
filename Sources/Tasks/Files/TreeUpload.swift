public import MartletCore
public import MartletFacts

/// A folder with everything in it, as it is on the machine that runs the playbook.
///
///     TreeUpload("app", to: "/srv/shop/app", owner: "shop", excludes: ["tests/", "*.md"], deleteExtraneous: true)
///
/// The host is asked for the sums of its files, and gets only those that differ, in one stream. They are
/// unpacked beside the folder and renamed into place, so that no file is ever half there.
///
/// In a git work tree what is sent is what git would deploy: files that git has, and untracked ones that no rule keeps
/// from it (`.gitignore` of all folders up to the one with `.git`, `.git/info/exclude`, the user's
/// `core.excludesFile`). Elsewhere the `.gitignore` files of the folder decide. `.env` files and private keys are only sent
/// if `includes` names them. What is left out is said once a run, and stays on the host where it is there.
public struct TreeUpload: HostTask {
  let destination: RemotePath
  let tree: LocalTree
  let files: Ownership
  let folders: Ownership
  let deletes: Bool

  /// - Parameters:
  ///   - source: The local folder: absolute, or relative to the folder that the playbook is run in.
  ///   - destination: The folder on the host. The folder above it must be there.
  ///   - mode: The permission bits of files; nil leaves those of existing files alone, and gives 0644 to new ones. Those that
  ///     are executable locally can be executed by all who can read them.
  ///   - directoryMode: The permission bits of folders; nil likewise, with 0755.
  ///   - owner: The owner of all; nil leaves those of existing files alone, new ones belong to the play's
  ///     user.
  ///   - group: The group of all; nil likewise.
  ///   - excludes: What is left out, with the rules of gitignore(5), relative to the folder; `.git` always
  ///     is.
  ///   - includes: What is sent though git's rules or `excludes` leave it out, or though it holds secrets; patterns of
  ///     the same kind.
  ///   - gitignore: Whether git's rules are obeyed. A folder that git leaves out as a whole, as what a build has made,
  ///     is sent with all that is in it.
  ///   - deleteExtraneous: Whether files of the host that are not in the local folder are deleted. What is
  ///     left out stays, and so does what isn't the `owner`'s, where one is given: no upload has put it there.
  public init(
    _ source: String, to destination: RemotePath, mode: FileMode? = nil, directoryMode: FileMode? = nil,
    owner: String? = nil, group: String? = nil, excludes: [String] = [], includes: [String] = [],
    gitignore: Bool = true, deleteExtraneous: Bool = false
  ) {
    self.destination = destination
    tree = LocalTree(source, excludes: excludes, includes: includes, readsGitignore: gitignore)
    files = Ownership(mode: mode, owner: owner, group: group)
    folders = Ownership(mode: directoryMode, owner: owner, group: group)
    deletes = deleteExtraneous
  }

  public var label: String { "folder \(tree.root) to \(destination)" }

  public var observes: All<TreeManifest, FileState> {
    // Without deletions there is no need to read through what the host has besides.
    let tops = Set(tree.entries.keys.compactMap(\.components.first))
    return All(
      TreeManifest(destination, entries: deletes ? nil : tops.sorted(), pruning: tree.prunableNames),
      FileState(destination.parent))
  }

  public var notices: [String] { tree.notices }

  public func validate() throws {
    try files.validate()
    guard destination.problem == nil else { return }
    if destination.string.split(separator: "/").count < 2 {
      throw InvalidTask("\(destination) is a top folder of the host: upload into a folder below it")
    }
    if tree.problem == nil, tree.entries.isEmpty {
      let why = tree.notices.first.map { ": \($0)" } ?? ""
      throw InvalidTask("the local folder \(tree.root) has nothing in it to be sent\(why)")
    }
  }

  public func decide(given facts: (TreeListing, FileStatus)) throws -> Decision {
    let (listing, parent) = facts
    switch listing {
    case .notAFolder:
      return .failed("\(destination) is a file or a link, where a folder is wanted: remove it first")
    case .absent:
      guard parent.exists else {
        return .failed(
          "the folder \(destination.parent) doesn't exist: make it first, with Directory(\"\(destination.parent)\")"
        )
      }
      return try Decision(TreeDifference(self, found: nil).actions())
    case .folder(let found):
      let difference = TreeDifference(self, found: found)
      if let path = difference.blockedPath {
        if deletes, let owner = files.owner {
          return .failed(
            "\(destination)/\(path) isn't \(owner)'s, and lies where a file is to be: no upload has put it there, so "
              + "none deletes it. Move it away, or remove it by hand")
        }
        return .failed(
          "\(destination)/\(path) is a folder, where a file is to be: remove it, or say deleteExtraneous: true"
        )
      }
      return try Decision(difference.actions())
    }
  }

  public func warnings(given facts: (TreeListing, FileStatus)) -> [String] {
    guard deletes, case .folder(let found) = facts.0 else { return [] }
    let difference = TreeDifference(self, found: found)
    func shown(_ paths: [BytePath]) -> String {
      paths.prefix(5).map(\.description).joined(separator: ", ") + (paths.count > 5 ? ", …" : "")
    }
    var warnings: [String] = []
    if let owner = files.owner, !difference.foreign.isEmpty {
      warnings.append(
        "\(difference.foreign.count) entries of \(destination) are neither in the local folder nor \(owner)'s, and stay: "
          + shown(difference.foreign))
    }
    if !difference.unlisted.isEmpty {
      warnings.append(
        "\(difference.unlisted.count) folders of \(destination) are not in the local folder, and stay, as names in them "
          + "have line breaks: " + shown(difference.unlisted))
    }
    return warnings
  }

  /// The mode that an entry is to have: as the playbook says; else what is there keeps its own, and what is new gets the
  /// usual one, but nothing for those who can't get into the folder that it is put in. What can be executed locally can be
  /// executed by all who can read it.
  ///
  /// - Parameters:
  ///   - found: What is there.
  ///   - folder: The folder that it is in, or is going to be in.
  func mode(of entry: LocalTree.Entry, over found: FileStatus?, in folder: FileStatus) -> FileMode {
    switch entry.kind {
    case .link: return 0o777
    case .folder:
      if let mode = folders.mode { return mode }
      if let found, found.kind == .directory { return found.mode }
      return Ownership.newMode(0o755, in: folder)
    case .file(_, let isExecutable):
      let old = found.flatMap { $0.kind == .file ? $0.mode : nil }
      let mode = files.mode ?? old ?? Ownership.newMode(0o644, in: folder)
      return isExecutable ? FileMode(mode.bits | ((mode.bits & 0o444) >> 2)) : mode
    }
  }
}
