public import MartletCore
public import MartletFacts

/// One line of a text file that others write too.
///
///     LineInFile("/etc/hosts", "10.0.0.5 db")
///     LineInFile("/etc/ssh/sshd_config", "PermitRootLogin no", replacing: #"^#?\s*PermitRootLogin\b"#)
///     LineInFile("/etc/hosts", removing: #"\sold-db$"#)
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
      do { _ = try Regex(pattern) } catch {
        throw InvalidTask("the regular expression \(pattern.debugDescription) for \(path) is wrong: \(error)")
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
    guard let new = try edited(old) else { return .unchanged }
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
    let texts = lines.map { String(decoding: $0.last == 0x0d ? $0.dropLast() : $0[...], as: UTF8.self) }

    func last(matching pattern: String) throws -> Int? {
      let regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
      return texts.lastIndex { $0.contains(regex) }
    }

    guard let line else {
      guard let pattern else { return nil }
      let regex = try Regex(pattern).matchingSemantics(.unicodeScalar)
      let kept = zip(lines, texts).filter { !$0.1.contains(regex) }.map(\.0)
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

  private func joined(_ lines: [[UInt8]], endsInLineBreak: Bool) -> [UInt8] {
    Array(lines.joined(separator: [0x0a])) + (endsInLineBreak && !lines.isEmpty ? [0x0a] : [])
  }
}
