import MartletCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A folder of the machine that runs the playbook: what is in it, less what is left out, with sums.
///
/// In a git work tree it holds what git would deploy: files that git has, and those that no rule keeps from it. Elsewhere
/// `.gitignore` files are read here.
///
/// A folder that can't be read doesn't stop the playbook's body: the planner finds the problem. Files are
/// hashed once, as long as they don't change, however many hosts they go to.
struct LocalTree: Sendable, Checked {
  /// One entry of the folder.
  struct Entry: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
      case file(sha256: String, isExecutable: Bool)
      case folder
      case link(target: BytePath)
    }
    var kind: Kind
    /// When it was changed, in seconds since 1970.
    var modified = 0
  }

  /// The folder: absolute, or relative to the playbook's (``PlaybookFolder``).
  let root: String
  /// The entries by their paths below the folder.
  private(set) var entries: [BytePath: Entry] = [:]
  private(set) var problem: String?
  /// What the user should know of what is not sent.
  private(set) var notices: [String] = []

  /// What the playbook says: patterns of what is left out, and negated ones of what is sent whatever else is said.
  private let own: IgnoreRules
  /// git's rules, and those of repositories inside, by their folders.
  private var scopes: [(folder: BytePath, rules: IgnoreRules)] = []
  /// What those rules leave out of the local folder.
  private var ignored: [BytePath: Bool] = [:]
  private var secrets: [BytePath] = []
  private let readsGitignore: Bool

  /// - Parameters:
  ///   - root: The folder.
  ///   - excludes: Patterns of what is left out, as in gitignore(5), relative to the folder.
  ///   - includes: Patterns of what is sent though git's rules leave it out, or though it holds secrets.
  ///   - readsGitignore: Whether git's rules are obeyed too.
  init(_ root: String, excludes: [String], includes: [String] = [], readsGitignore: Bool) {
    self.root = root
    self.readsGitignore = readsGitignore
    own = IgnoreRules(excludes + includes.map { "!" + $0 })
    do {
      try read()
      if own.hasNegation { try takeNamed("") }
    } catch {
      problem = "\(error)"
      entries = [:]
    }
    makeNotices()
  }

  private func local(_ path: BytePath) -> BytePath { BytePath(PlaybookFolder.absolute(root)) / path }

  private mutating func read() throws {
    var rules = IgnoreRules()
    if readsGitignore, let folder = LocalFiles.resolved(local("")), let tree = try GitWorkTree.ask(folder),
      !tree.isFolderIgnored
    {
      if tree.complaint == nil { return try take(tree, at: "") }
      note(tree)
      rules = tree.rules
    }
    try walk("", rules: &rules, scope: "")
    scopes.append(("", rules))
  }

  private mutating func take(_ tree: GitWorkTree, at folder: BytePath) throws {
    scopes.append((folder, tree.rules))
    for (path, isFolder) in tree.ignored { ignored[folder / path] = isFolder }
    for path in tree.files.sorted() {
      let path = folder / path
      // What git has may have been deleted here.
      guard let status = try LocalFiles.status(local(path)) else { continue }
      guard status.isFolder else {
        try add(path, status)
        continue
      }
      // A repository of its own. A folder in the place of a file that git had has none.
      guard own.nearestVerdict(on: path, isFolder: true) != true,
        let place = LocalFiles.resolved(local(path)),
        try LocalFiles.status(place / ".git") != nil, let inner = try GitWorkTree.ask(place)
      else { continue }
      if inner.complaint == nil {
        try take(inner, at: path)
      } else {
        note(inner)
        var rules = inner.rules
        try walk(path, rules: &rules, scope: path)
        scopes.append((path, rules))
      }
    }
  }

  /// Takes in what lies in a folder, where git can't be asked.
  ///
  /// - Parameter scope: The folder that rules see paths from.
  private mutating func walk(_ folder: BytePath, rules: inout IgnoreRules, scope: BytePath) throws {
    let names = try LocalFiles.names(in: local(folder))
    let inScope = { (path: BytePath) in
      scope.isEmpty ? path : BytePath(path.bytes.dropFirst(scope.bytes.count + 1))
    }
    if readsGitignore, names.contains(".gitignore"),
      try LocalFiles.status(local(folder / ".gitignore"))?.isFile == true
    {
      rules.add(
        file: try LocalFiles.contents(local(folder / ".gitignore")),
        base: rules.prefix / (folder == scope ? "" : inScope(folder)))
    }
    for name in names where name != ".git" {
      let path = folder / name
      guard let status = try LocalFiles.status(local(path)) else { continue }
      let verdict = own.nearestVerdict(on: path, isFolder: status.isFolder)
      if verdict == true { continue }
      if verdict == nil, rules.excludes(inScope(path), isFolder: status.isFolder) {
        ignored[path] = status.isFolder
        continue
      }
      guard status.isFolder else {
        try add(path, status)
        continue
      }
      try check(path)
      entries[path] = Entry(kind: .folder)
      try walk(path, rules: &rules, scope: scope)
    }
  }

  /// Takes in what the playbook names, from folders that are left out too.
  private mutating func takeNamed(_ folder: BytePath) throws {
    for name in try LocalFiles.names(in: local(folder)) where name != ".git" {
      let path = folder / name
      guard entries[path] == nil || entries[path]?.kind == .folder,
        let status = try LocalFiles.status(local(path))
      else { continue }
      if status.isFolder {
        try takeNamed(path)
      } else if own.nearestVerdict(on: path, isFolder: false) == false {
        try add(path, status)
      }
    }
  }

  /// Takes in a file or a link, with the folders that it is in.
  private mutating func add(_ path: BytePath, _ status: stat) throws {
    let verdict = own.nearestVerdict(on: path, isFolder: false)
    if verdict == true { return }
    let missing = path.ancestors.filter { entries[$0] == nil }
    // git may have a file below what is a link today.
    for folder in missing where try LocalFiles.status(local(folder))?.isFolder != true { return }
    var isSecret = SecretFiles.isSecret(name: path.name)
    let entry: Entry
    if status.isFile {
      if isSecret, verdict == nil {
        secrets.append(path)
        return
      }
      let digest = try Self.digests.digest(of: local(path), name: path.name, status)
      isSecret = isSecret || digest.isPrivateKey
      entry = Entry(
        kind: .file(sha256: digest.sha256, isExecutable: status.st_mode & 0o100 != 0),
        modified: status.modifiedNanoseconds / 1_000_000_000)
    } else if status.isLink {
      entry = Entry(kind: .link(target: try LocalFiles.link(local(path))))
    } else {
      throw InvalidTask(
        "the local \(local(path)) is a device, socket or pipe, which can't be sent: leave it out")
    }
    if isSecret, verdict == nil {
      secrets.append(path)
      return
    }
    try check(path)
    for folder in missing { entries[folder] = Entry(kind: .folder) }
    entries[path] = entry
  }

  private func check(_ path: BytePath) throws {
    guard path.hasControlCharacter else { return }
    throw InvalidTask(
      "the name of the local file \(local(path).description.debugDescription) has a control character in it")
  }

  /// Whether something of the host that the local folder doesn't have is none of the upload's business.
  func leavesOut(_ path: BytePath, isFolder: Bool) -> Bool {
    if let verdict = own.nearestVerdict(on: path, isFolder: isFolder) { return verdict }
    // The stages of other programs (the engine's SafeWrites) are none of ours either.
    let isStage = { (name: BytePath) in name.bytes.count == 15 && name.bytes.starts(with: ".martlet.".utf8) }
    if path.components.contains(where: { $0 == ".git" || isStage($0) }) { return true }
    if SecretFiles.isSecret(name: path.name) { return true }
    if ignored[path] != nil || path.ancestors.contains(where: { ignored[$0] == true }) { return true }
    let scope = scopes.filter { $0.folder.isEmpty || path.isBelow($0.folder) }
      .max { $0.folder.bytes.count < $1.folder.bytes.count }
    guard let scope else { return false }
    let below = scope.folder.isEmpty ? path : BytePath(path.bytes.dropFirst(scope.folder.bytes.count + 1))
    return scope.rules.excludesPath(below, isFolder: isFolder)
  }

  /// Names that are left out at every depth, and that no entry has, for find(1) not to look into.
  var prunableNames: [String] {
    let names = Set(entries.keys.flatMap(\.components))
    let rules = own.prunableNames(except: names) + (scopes.first?.rules.prunableNames(except: names) ?? [])
    return [".git", ".martlet.??????"] + rules
  }

  /// Reads a file again to send it.
  ///
  /// - Throws: ``InvalidTask`` if it is no longer what was hashed.
  func contents(of path: BytePath) throws -> [UInt8] {
    let bytes = try LocalFiles.contents(local(path))
    if case .file(let sum, _)? = entries[path]?.kind, SHA256.hex(bytes) != sum {
      throw InvalidTask("the local file \(local(path)) has changed while the playbook ran: run again")
    }
    return bytes
  }

  private static let digests = Digests()

  /// The sums of local files, each valid as long as the file's identity, size and times are the same.
  private final class Digests: Sendable {
    struct Digest: Sendable {
      var sha256: String
      var isPrivateKey: Bool
    }
    private let known = Mutex<[FileStamp: Digest]>([:])

    func digest(of path: BytePath, name: BytePath, _ status: stat) throws -> Digest {
      if let digest = known.withLock({ $0[status.stamp] }) { return digest }
      let bytes = try LocalFiles.contents(path)
      let digest = Digest(
        sha256: SHA256.hex(bytes), isPrivateKey: SecretFiles.isPrivateKey(bytes, name: name))
      known.withLock { $0[status.stamp] = digest }
      return digest
    }
  }
}

