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
  ///   - mode: The permission bits of files; those that are executable locally can be executed by all who can
  ///     read them.
  ///   - directoryMode: The permission bits of folders.
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
    _ source: String, to destination: RemotePath, mode: FileMode = 0o644, directoryMode: FileMode = 0o755,
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
    guard deletes, let owner = files.owner, case .folder(let found) = facts.0 else { return [] }
    let foreign = TreeDifference(self, found: found).foreign
    guard !foreign.isEmpty else { return [] }
    let shown =
      foreign.prefix(5).map(\.description).joined(separator: ", ") + (foreign.count > 5 ? ", …" : "")
    return [
      "\(foreign.count) entries of \(destination) are neither in the local folder nor \(owner)'s, and stay: \(shown)"
    ]
  }

  /// The attributes that an entry is to have; nil for links, which have none of their own.
  func attributes(of entry: LocalTree.Entry) -> Ownership {
    switch entry.kind {
    case .folder: return folders
    case .link: return Ownership(mode: nil, owner: files.owner, group: files.group)
    case .file(_, let isExecutable):
      guard isExecutable, let mode = files.mode else { return files }
      var attributes = files
      attributes.mode = FileMode(mode.bits | ((mode.bits & 0o444) >> 2))
      return attributes
    }
  }
}
