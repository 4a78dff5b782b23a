/// What one line does to the settings of a host for which it is active.
enum Assignment: Sendable {
  /// The first number wins; -1 sets nothing.
  case number(Keyword, Int)
  /// The first text wins.
  case text(Keyword, String)
  /// Several numbers that are set together: if the first isn't set yet.
  case numbers(Keyword, [Int])
  /// A limit of bytes and, on its own, one of seconds.
  case rekeyLimit(bytes: Int, seconds: Int?)
  case agentPath(String)
  /// The first line that has any wins.
  case words(Keyword, [String])
  /// Added to what is there: IdentityFile, CertificateFile.
  case file(Keyword, String)
  case forward(Keyword, Forward)
  case jump(Jump)
  case sendEnv([String])
  case setEnv([String])
  case permittedCNAMEs([PermittedCNAME])
  /// Where the block is active, the host isn't to be connected to (OpenSSH 10.1).
  case refusal(String)
  /// Something that can only be wrong where it is active.
  case failure(String)
}

/// A rule of `CanonicalizePermittedCNAMEs`.
struct PermittedCNAME: Sendable, Hashable {
  var source: String
  var target: String
}

/// One line of a file.
struct Statement: Sendable {
  enum Kind: Sendable {
    case assignment(Keyword, Assignment)
    case include([ConfigFile])
    case unknown(String)
  }

  var kind: Kind
  /// What follows the keyword.
  var text: String
  var origin: ConfigOrigin

  /// Whether OpenSSH looks at the line although its block doesn't apply: it reads the files that are included (for
  /// `Match final`), complains of keywords, and sets two options without asking whether it may.
  var isUnconditional: Bool {
    switch kind {
    case .include, .unknown: true
    case .assignment(let keyword, _): keyword == .syslogFacility || keyword == .streamLocalBindMask
    }
  }
}

/// The lines up to the next `Host` or `Match`.
struct Block: Sendable {
  enum Condition: Sendable {
    /// The lines at the beginning of a file: they are as active as the line that includes the file.
    case inherited
    case host([String])
    case match(MatchLine)
  }

  var condition: Condition
  var origin: ConfigOrigin
  var statements: [Statement] = [] {
    didSet { unconditional = statements.indices.filter { statements[$0].isUnconditional } }
  }
  /// Those of the statements that count in a block that doesn't apply.
  private(set) var unconditional: [Int] = []
}

/// A file, read and checked once.
final class ConfigFile: Sendable {
  let path: String
  let blocks: [Block]

  init(path: String, blocks: [Block]) {
    self.path = path
    self.blocks = blocks
  }
}
