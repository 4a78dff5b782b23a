import MartletCore
import Synchronization

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What git says of a folder in one of its work trees: which files it has or would take, and by which rules.
struct GitWorkTree: Sendable {
  /// Files that git has, or that no rule keeps from it, below the folder. A folder among them is another repository.
  var files: Set<BytePath> = []
  /// What git's rules leave out; a folder stands for all that is in it.
  var ignored: [(path: BytePath, isFolder: Bool)] = []
  /// The rules of all files that speak of the folder, for paths below it.
  var rules = IgnoreRules()
  /// Why git couldn't be asked, so that only the rules' files are known.
  var complaint: String?
  /// Whether git has, or would take, nothing of the folder because it is left out as a whole.
  var isFolderIgnored = false

  /// The folder that holds `.git`, if there is one here or above.
  static func top(of folder: BytePath) throws -> BytePath? {
    for place in [folder] + folder.ancestors.reversed() where try LocalFiles.status(place / ".git") != nil {
      return place
    }
    return nil
  }

  /// Asks git, or gives its last answer if nothing has changed since.
  ///
  /// - Parameter folder: A folder, without links.
  /// - Returns: Nil outside of work trees.
  static func ask(_ folder: BytePath) throws -> GitWorkTree? {
    guard let top = try top(of: folder), folder.bytes.first == UInt8(ascii: "/") else { return nil }
    if let known = answers.withLock({ $0[folder] }), known.isValid { return known.tree }
    var sources: Set<BytePath> = [top, folder, top / ".git/index", top / ".git/config"]
    var tree = GitWorkTree()
    let prefix = folder == top ? BytePath([]) : BytePath(folder.bytes[(top.bytes.count + 1)...])
    tree.rules.prefix = prefix
    let git = Git(folder)
    var (exclude, global) = (top / ".git/info/exclude", defaultExcludes)
    var lists: (files: [UInt8], ignored: [UInt8])?
    if let places = try git.ask(["rev-parse", "--git-path", "info/exclude", "--git-path", "index"]) {
      let found = places.split(separator: 0x0a).map {
        $0.first == UInt8(ascii: "/") ? BytePath($0) : folder / BytePath($0)
      }
      if let first = found.first { exclude = first }
      if let last = found.last { sources.insert(last) }
      if let set = try git.ask(["config", "-z", "--type=path", "--get", "core.excludesFile"]), set.count > 1 {
        global = BytePath(set.dropLast())
      }
      let list = ["ls-files", "-z", "--exclude-standard"]
      if let files = try git.ask(list + ["--cached", "--others"]),
        let ignored = try git.ask(list + ["--others", "--ignored", "--directory"])
      {
        lists = (files, ignored)
      }
    }
    sources.formUnion([exclude, global].compactMap(\.self))
    for file in [global, exclude].compactMap(\.self) where try LocalFiles.status(file)?.isFolder == false {
      tree.rules.add(file: (try? LocalFiles.contents(file)) ?? [], base: "")
    }
    for place in prefix.isEmpty ? [] : [BytePath([])] + prefix.ancestors {
      try tree.read(top / place / ".gitignore", base: place, &sources)
    }
    tree.isFolderIgnored = !prefix.isEmpty && tree.isIgnored(prefix)
    guard let lists else {
      tree.complaint = git.complaint
      return tree
    }
    for path in lists.files.split(separator: 0).map(BytePath.init) {
      tree.files.insert(path.bytes.last == UInt8(ascii: "/") ? BytePath(path.bytes.dropLast()) : path)
    }
    for path in lists.ignored.split(separator: 0).map(BytePath.init) {
      let isFolder = path.bytes.last == UInt8(ascii: "/")
      tree.ignored.append((isFolder ? BytePath(path.bytes.dropLast()) : path, isFolder))
    }
    let others = tree.ignored.filter { !$0.isFolder }.map(\.path)
    for file in (Array(tree.files) + others).filter({ $0.name == ".gitignore" }).sorted() {
      try tree.read(folder / file, base: prefix / file.parent, &sources)
    }
    sources.formUnion(Set(tree.files.map { folder / $0.parent }))
    let answer = Answer(tree: tree, stamps: try sources.map { ($0, try LocalFiles.status($0)?.stamp) })
    answers.withLock { $0[folder] = answer }
    return tree
  }

  private mutating func read(_ file: BytePath, base: BytePath, _ sources: inout Set<BytePath>) throws {
    sources.insert(file)
    // As git does, which follows no link here.
    guard let status = try LocalFiles.status(file), status.isFile else { return }
    rules.add(file: try LocalFiles.contents(file), base: base)
  }

  /// Whether the folder itself, or one above it, is left out.
  private func isIgnored(_ prefix: BytePath) -> Bool {
    var rules = rules
    rules.prefix = ""
    return rules.excludesPath(prefix, isFolder: true)
  }

  /// Where git looks for a user's own patterns if it isn't told (gitignore(5)).
  private static var defaultExcludes: BytePath? {
    let environment = ProcessInfo.processInfo.environment
    if let base = environment["XDG_CONFIG_HOME"], !base.isEmpty { return BytePath(base) / "git/ignore" }
    return environment["HOME"].map { BytePath($0) / ".config/git/ignore" }
  }

  /// An answer, with all files that it was made of. A thousand hosts that get the folder share it.
  private struct Answer {
    let tree: GitWorkTree
    let stamps: [(path: BytePath, stamp: FileStamp?)]
    let made = ContinuousClock.now

    /// A new file changes the time of its folder. One that comes into a folder of which git knows nothing yet doesn't
    /// show: after two seconds it does.
    var isValid: Bool {
      made.duration(to: .now) < .seconds(2)
        && stamps.allSatisfy { path, stamp in (try? LocalFiles.status(path)?.stamp) == stamp }
    }
  }
  private static let answers = Mutex<[BytePath: Answer]>([:])
}

/// The program git in one folder.
final class Git {
  private let folder: BytePath
  private(set) var complaint: String?

  init(_ folder: BytePath) { self.folder = folder }

  /// The variables for git, less those that speak of another repository: a hook of git's has them.
  static func environment(_ own: [String: String]) -> [String] {
    let kept = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"]
    return own.filter { !$0.key.hasPrefix("GIT_") || kept.contains($0.key) }.map { "\($0)=\($1)" }
      + ["GIT_OPTIONAL_LOCKS=0"]
  }

  /// - Returns: What it prints; nil if it fails or isn't there.
  func ask(_ arguments: [String]) throws -> [UInt8]? {
    guard let path = folder.text else {
      complaint = "the folder's name is not UTF-8"
      return nil
    }
    let variables = Self.environment(ProcessInfo.processInfo.environment)
    let result = try LocalProgram.run(["git", "-C", path] + arguments, environment: variables)
    if result.status == 0 { return result.output }
    if result.status == 127 {
      complaint = "git is not on this machine"
    } else if result.status != 1 {
      complaint =
        "git says: " + (result.errors.split(whereSeparator: \.isNewline).first.map(String.init) ?? "nothing")
    }
    return nil
  }
}
