public import MartletCore
public import MartletFacts

/// One line of a text file that others write too.
///
///     LineInFile("/etc/hosts", "10.0.0.5 db")
///     LineInFile("/etc/ssh/sshd_config", "PermitRootLogin no", replacing: #"^#?\s*PermitRootLogin\b"#)
///     LineInFile("/etc/hosts", removing: #"\sold-db$"#)
///
/// Regular expressions are those of Python's `re`, as in Ansible's `lineinfile`: `\b`, `\s`, `(?i)`, `(?<!…)` and all
/// else means the same. An expression sees a line without its line break, so `$` is the end of a line in a DOS file
/// too. What is wrong, or means nothing there, is refused before anything is sent; an expression that would take
/// longer than about a second over one file, as `(a+)+$` can, fails.
///
/// The file is read, changed on the controller and written whole, so that the plan shows the exact
/// difference, and several such tasks for one file take one exchange. It keeps its owner and mode. If someone
/// else changes the file in between, nothing is written.
public struct LineInFile: HostTask {
  /// Where a new line goes.
  @frozen public enum Place: Sendable, Hashable {
    /// Behind all others.
    case end
    /// Before all others.
    case start
    /// Behind the last line that the regular expression matches; at the end if there is none.
    case after(String)
    /// Before the last line that the regular expression matches; at the end if there is none.
    case before(String)
  }

  let path: RemotePath
  let line: Contents?
  let pattern: String?
  let template: String?
  let place: Place
  let createMode: FileMode?
  let check: ShellCommand?