extension LocalTree: CustomReflectable {
  /// Nothing: the planner looks for wrong values and secrets in all that a task holds, and here are thousands of names.
  var customMirror: Mirror { Mirror(self, children: []) }
}

extension LocalTree {
  private mutating func note(_ tree: GitWorkTree) {
    guard let complaint = tree.complaint else { return }
    notices.append(
      "it lies in a git work tree, but \(complaint). So .gitignore files are obeyed here, and what git has in spite of "
        + "them is not sent: name it, as in includes: [\"build/app.js\"]")
  }

  private mutating func makeNotices() {
    guard problem == nil else { return }
    if !secrets.isEmpty {
      notices.append(
        "not sent, as they hold secrets that others on the host might read: \(Self.list(secrets.sorted().map { "\($0)" })). "
          + "Write secrets with EnvironmentFile or File(mode: 0o600); or name the file, as in "
          + "includes: [\"\(secrets.min() ?? "")\"]")
    }
    let left = ignored.filter { own.nearestVerdict(on: $0.key, isFolder: $0.value) == nil }
    let names = Dictionary(grouping: left) { "\($0.key.name)" + ($0.value ? "/" : "") }
    guard let first = left.keys.min() else { return }
    let shown = names.sorted { $0.key < $1.key }.map {
      $0.value.count == 1 ? $0.key : "\($0.key) (\($0.value.count) of them)"
    }
    notices.append(
      "not sent, as .gitignore or another of git's rules says so: \(Self.list(shown)). "
        + "What the host needs of it, name, as in includes: [\"\(first)\"]")
  }

  private static func list(_ items: [String]) -> String {
    items.prefix(8).joined(separator: ", ") + (items.count > 8 ? " and \(items.count - 8) more" : "")
  }
}
