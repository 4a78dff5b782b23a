/// A version as Python packages count them, in the order of PEP 440 ("Version scheme").
///
///     PythonVersion("5.1rc1")! < PythonVersion("5.1")!
struct PythonVersion: Comparable, Sendable {
  let epoch: Int
  /// The numbers between the dots, without zeros at the end: 5.1 and 5.1.0 are the same version.
  let release: [Int]
  /// Whether and how it comes before its release: `a` 0, `b` 1, `rc` 2.
  let pre: (phase: Int, number: Int)?
  let post: Int?
  let dev: Int?
  let local: String
  /// How many numbers there were, zeros at the end included; `~=` and `.*` need it.
  let segments: Int

  /// Reads a version; nil if it isn't one.
  init?(_ text: String) {
    var rest = Substring(text.lowercased().filter { !$0.isWhitespace })
    if rest.first == "v" { rest.removeFirst() }
    let parts = rest.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
    local = parts.count == 2 ? parts[1].map { "-_".contains($0) ? "." : String($0) }.joined() : ""
    rest = parts.first ?? ""
    if let mark = rest.firstIndex(of: "!") {
      guard let number = Int(rest[..<mark]) else { return nil }
      epoch = number
      rest = rest[rest.index(after: mark)...]
    } else {
      epoch = 0
    }
    var numbers: [Int] = []
    while let number = Self.takeNumber(&rest) {
      numbers.append(number)
      guard rest.first == ".", rest.dropFirst().first?.isNumber == true else { break }
      rest.removeFirst()
    }
    guard !numbers.isEmpty else { return nil }
    segments = numbers.count
    while numbers.count > 1, numbers.last == 0 { numbers.removeLast() }
    release = numbers

    var pre: (phase: Int, number: Int)?
    var post: Int?
    var dev: Int?
    while !rest.isEmpty {
      if rest.first == "-", rest.dropFirst().first?.isNumber == true {
        rest.removeFirst()
        post = Self.takeNumber(&rest)
        continue
      }
      rest = rest.drop { ".-_".contains($0) }
      let word = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(word.count).drop { ".-_".contains($0) && !word.isEmpty }
      let number = Self.takeNumber(&rest) ?? 0
      switch word {
      case "a", "alpha": pre = (0, number)
      case "b", "beta": pre = (1, number)
      case "rc", "c", "pre", "preview": pre = (2, number)
      case "post", "rev", "r": post = number
      case "dev": dev = number
      default: return nil
      }
    }
    self.pre = pre
    self.post = post
    self.dev = dev
  }

  private static func takeNumber(_ text: inout Substring) -> Int? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int(digits) else { return nil }
    text = text.dropFirst(digits.count)
    return number
  }

  /// Whether it comes before the release that it is named after.
  var isPrerelease: Bool { pre != nil || dev != nil }

  /// The same version without what follows a `+`.
  private var publicKey: [Int] {
    // A development release comes before every pre-release, a final release after all of them.
    let prePart: [Int] =
      if let pre { [pre.phase, pre.number] } else if dev != nil && post == nil { [-1, 0] } else { [3, 0] }
    return prePart + [post.map { $0 + 1 } ?? 0, dev ?? Int.max]
  }

  private static func order(_ first: PythonVersion, _ second: PythonVersion) -> Int {
    if first.epoch != second.epoch { return first.epoch < second.epoch ? -1 : 1 }
    let count = max(first.release.count, second.release.count)
    for index in 0..<count {
      let a = index < first.release.count ? first.release[index] : 0
      let b = index < second.release.count ? second.release[index] : 0
      if a != b { return a < b ? -1 : 1 }
    }
    for (a, b) in zip(first.publicKey, second.publicKey) where a != b { return a < b ? -1 : 1 }
    return 0
  }

  /// The same, but for what follows a `+`.
  func isSamePublic(as other: PythonVersion) -> Bool { Self.order(self, other) == 0 }

  static func < (first: PythonVersion, second: PythonVersion) -> Bool {
    let order = Self.order(first, second)
    return order == 0 ? first.local < second.local : order < 0
  }

  static func == (first: PythonVersion, second: PythonVersion) -> Bool {
    Self.order(first, second) == 0 && first.local == second.local
  }

  /// Whether its first numbers are these, as in `== 5.1.*`.
  func hasPrefix(_ numbers: [Int], epoch: Int) -> Bool {
    self.epoch == epoch
      && numbers.indices.allSatisfy { ($0 < release.count ? release[$0] : 0) == numbers[$0] }
  }
}

/// One condition on a version, as `>=5.1` (PEP 440, "Version specifiers").
struct VersionSpecifier: Sendable {
  let comparison: String
  let text: String
  private let version: PythonVersion?
  private let prefix: [Int]?

  /// Reads a condition; nil if it isn't one.
  init?(_ condition: String) {
    let condition = condition.filter { !$0.isWhitespace }
    let marks = ["===", "==", ">=", "<=", "~=", "!=", "<", ">"]
    guard let mark = marks.first(where: condition.hasPrefix) else { return nil }
    comparison = mark
    text = String(condition.dropFirst(mark.count))
    if text.hasSuffix(".*"), mark == "==" || mark == "!=" {
      guard let version = PythonVersion(String(text.dropLast(2))) else { return nil }
      self.version = version
      prefix = Self.padded(version)
      return
    }
    prefix = nil
    version = PythonVersion(text)
    if version == nil, mark != "===" { return nil }
    if mark == "~=", (version?.segments ?? 0) < 2 { return nil }
  }

  private static func padded(_ version: PythonVersion) -> [Int] {
    version.release + Array(repeating: 0, count: max(0, version.segments - version.release.count))
  }

  /// Whether a version meets the condition.
  ///
  /// A version that is installed counts also if it is a pre-release: someone wanted it there.
  func isMet(by installed: String) -> Bool {
    if comparison == "===" { return installed == text }
    guard let version, let candidate = PythonVersion(installed) else { return installed == text }
    if let prefix {
      return candidate.hasPrefix(prefix, epoch: version.epoch) == (comparison == "==")
    }
    let isSame = version.local.isEmpty ? candidate.isSamePublic(as: version) : candidate == version
    switch comparison {
    case "==": return isSame
    case "!=": return !isSame
    case ">=": return isSame || candidate > version
    case "<=": return isSame || candidate < version
    case "~=":
      return (isSame || candidate > version)
        && candidate.hasPrefix(Array(Self.padded(version).dropLast()), epoch: version.epoch)
    // 5.1.post1 is not "later than 5.1", nor 5.1rc1 "earlier than 5.1", as far as these two are concerned.
    case ">":
      let isPostOfIt =
        candidate.post != nil && version.post == nil
        && candidate.hasPrefix(version.release, epoch: version.epoch)
        && candidate.release == version.release
      return !isSame && candidate > version && !isPostOfIt
    default:
      let isPreOfIt =
        candidate.isPrerelease && !version.isPrerelease && candidate.release == version.release
        && candidate.epoch == version.epoch
      return !isSame && candidate < version && !isPreOfIt
    }
  }
}