  /// - Parameters:
  ///   - path: The file.
  ///   - line: The line, without a line break.
  ///   - replacing: A regular expression; the last line that it matches is replaced. If it matches none, the
  ///     line is put in, unless it is there already.
  ///   - at: Where the line goes if it is put in.
  ///   - create: The mode to make a missing file with; nil if that is an error.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(
    _ path: RemotePath, _ line: Contents, replacing: String? = nil, at place: Place = .end,
    create: FileMode? = nil, validate: ShellCommand? = nil
  ) {
    self.path = path
    self.line = line
    pattern = replacing
    template = nil
    self.place = place
    createMode = create
    check = validate
  }

  /// No line that the regular expression matches. A missing file has none.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - removing: The regular expression; every line that it matches is removed.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(_ path: RemotePath, removing pattern: String, validate: ShellCommand? = nil) {
    self.path = path
    line = nil
    self.pattern = pattern
    template = nil
    place = .end
    createMode = nil
    check = validate
  }

  /// The last line that a regular expression matches, made anew from its parts. Where none matches, nothing is done.
  ///
  ///     LineInFile("/etc/default/grub", replacing: #"^(GRUB_TIMEOUT)=.*"#, with: #"\1=2"#)
  ///
  /// The expression must match the new line too, and make the same of it: otherwise each run would change it again.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - replacing: The regular expression.
  ///   - template: The whole new line: `\1` or `\g<name>` is what a group matched, `\g<0>` what the expression did,
  ///     `\\` a backslash.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(
    _ path: RemotePath, replacing pattern: String, with template: String, validate: ShellCommand? = nil
  ) {
    self.path = path
    line = nil
    self.pattern = pattern
    self.template = template
    place = .end
    createMode = nil
    check = validate
  }

  public var label: String { "line in \(path)" }

  public var observes: All<FileState, FileText, FileState> {
    All(FileState(path), FileText(path), FileState(path.parent))
  }

  public func validate() throws {
    if let line, line.bytes.contains(where: { $0 == 0x0a || $0 == 0x0d || $0 == 0 }) {
      throw InvalidTask(
        "the line for \(path) has a line break in it: use one LineInFile for each line, or File")
    }
    if let line, line.bytes.isEmpty { throw InvalidTask("the line for \(path) is empty") }
    var patterns = [pattern].compactMap { $0 }
    switch place {
    case .after(let pattern), .before(let pattern): patterns.append(pattern)
    case .start, .end: break
    }
    for pattern in patterns {
      if pattern.isEmpty {
        throw InvalidTask("a regular expression for \(path) is empty, and would match every line")
      }
      let expression: RegularExpression
      do { expression = try RegularExpression(pattern) } catch { throw InvalidTask("\(path): \(error)") }
      guard let template else { continue }
      if template.utf8.contains(where: { $0 == 0x0a || $0 == 0x0d || $0 == 0 }) {
        throw InvalidTask("the line for \(path) has a line break in it: a LineInFile makes one line")
      }
      do { _ = try RegexTemplate(template, of: expression) } catch let error as RegularExpressionError {
        throw InvalidTask(
          "\(path): the replacement \(template.debugDescription) can't be used: \(error.problem)")
      }
    }
  }

  public func decide(given facts: (FileStatus, FileTextValue, FileStatus)) throws -> Decision {
    let (found, text, folder) = facts
    let old: [UInt8]
    switch (text, line, createMode) {
    case (.text(let bytes), _, _): old = bytes
    case (.absent, nil, _): return .unchanged
    case (.absent, _, .some): old = []
    case (.absent, _, nil):
      return .failed("\(path) doesn't exist: make it first, or say create: 0o644")
    case (.tooLarge, _, _):
      return .failed("\(path) is larger than \(FileText.limit / 1024) KiB, too large to change a line of it")
    case (.notAFile, _, _) where found.kind == .symbolicLink:
      return .failed("\(path) is a symbolic link: name the file that it leads to")
    case (.notAFile, _, _): return .failed("\(path) is not a regular file")
    }
    let new: [UInt8]
    do {
      guard let edited = try edited(old) else { return .unchanged }
      new = edited
    } catch let error as RegularExpressionError {
      return .failed("\(path): \(error)")
    }
    var contents = Contents(bytes: new)
    // A file with a secret line is not shown, and what is secret about it is remembered.
    if let line, line.isSecret { contents = Contents(bytes: new, secrets: line.secrets) }
    if text == .absent, !folder.exists {
      return .failed(
        "the folder \(path.parent) doesn't exist: make it first, with Directory(\"\(path.parent)\")")
    }
    let sum = text == .absent ? nil : SHA256.hex(old)
    let writing = FileWriting(
      path: path, content: contents, attributes: Ownership(mode: found.exists ? found.mode : createMode),
      validate: check ?? DaemonFile.check(of: path, contents),
      // Not what somebody else wrote since the look; what it is to be, if the answer about that was lost.
      replaceable: [sum ?? "-", SHA256.hex(new)])
    if check == nil,
      let problem = DaemonFile.problem(path, contents, mode: found.exists ? found.mode : createMode ?? 0o644)
    {
      return .failed(problem)
    }
    return [writing.write(over: found, in: folder, sum: sum, old: sum == nil ? nil : old)]
  }

  /// The bytes with the line put right; nil if it is right already.
  func edited(_ old: [UInt8]) throws -> [UInt8]? {
    var lines = old.split(separator: 0x0a, omittingEmptySubsequences: false).map { Array($0) }
    let endsInLineBreak = lines.last?.isEmpty == true
    if endsInLineBreak { lines.removeLast() }
    let isDOS = !lines.isEmpty && lines.allSatisfy { $0.last == 0x0d }
    func text(_ line: [UInt8]) -> [UInt32] {
      RegexText.scalars(of: line.last == 0x0d ? line.dropLast() : line[...])
    }

    func last(matching pattern: String) throws -> Int? {
      var matcher = RegexMatcher(try RegularExpression(pattern))
      return try lines.lastIndex { try matcher.firstMatch(in: text($0)) != nil }
    }

    if let pattern, let template {
      return try edited(lines, pattern, template, text: text) {
        joined($0, endsInLineBreak: endsInLineBreak)
      }
    }
    guard let line else {
      guard let pattern else { return nil }
      var matcher = RegexMatcher(try RegularExpression(pattern))
      let kept = try lines.filter { try matcher.firstMatch(in: text($0)) == nil }
      guard kept.count < lines.count else { return nil }
      return joined(kept, endsInLineBreak: endsInLineBreak || kept.last != lines.last)
    }
    let wanted = line.bytes + (isDOS ? [0x0d] : [])
    if let pattern, let match = try last(matching: pattern) {
      if lines[match] == wanted { return nil }
      lines[match] = wanted
      return joined(lines, endsInLineBreak: endsInLineBreak)
    }
    if lines.contains(wanted) { return nil }
    let index: Int
    switch place {
    case .start: index = 0
    case .end: index = lines.count
    case .after(let pattern): index = try last(matching: pattern).map { $0 + 1 } ?? lines.count
    case .before(let pattern): index = try last(matching: pattern) ?? lines.count
    }
    let isLast = index == lines.count
    lines.insert(wanted, at: index)
    return joined(lines, endsInLineBreak: endsInLineBreak || isLast)
  }

  /// The lines with the last that matches made anew; nil if none does, or it is right.
  private func edited(
    _ lines: [[UInt8]], _ pattern: String, _ template: String, text: ([UInt8]) -> [UInt32],
    join: ([[UInt8]]) -> [UInt8]
  ) throws -> [UInt8]? {
    let expression = try RegularExpression(pattern)
    let template = try RegexTemplate(template, of: expression)
    var matcher = RegexMatcher(expression)
    for (index, line) in lines.enumerated().reversed() {
      let scalars = text(line)
      guard let match = try matcher.firstMatch(in: scalars) else { continue }
      let new = template.filled(with: match, in: scalars) + (line.last == 0x0d ? [0x0d] : [])
      if new == line { return nil }
      var lines = lines
      lines[index] = new
      return join(lines)
    }
    return nil
  }

  private func joined(_ lines: [[UInt8]], endsInLineBreak: Bool) -> [UInt8] {
    Array(lines.joined(separator: [0x0a])) + (endsInLineBreak && !lines.isEmpty ? [0x0a] : [])
  }
}
