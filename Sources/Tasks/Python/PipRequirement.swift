import MartletCore
import MartletFacts

/// One line of what pip is to install, as far as it can be compared with what is installed (PEP 508).
///
/// Names and versions are compared exactly. What the folder of a virtual environment doesn't show is left
/// undecided, and a stamp stands in for it: extras, markers, URLs, local paths, `-e`, and options.
struct PipRequirement: Sendable, Equatable {
  /// The line as pip reads it, without comments and hashes.
  let text: String
  /// The normalised name; nil where the line doesn't say one.
  let name: String?
  private let specifiers: [String]
  /// Whether names and versions tell all that the line asks for.
  let isDecidable: Bool
  /// Whether it is an option for all lines, as `--index-url`.
  let isOption: Bool

  /// Reads a line.
  ///
  /// - Throws: ``InvalidTask`` if no requirement can look like this.
  init(_ line: String) throws {
    text = line.trimmed
    isOption = text.hasPrefix("--") || (text.hasPrefix("-") && !text.hasPrefix("-e"))
    let (requirement, marker) = Self.split(text, at: ";")
    if text.hasPrefix("-") {
      self.name = nil
      specifiers = []
      isDecidable = isOption && !text.hasPrefix("-c") && !text.hasPrefix("--constraint")
      return
    }
    if text.hasPrefix(".") || text.hasPrefix("/") || text.contains("://") && !text.contains(" @ ") {
      self.name = nil
      specifiers = []
      isDecidable = false
      return
    }
    let letters = requirement.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    guard let first = letters.first, let last = letters.last, first.isLetter || first.isNumber,
      last.isLetter || last.isNumber
    else {
      throw InvalidTask(
        "\"\(text)\" is no requirement: write a package's name and, if need be, versions, as in \"django==5.1\""
      )
    }
    self.name = normalizedPackageName(letters)
    var rest = requirement.dropFirst(letters.count).trimmed
    var hasExtras = false
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else {
        throw InvalidTask("\"\(text)\" is no requirement: a closing ] is missing")
      }
      hasExtras = true
      rest = rest[rest.index(after: end)...].trimmed
    }
    if rest.hasPrefix("@") {
      specifiers = []
      isDecidable = false
      return
    }
    if rest.hasPrefix("("), rest.hasSuffix(")") { rest = String(rest.dropFirst().dropLast()) }
    specifiers = rest.isEmpty ? [] : rest.split(separator: ",").map { $0.trimmed }
    for specifier in specifiers where VersionSpecifier(specifier) == nil {
      let hint = specifier.hasPrefix("=") ? ": write == for one version" : ""
      throw InvalidTask("\"\(text)\" is no requirement: \"\(specifier)\" is no condition on a version\(hint)")
    }
    isDecidable = !hasExtras && marker == nil
  }

  private static func split(_ text: String, at mark: Character) -> (String, String?) {
    guard let index = text.firstIndex(of: mark) else { return (text, nil) }
    return (text[..<index].trimmed, String(text[text.index(after: index)...]))
  }

  /// Whether what is installed contradicts the line. One that can't be decided by names is not contradicted
  /// by a package that is missing: its marker may not hold.
  func isContradicted(by installed: [String: String]) -> Bool {
    guard let name else { return false }
    guard let version = installed[name] else { return isDecidable }
    return isDecidable && !specifiers.allSatisfy { VersionSpecifier($0)?.isMet(by: version) ?? true }
  }

  /// What a plan says about a line that isn't met.
  func change(from installed: [String: String]) -> Change {
    guard let name, let version = installed[name] else { return .added(text) }
    return .modified("\(name) \(version) → \(text)")
  }
}

/// The lines of a requirements file, read as pip reads them.
struct PipRequirements: Sendable, Equatable {
  var requirements: [PipRequirement]
  /// The files that it includes by `-r`, and takes constraints from by `-c`.
  var includes: [String] = []
  var constraints: [String] = []

  /// Reads a file's text: comments, continued lines, hashes and environment markers are understood
  /// ("Requirements File Format" in pip's documentation).
  ///
  /// - Throws: ``InvalidTask`` with the line that no requirement can look like.
  init(text: String, name: String) throws {
    requirements = []
    var pending = ""
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      var line = String(line)
      if line.hasSuffix("\r") { line.removeLast() }
      if line.trimmed.hasPrefix("#") { continue }
      if line.hasSuffix("\\") {
        pending += line.dropLast() + " "
        continue
      }
      line = pending + line
      pending = ""
      if let comment = line.range(ofComment: ()) { line = String(line[..<comment]) }
      line = line.trimmed
      guard !line.isEmpty else { continue }
      if let path = Self.argument(of: ["-r", "--requirement"], in: line) {
        includes.append(path)
        continue
      }
      if let path = Self.argument(of: ["-c", "--constraint"], in: line) {
        constraints.append(path)
        continue
      }
      let words = line.split(separator: " ").filter { !$0.isEmpty }
      let kept = line.hasPrefix("-") ? words : Array(words.prefix { !$0.hasPrefix("--") })
      do {
        requirements.append(try PipRequirement(kept.joined(separator: " ")))
      } catch let error as InvalidTask {
        throw InvalidTask("\(name), line \(number): \(error.description)")
      }
    }
  }

  private static func argument(of options: [String], in line: String) -> String? {
    for option in options where line.hasPrefix(option) {
      let rest = line.dropFirst(option.count)
      guard let first = rest.first, first == "=" || first.isWhitespace || option.count == 2 else { continue }
      return rest.drop { $0 == "=" || $0.isWhitespace }.trimmed
    }
    return nil
  }
}

extension String {
  /// Where a comment begins: at a `#` that follows a blank, or begins the line.
  fileprivate func range(ofComment: Void) -> String.Index? {
    var previous: Character = " "
    for index in indices {
      if self[index] == "#", previous.isWhitespace { return index }
      previous = self[index]
    }
    return nil
  }
}
