import MartletCore
import MartletFacts

/// One line of what pip is to install, as far as it can be compared with what is installed (PEP 508).
///
/// Names and versions are compared exactly. What the folder of a virtual environment doesn't show is left to pip, and
/// a stamp tells whether pip was asked already: extras, markers, URLs, local paths, `-e`, and lines that can't be
/// read here for sure. Nothing that pip might take is refused.
struct PipRequirement: Sendable, Equatable {
  /// The line as pip reads it, without comments and hashes.
  let text: String
  /// The normalised name; nil where the line doesn't say one.
  let name: String?
  private let specifiers: [String]
  /// Whether names and versions tell all that the line asks for.
  let isDecidable: Bool
  /// Whether it may ask for nothing on this host.
  private let hasMarker: Bool
  /// The local project or archive that it names, as it is written.
  let localPath: String?
  /// Whether a local project is used where it is.
  let isEditable: Bool
  /// Whether it is an option, which has a line for itself.
  let isOption: Bool
  /// Whether what it leads to can't be known, so that only pip can tell whether it is there.
  let isUnreadable: Bool
  /// Why pip is going to refuse it; nil if it may take it.
  let problem: String?

  /// Options that say where packages come from or how they are built: what is installed stays right without them.
  private static let sources: Set<String> = [
    "-i", "--index-url", "--pypi-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--no-binary",
    "--only-binary", "--prefer-binary", "--pre", "--trusted-host", "--require-hashes", "--use-feature",
  ]

  init(_ line: String) {
    let line = line.trimmed
    var words = line.split(separator: " ").map(String.init)
    let option = line.hasPrefix("-") ? words.first?.split(separator: "=").first.map(String.init) : nil
    if option == nil, let end = words.firstIndex(where: { $0.hasPrefix("-") }) {
      words.removeSubrange(end...)
    }
    let text = words.joined(separator: " ")
    self.text = text
    isOption = option != nil
    if let option {
      let editable = Self.editable(line)
      localPath = editable.flatMap(Self.path)
      isEditable = editable != nil
      isDecidable = Self.sources.contains(option) || line.hasPrefix("-i") || line.hasPrefix("-f")
      isUnreadable = editable == nil && !isDecidable
      (name, specifiers, hasMarker, problem) = (nil, [], false, nil)
      return
    }
    isEditable = false
    isUnreadable = false
    let isURL = text.contains("://") && !text.contains(" @ ")
    if isURL || Self.isPath(text) || text.contains("${") {
      localPath = Self.path(text)
      (name, specifiers, isDecidable, hasMarker, problem) = (nil, [], false, true, nil)
      return
    }
    let read = Self.named(text)
    (name, specifiers, problem) = (read.name, read.specifiers, read.problem)
    hasMarker = read.hasMarker
    isDecidable = read.isSimple
    localPath = text.firstRange(of: " @ file://").map { String(text[$0.upperBound...]) }.flatMap(Self.path)
  }

  /// What follows `-e`.
  private static func editable(_ line: String) -> String? {
    if line.hasPrefix("-e") { return line.dropFirst(2).trimmed }
    guard line.hasPrefix("--editable"), let next = line.dropFirst(10).first, next == "=" || next.isWhitespace
    else { return nil }
    return line.dropFirst(11).trimmed
  }

  /// Whether pip takes it for a path: by a slash, a dot in front, or the ending of an archive (pip's
  /// `_looks_like_path` and `is_archive_file`).
  private static func isPath(_ text: String) -> Bool {
    if text.contains(" @ ") { return false }
    let first = text.split(whereSeparator: { $0.isWhitespace || $0 == ";" }).first.map(String.init) ?? ""
    return first.hasPrefix(".") || first.contains("/") && !first.contains("@")
      || [
        ".whl", ".zip", ".tgz", ".tar", ".tar.gz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lzma",
      ]
      .contains(where: first.lowercased().hasSuffix)
  }

  /// The path of a local project: the same part of the line that the host's probe takes; nil for other URLs.
  private static func path(_ text: String) -> String? {
    var rest = Substring(text)
    if let quote = rest.first, "\"'".contains(quote) {
      rest = rest.dropFirst().prefix { $0 != quote }
    } else {
      rest = rest.prefix { !$0.isWhitespace }
    }
    rest = rest.prefix { !";[#".contains($0) }
    if rest.hasPrefix("file://") { rest = rest.dropFirst(7) }
    return rest.isEmpty || rest.contains("://") || rest.contains("$") ? nil : String(rest)
  }

  private struct Named {
    var name: String?
    var specifiers: [String] = []
    var isSimple = false
    var hasMarker = false
    var problem: String?
  }

  private static func named(_ text: String) -> Named {
    let mark = text.firstIndex(of: ";")
    let requirement = text[..<(mark ?? text.endIndex)].trimmed
    var read = Named(hasMarker: mark != nil)
    let letters = requirement.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    guard let first = letters.first, let last = letters.last, first.isLetter || first.isNumber,
      last.isLetter || last.isNumber
    else {
      read.problem = "write a package's name and, if need be, versions, as in \"django==5.1\""
      return read
    }
    read.name = normalizedPackageName(letters)
    var rest = requirement.dropFirst(letters.count).trimmed
    var hasExtras = false
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else {
        read.problem = "a closing ] is missing"
        return read
      }
      hasExtras = true
      rest = rest[rest.index(after: end)...].trimmed
    }
    if rest.hasPrefix("@") { return read }
    if rest.hasPrefix("("), rest.hasSuffix(")") { rest = rest.dropFirst().dropLast().trimmed }
    // A comma at the end is taken by pip.
    if rest.hasSuffix(",") { rest = rest.dropLast().trimmed }
    let specifiers = rest.isEmpty ? [] : rest.split(separator: ",").map { $0.trimmed }
    if let wrong = specifiers.first(where: { VersionSpecifier($0) == nil }) {
      let hint = wrong.hasPrefix("=") ? ": write == for one version" : ""
      read.problem = "\"\(wrong)\" is no condition on a version\(hint)"
      return read
    }
    read.specifiers = specifiers
    read.isSimple = !hasExtras && mark == nil
    return read
  }

  /// Whether what is installed contradicts the line. One whose marker may not hold isn't contradicted by a package
  /// that is missing or another.
  func isContradicted(by installed: [String: String]) -> Bool {
    guard let name, problem == nil, !hasMarker else { return false }
    guard let version = installed[name] else { return true }
    return !specifiers.allSatisfy { VersionSpecifier($0)?.isMet(by: version) ?? true }
  }

  /// What a plan says about a line that isn't met.
  func change(from installed: [String: String]) -> Change {
    guard let name, let version = installed[name] else { return .added(text) }
    return .modified("\(name) \(version) → \(text)")
  }
}
