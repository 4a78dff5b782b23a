/// Patterns of paths to leave out, with the rules of gitignore(5).
///
/// The last pattern that matches decides; what lies in an excluded folder can't be taken in again.
struct IgnoreRules: Sendable, Hashable {
  private struct Rule: Sendable, Hashable {
    /// The components of the pattern; `**` stands for any number of them.
    var components: [String]
    var isNegated: Bool
    var isForFoldersOnly: Bool
    /// The folder that the pattern is relative to, as components below the root.
    var base: [String]
  }
  private var rules: [Rule] = []

  init(_ patterns: [String] = []) { add(patterns, base: "") }

  /// Adds the lines of a .gitignore file.
  ///
  /// - Parameters:
  ///   - lines: The lines.
  ///   - base: The folder of the file, below the root; empty for the root.
  mutating func add(_ lines: [String], base: String) {
    for line in lines {
      if let rule = Self.rule(line, base: base.split(separator: "/").map(String.init)) { rules.append(rule) }
    }
  }

  private static func rule(_ line: String, base: [String]) -> Rule? {
    var text = line[...]
    if text.last == "\r" { text.removeLast() }
    while text.last == " ", !text.hasSuffix("\\ ") { text.removeLast() }
    guard !text.isEmpty, text.first != "#" else { return nil }
    let isNegated = text.first == "!"
    if isNegated { text.removeFirst() }
    let isForFoldersOnly = text.last == "/"
    while text.last == "/" { text.removeLast() }
    let isAnchored = text.contains("/")
    if text.first == "/" { text.removeFirst() }
    guard !text.isEmpty else { return nil }
    let components = text.split(separator: "/").map(String.init)
    return Rule(
      components: isAnchored ? components : ["**"] + components, isNegated: isNegated,
      isForFoldersOnly: isForFoldersOnly, base: base)
  }

  /// Whether one entry is left out, given that the folders above it are not.
  func excludes(_ path: String, isFolder: Bool) -> Bool {
    let components = path.split(separator: "/").map(String.init)
    for rule in rules.reversed() where isFolder || !rule.isForFoldersOnly {
      guard components.starts(with: rule.base) else { continue }
      if Self.matches(components[rule.base.count...], rule.components[...]) { return !rule.isNegated }
    }
    return false
  }

  /// Whether an entry or one of the folders above it is left out.
  func excludesPath(_ path: String, isFolder: Bool) -> Bool {
    var above = ""
    let components = path.split(separator: "/")
    for (index, component) in components.enumerated() {
      above += (above.isEmpty ? "" : "/") + component
      if excludes(above, isFolder: index < components.count - 1 || isFolder) { return true }
    }
    return false
  }

  /// Names that are left out at every depth, for find(1) not to look into, those of folders only with a slash
  /// at their end; none if a pattern takes something in again.
  var prunableNames: [String] {
    guard !rules.contains(where: \.isNegated) else { return [] }
    return rules.compactMap { rule in
      guard rule.base.isEmpty, rule.components.count == 2, rule.components[0] == "**" else { return nil }
      let name = rule.components[1]
      if name == "**" || name == "*" || name.contains("\\") || name.contains("[") { return nil }
      return name + (rule.isForFoldersOnly ? "/" : "")
    }
  }

  private static func matches(_ path: ArraySlice<String>, _ pattern: ArraySlice<String>) -> Bool {
    guard let first = pattern.first else { return path.isEmpty }
    if first == "**" {
      let rest = pattern.dropFirst()
      // At the end, two stars match all that is inside a folder, but not the folder itself.
      if rest.isEmpty { return !path.isEmpty }
      return path.indices.contains { matches(path[$0...], rest) }
    }
    guard let name = path.first, glob(Array(name.unicodeScalars)[...], Array(first.unicodeScalars)[...])
    else {
      return false
    }
    return matches(path.dropFirst(), pattern.dropFirst())
  }

  /// Matches one name with `*`, `?`, `[a-z]`, `[!a-z]` and backslashes.
  private static func glob(_ name: ArraySlice<Unicode.Scalar>, _ pattern: ArraySlice<Unicode.Scalar>) -> Bool
  {
    var name = name
    var pattern = pattern
    var retry: (name: ArraySlice<Unicode.Scalar>, pattern: ArraySlice<Unicode.Scalar>)?
    while true {
      if pattern.first == "*" {
        pattern = pattern.dropFirst()
        retry = (name, pattern)
        continue
      }
      if let rest = step(name, pattern) {
        (name, pattern) = rest
        if name.isEmpty && pattern.allSatisfy({ $0 == "*" }) { return true }
        if !name.isEmpty || !pattern.isEmpty { continue }
        return true
      }
      if name.isEmpty && pattern.isEmpty { return true }
      guard let last = retry, !last.name.isEmpty else { return false }
      retry = (last.name.dropFirst(), last.pattern)
      (name, pattern) = (last.name.dropFirst(), last.pattern)
    }
  }

  /// What is left of both after one character; nil if it doesn't match.
  private static func step(
    _ name: ArraySlice<Unicode.Scalar>, _ pattern: ArraySlice<Unicode.Scalar>
  ) -> (ArraySlice<Unicode.Scalar>, ArraySlice<Unicode.Scalar>)? {
    guard let character = name.first, let wanted = pattern.first else { return nil }
    switch wanted {
    case "?": return (name.dropFirst(), pattern.dropFirst())
    case "\\" where pattern.count > 1:
      guard pattern.dropFirst().first == character else { return nil }
      return (name.dropFirst(), pattern.dropFirst(2))
    case "[":
      guard let (set, rest) = characterClass(pattern) else {
        return character == "[" ? (name.dropFirst(), pattern.dropFirst()) : nil
      }
      return set(character) ? (name.dropFirst(), rest) : nil
    default: return wanted == character ? (name.dropFirst(), pattern.dropFirst()) : nil
    }
  }

  private static func characterClass(
    _ pattern: ArraySlice<Unicode.Scalar>
  ) -> ((Unicode.Scalar) -> Bool, ArraySlice<Unicode.Scalar>)? {
    var rest = pattern.dropFirst()
    let isNegated = rest.first == "!" || rest.first == "^"
    if isNegated { rest = rest.dropFirst() }
    var ranges: [ClosedRange<Unicode.Scalar>] = []
    var isFirst = true
    while let character = rest.first {
      if character == "]", !isFirst {
        let found = ranges
        return ({ scalar in found.contains { $0.contains(scalar) } != isNegated }, rest.dropFirst())
      }
      isFirst = false
      rest = rest.dropFirst()
      if rest.first == "-", let end = rest.dropFirst().first, end != "]" {
        if character <= end { ranges.append(character...end) }
        rest = rest.dropFirst(2)
      } else {
        ranges.append(character...character)
      }
    }
    return nil
  }
}
