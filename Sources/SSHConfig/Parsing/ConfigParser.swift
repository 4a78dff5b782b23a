/// Reads files into blocks of checked statements: once, for every host.
///
/// OpenSSH reads a file anew for each connection and checks all of its lines, also of blocks that don't apply, so
/// all that can be wrong in a line is found here.
struct ConfigParser {
  let sources: ConfigSources
  let values: ValueParser
  /// Files read so far: a directory of files that include each other must end.
  private var fileCount = 0

  /// OpenSSH's `READCONF_MAX_DEPTH`.
  private static let deepest = 16
  private static let mostFiles = 10_000

  init(sources: ConfigSources) {
    self.sources = sources
    values = ValueParser(environment: sources.environment)
  }

  /// - Parameters:
  ///   - isUsers: a relative `Include` is one of ~/.ssh, and `~` is allowed in it.
  ///   - checksPermissions: refuse a file that others can write to.
  /// - Returns: nil if the file isn't there.
  mutating func file(
    _ path: String, isUsers: Bool, checksPermissions: Bool, depth: Int = 0, from origin: ConfigOrigin? = nil
  ) throws(SSHConfigError) -> ConfigFile? {
    guard depth <= Self.deepest else {
      throw SSHConfigError(
        "Include goes deeper than \(Self.deepest) files: does \(path) include itself?", at: origin)
    }
    fileCount += 1
    guard fileCount <= Self.mostFiles else {
      throw SSHConfigError(
        "more than \(Self.mostFiles) files are included: do they include each other?", at: origin)
    }
    guard let content = try sources.read(path, checksPermissions: checksPermissions) else { return nil }
    var blocks = [Block(condition: .inherited, origin: ConfigOrigin(file: path, line: 1))]
    var statements: [Statement] = []
    var number = 0
    for line in content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let origin = ConfigOrigin(file: path, line: number)
      guard
        let parsed = try parse(Array(line), isUsers: isUsers, isCommandLine: false, depth: depth, at: origin)
      else { continue }
      switch parsed {
      case .block(let condition):
        blocks[blocks.count - 1].statements = statements
        statements = []
        blocks.append(Block(condition: condition, origin: origin))
      case .statement(let statement): statements.append(statement)
      }
    }
    blocks[blocks.count - 1].statements = statements
    return ConfigFile(path: path, blocks: blocks)
  }

  /// What a `-o` says. An unknown keyword is an error when the settings are made, if IgnoreUnknown doesn't have it.
  mutating func commandLine(_ text: String) throws(SSHConfigError) -> Statement? {
    let line = try parse(Array(text.utf8), isUsers: true, isCommandLine: true, depth: 0, at: .commandLine)
    if case .statement(let statement) = line { return statement }
    return nil
  }

  private enum Line {
    case block(Block.Condition)
    case statement(Statement)
  }

  /// - Returns: nil for an empty line, a comment, and a keyword without effect.
  private mutating func parse(
    _ line: [UInt8], isUsers: Bool, isCommandLine: Bool, depth: Int, at origin: ConfigOrigin
  ) throws(SSHConfigError) -> Line? {
    var text = line.prefix { $0 != 0 }
    while text.count > 1, let last = text.last, Words.isWhitespace(last) || last == 0x0c { text.removeLast() }
    var delimited = Words.Delimited(Array(text))
    var first = delimited.next()
    // Leading whitespace yields an empty word.
    if first?.isEmpty == true { first = delimited.next() }
    guard let first, !first.isEmpty, first[0] != UInt8(ascii: "#") else { return nil }
    let word = String(bytes: first.asciiLowercased)
    let rest = Array((delimited.rest ?? []).drop(while: Words.isWhitespace))
    guard !rest.isEmpty else { throw SSHConfigError("\(String(bytes: first)) has no value", at: origin) }
    guard let words = Words.split(rest) else {
      throw SSHConfigError("a quote isn't closed in the value of \(String(bytes: first))", at: origin)
    }
    let shown = String(bytes: rest)
    let meaning = Keyword.meaning(of: word)
    func statement(_ kind: Statement.Kind) -> Line {
      .statement(Statement(kind: kind, text: shown, origin: origin))
    }
    switch meaning {
    case .ignored, .unsupported: return nil
    case .unknown: return statement(.unknown(word))
    case .host, .match, .include:
      guard !isCommandLine else {
        throw SSHConfigError("\(String(bytes: first)) can't be given on the command line", at: origin)
      }
    case .option(let keyword):
      guard String(validating: rest, as: UTF8.self) != nil else {
        return statement(.assignment(keyword, .failure("the value of \(keyword.rawValue) is not UTF-8")))
      }
      let line = ValueParser.Line(
        keyword: keyword, rest: rest, words: words.map(String.init(bytes:)), isCommandLine: isCommandLine,
        origin: origin)
      guard let assignment = try values.assignment(line) else { return nil }
      return statement(.assignment(keyword, assignment))
    }
    switch meaning {
    case .host: return .block(.host(words.map(String.init(bytes:))))
    case .match: return .block(.match(try MatchLine(rest, wordCount: words.count, at: origin)))
    default:
      let names = words.map(String.init(bytes:))
      return statement(.include(try include(names, isUsers: isUsers, depth: depth, at: origin)))
    }
  }

  /// ssh_config(5), "Include": "Include the specified configuration file(s). Multiple pathnames may be specified and
  /// each pathname may contain glob(7) wildcards and, for user configurations, shell-like ‘~’ references to user
  /// home directories. Wildcards will be expanded and processed in lexical order. Files without absolute paths are
  /// assumed to be in ~/.ssh if included in a user configuration file or /etc/ssh if included from the system
  /// configuration file. Include directive may appear inside a Match or Host block to perform conditional
  /// inclusion."
  private mutating func include(
    _ names: [String], isUsers: Bool, depth: Int, at origin: ConfigOrigin
  ) throws(SSHConfigError) -> [ConfigFile] {
    var files: [ConfigFile] = []
    for name in names {
      guard !name.isEmpty else { throw SSHConfigError("Include has an empty name", at: origin) }
      guard isUsers || !name.hasPrefix("~") else {
        throw SSHConfigError("Include \(name): ~ has no meaning in the system's configuration", at: origin)
      }
      let pattern =
        name.hasPrefix("/") || name.hasPrefix("~") ? name : (isUsers ? "~/.ssh/" : "/etc/ssh/") + name
      for path in sources.paths(matching: pattern) {
        // What matches but can't be opened, such as a link to nowhere, is an error for OpenSSH too.
        guard
          let file = try file(path, isUsers: isUsers, checksPermissions: true, depth: depth + 1, from: origin)
        else { throw SSHConfigError("Include \(name): \(path) can't be read", at: origin) }
        files.append(file)
      }
    }
    return files
  }
}
