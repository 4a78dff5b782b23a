public import MartletCore

/// All that lies in a folder of a host: files with their sums, folders and links, with modes and owners.
///
///     var observes: TreeManifest { TreeManifest("/srv/shop/app", pruning: ["__pycache__"]) }
///
/// `find` starts one `stat` and one `sha256sum` for some thousands of files each. Names with a line break in
/// them are left out; where all of the folder is asked for, the folder that has one is marked
/// (``TreeEntry/hasUnlistedNames``).
public struct TreeManifest: ProbedFact, CustomStringConvertible {
  public typealias Value = TreeListing

  /// The folder.
  public let root: RemotePath
  /// The names right below the folder that are looked at; nil for all.
  public let entries: [BytePath]?
  /// Names, at any depth, that are listed but not looked into; `*` and `?` stand for any characters. One with
  /// a slash at its end is for folders only.
  public let pruned: [String]

  public init(_ root: RemotePath, entries: [BytePath]? = nil, pruning pruned: [String] = []) {
    self.root = root
    self.entries = entries
    self.pruned = pruned
  }

  public static let kind = "contents of the folder"

  public var description: String { root.string }

  public var dependsOn: [Resource] { [.tree(root)] }

  public func dependencies(of value: Value) -> [Resource] {
    value == .absent ? dependsOn + root.sourcesOfAbsence : dependsOn
  }

