import MartletCore

/// Patterns of paths to leave out, with the rules of gitignore(5).
///
/// The last pattern that matches decides; what lies in an excluded folder can't be taken in again.
struct IgnoreRules: Sendable, Hashable {
  private struct Rule: Sendable, Hashable {
    var pattern: GlobPattern
    var isNegated: Bool
    var isForFoldersOnly: Bool
    /// Whether the pattern has no slash, and so matches a name in any folder.
    var isForNames: Bool
    /// The folder that the pattern is relative to.
    var base: BytePath
    /// The pattern, where find(1) understands it too.
    var plainName: String?
  }
  private var rules: [Rule] = []
  /// Where the paths that are asked about lie, seen from the folder that the rules' folders are relative to.
  var prefix = BytePath([])

  init(_ patterns: [String] = []) { add(patterns) }

  /// Adds patterns.
  mutating func add(_ lines: [String], base: BytePath = "") {
    for line in lines {
      let bytes = Array(line.utf8)
      if let rule = Self.rule(bytes.last == 0x0d ? bytes.dropLast() : bytes[...], base: base) {
        rules.append(rule)
      }
    }
  }

  /// Adds what a .gitignore file holds.
  ///
  /// - Parameter base: The folder of the file, below the root; empty for the root.
  mutating func add(file bytes: [UInt8], base: BytePath) {
    let marked = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    for var line in marked.split(separator: 0x0a) {
      if line.last == 0x0d { line.removeLast() }
      if let rule = Self.rule(line, base: base) { rules.append(rule) }
    }
  }

  private static func rule(_ line: ArraySlice<UInt8>, base: BytePath) -> Rule? {
    let slash = UInt8(ascii: "/")
    var text = line.first == UInt8(ascii: "#") ? [] : withoutTrailingBlanks(line)
    let isNegated = text.first == UInt8(ascii: "!")
    if isNegated { text.removeFirst() }
    let isForFoldersOnly = text.last == slash
    if isForFoldersOnly { text.removeLast() }
    let isForNames = !text.contains(slash)
    if text.first == slash { text.removeFirst() }
    guard !text.isEmpty else { return nil }
    var plainName: String?
    if isForNames, !text.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "[") }),
      !text.allSatisfy({ $0 == UInt8(ascii: "*") })
    {
      plainName = String(validating: text, as: UTF8.self)
    }
    return Rule(
      pattern: GlobPattern(text, isPath: !isForNames), isNegated: isNegated,
      isForFoldersOnly: isForFoldersOnly, isForNames: isForNames, base: base, plainName: plainName)
  }

  /// Blanks at the end don't count, unless a backslash stands before the first of them.
  private static func withoutTrailingBlanks(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var end: Int?
    var index = line.startIndex
    while index < line.endIndex {
      if line[index] == 0x20 {
        end = end ?? index
      } else {
        if line[index] == UInt8(ascii: "\\") { index += 1 }
        end = index < line.endIndex ? nil : line.endIndex
      }
      index += 1
    }
    return end.map { line[..<$0] } ?? line
  }

  /// What the last pattern that matches the entry itself says: whether it is left out; nil if none matches.
  func verdict(on path: BytePath, isFolder: Bool) -> Bool? {
    let path = prefix / path
    let bytes = path.bytes
    let nameStart = bytes.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
    for rule in rules.reversed() where isFolder || !rule.isForFoldersOnly {
      let base = rule.base.bytes
      guard base.isEmpty || path.isBelow(rule.base) else { continue }
      let text = rule.isForNames ? bytes[nameStart...] : bytes[(base.isEmpty ? 0 : base.count + 1)...]
      if rule.pattern.matches(text) { return !rule.isNegated }
    }
    return nil
  }

  /// Whether one entry is left out, given that the folders above it are not.
  func excludes(_ path: BytePath, isFolder: Bool) -> Bool { verdict(on: path, isFolder: isFolder) == true }

  /// Whether an entry or one of the folders above it is left out.
  func excludesPath(_ path: BytePath, isFolder: Bool) -> Bool {
    path.ancestors.contains { excludes($0, isFolder: true) } || excludes(path, isFolder: isFolder)
  }

  /// What is said of the entry, or else of the nearest folder above it of which something is said.
  func nearestVerdict(on path: BytePath, isFolder: Bool) -> Bool? {
    if let verdict = verdict(on: path, isFolder: isFolder) { return verdict }
    for folder in path.ancestors.reversed() {
      if let verdict = verdict(on: folder, isFolder: true) { return verdict }
    }
    return nil
  }

  /// Whether a pattern takes something in again.
  var hasNegation: Bool { rules.contains(where: \.isNegated) }

  /// Names that are left out at every depth, for find(1) not to look into, those of folders only with a slash
  /// at their end; none if a pattern takes something in again.
  ///
  /// - Parameter kept: Names that must not be among them.
  func prunableNames(except kept: Set<BytePath> = []) -> [String] {
    guard !hasNegation else { return [] }
    return rules.compactMap { rule in
      guard let name = rule.plainName, rule.base.isEmpty || rule.base == prefix || prefix.isBelow(rule.base),
        !kept.contains(where: { rule.pattern.matches($0.bytes[...]) })
      else { return nil }
      return name + (rule.isForFoldersOnly ? "/" : "")
    }
  }
}