  public var silence: String? { FileProbe.silence(root) }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    ShellCommand(lines: facts.enumerated().map { $1.probe(index: $0) })
  }

  private func probe(index: Int) -> ShellCommand {
    let patterns = pruned.map { name -> ShellCommand in
      name.hasSuffix("/") ? "-type d -name \(String(name.dropLast()))" : "-name \(name)"
    }
    let pruning = patterns.dropFirst().reduce(patterns.first) { joined, next in
      joined.map { $0 + " -o " + next }
    }
    let skipped: ShellCommand = pruning.map { " \\( \(splice: $0) \\) -prune -o" } ?? ""
    let listed: ShellCommand = pruning.map { "\\( \\( \(splice: $0) \\) -prune -o ! -name '' \\)" } ?? ""
    var choose: ShellCommand = "set -- ."
    if let entries {
      choose = """
        stat -c 's:%f:%s:%u:%g:%U:%G:%n' .; set --
        for _p in \(entries.map { "." / $0 }); do
        if [ -e "$_p" ] || [ -L "$_p" ]; then set -- "$@" "$_p"; fi
        done
        [ $# = 0 ] && exit 0
        """
    }
    // Whoever asks for all of a folder may be about to empty it.
    let others: ShellCommand = pruning.map { " -o \\( \(splice: $0) \\) -prune" } ?? ""
    let unlisted: ShellCommand = """
      find "$@" -name '*\n*' -prune -exec sh -c 'for _l do printf "n %s\\n" "${_l%/*}"; done' sh {} +\(splice: others)
      """
    // A run for each kind, as BusyBox's find can't collect for more than one command.
    return """
      ( _p=\(root); echo "= \(index)"
      if [ -L "$_p" ]; then echo link
      elif [ -d "$_p" ]; then
      cd "$_p" 2>/dev/null || exit 0
      echo folder
      exec 2>/dev/null
      \(splice: choose)
      \(splice: entries == nil ? unlisted : "")
      find "$@" -name '*\n*' -prune -o \(splice: listed) -exec stat -c 's:%f:%s:%u:%g:%U:%G:%n' {} +
      find "$@" -name '*\n*' -prune -o\(splice: skipped) -type f -exec sha256sum {} +
      find "$@" -name '*\n*' -prune -o\(splice: skipped) -type l -exec sh -c \
      'for _l do _t=$(readlink "$_l"); case $_t in *"
      "*) ;; *) printf "l %s\\nt %s\\n" "$_l" "$_t";; esac; done' sh {} +
      elif [ -e "$_p" ]; then echo file
      elif \(splice: FileProbe.isSurelyAbsent); then echo absent
      fi )
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: TreeListing] {
    var values: [Self: TreeListing] = [:]
    var current: Self?
    var entries: [BytePath: TreeEntry] = [:]
    var sums: [BytePath: String] = [:]
    var targets: [BytePath: BytePath] = [:]
    var unlisted: Set<BytePath> = []
    var link: BytePath?
    func finish() {
      guard let fact = current, case .folder? = values[fact] else { return }
      for (path, sum) in sums { entries[path]?.sha256 = sum }
      for (path, target) in targets { entries[path]?.target = target }
      for path in unlisted { entries[path]?.hasUnlistedNames = true }
      values[fact] = .folder(entries)
      (entries, sums, targets, unlisted) = ([:], [:], [:], [])
    }
    for line in output.byteLines {
      if line.starts(with: "= ".utf8) {
        finish()
        guard let index = Int(String(decoding: line.dropFirst(2), as: UTF8.self)),
          facts.indices.contains(index)
        else { throw malformed(line) }
        current = facts[index]
      } else if let fact = current, values[fact] == nil {
        if line.elementsEqual("folder".utf8) {
          values[fact] = .folder([:])
        } else {
          values[fact] = line.elementsEqual("absent".utf8) ? .absent : .notAFolder
        }
      } else if line.starts(with: "s:".utf8) {
        let (path, status) = try entry(line)
        entries[path] = TreeEntry(status: status)
      } else if line.starts(with: "n .".utf8) {
        unlisted.insert(relative(line.dropFirst(2)))
      } else if line.starts(with: "l ./".utf8) {
        link = relative(line.dropFirst(2))
      } else if let path = link, line.starts(with: "t ".utf8) {
        targets[path] = BytePath(line.dropFirst(2))
        link = nil
      } else if let (sum, name) = FileSum.sumAndName(line) {
        sums[relative(name[...])] = sum
      }
    }
    finish()
    return values
  }

  private static func malformed(_ line: ArraySlice<UInt8>) -> FactError {
    .malformed(kind, BytePath(line.prefix(200)).description)
  }

  /// A line of stat(1): `s:MODE:SIZE:UID:GID:USER:GROUP:NAME`.
  private static func entry(_ line: ArraySlice<UInt8>) throws -> (BytePath, FileStatus) {
    let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 7, omittingEmptySubsequences: false)
    let fields = parts.prefix(7).map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 8, let bits = UInt32(fields[1], radix: 16), let size = Int(fields[2]),
      let uid = Int(fields[3]), let gid = Int(fields[4])
    else { throw malformed(line) }
    // stat writes UNKNOWN for a number without a name.
    let status = FileStatus(
      kind: FileStatus.Kind(type: bits & 0xf000), mode: FileMode(UInt16(bits & 0o7777)),
      owner: fields[5] == "UNKNOWN" ? String(uid) : fields[5],
      group: fields[6] == "UNKNOWN" ? String(gid) : fields[6], ownerID: uid, groupID: gid, size: size)
    return (relative(parts[7]), status)
  }

  /// The path below the folder, empty for the folder itself.
  private static func relative(_ path: ArraySlice<UInt8>) -> BytePath {
    if path.elementsEqual(".".utf8) { return BytePath([]) }
    return BytePath(path.starts(with: "./".utf8) ? path.dropFirst(2) : path)
  }
}

/// What a folder holds.
@frozen public enum TreeListing: Sendable, Hashable {
  case absent
  /// A file or a symbolic link is in its place.
  case notAFolder
  /// The entries by their paths below the folder, at every depth; the folder itself is the empty path.
  case folder([BytePath: TreeEntry])
}

/// One entry of a folder.
public struct TreeEntry: Sendable, Hashable {
  /// Its kind, mode and owner.
  public var status: FileStatus
  /// The sum of a file; nil for one that can't be read.
  public var sha256: String?
  /// Where a symbolic link leads to.
  public var target: BytePath?
  /// Whether a folder has names with a line break in them, which are not listed.
  public var hasUnlistedNames: Bool

  public init(
    status: FileStatus, sha256: String? = nil, target: BytePath? = nil, hasUnlistedNames: Bool = false
  ) {
    self.status = status
    self.sha256 = sha256
    self.target = target
    self.hasUnlistedNames = hasUnlistedNames
  }
}
