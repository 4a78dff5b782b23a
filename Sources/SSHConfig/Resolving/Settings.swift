/// An option that the files or the command line set for a host.
public struct SetOption: Sendable, Hashable {
  /// The keyword as ssh_config(5) spells it, such as `ProxyJump`.
  public let keyword: String
  /// What the line says after the keyword.
  public let value: String
  /// Where it says so.
  public let origin: ConfigOrigin
}

/// What is known of a host's options while the files are gone through.
///
/// ssh_config(5): "Unless noted otherwise, for each parameter, the first obtained value will be used."
struct Settings: Sendable {
  /// A path, and whether the user's own files name it: OpenSSH takes the same path from the system's for another.
  struct NamedFile: Sendable, Hashable {
    var path: String
    var isUsers: Bool
  }

  var numbers: [Keyword: Int] = [:]
  var texts: [Keyword: String] = [:]
  var words: [Keyword: [String]] = [:]
  var numberLists: [Keyword: [Int]] = [:]
  var files: [Keyword: [NamedFile]] = [:]
  /// LocalForward and DynamicForward.
  var localForwards: [Forward] = []
  var remoteForwards: [Forward] = []
  var permittedCNAMEs: [PermittedCNAME] = []
  /// `Jump.none` counts as set.
  var jump: Jump?
  /// ForwardAgent with a path; it may be set although ForwardAgent itself was set to no before.
  var agentPath: String?
  var rekeyBytes: Int?
  var rekeySeconds: Int?
  var wantsFinalPass = false
  var setOptions: [SetOption] = []

  /// OpenSSH's limits.
  private static let mostFiles = 100
  private static let mostWords = 32

  /// Takes over a line's value where nothing is set yet.
  ///
  /// - Parameters:
  ///   - isActive: false for the lines that OpenSSH looks at although their block doesn't apply.
  ///   - isUsers: whether the line is of the user's own files or of the command line.
  mutating func apply(_ statement: Statement, isActive: Bool, isUsers: Bool) throws(SSHConfigError) {
    switch statement.kind {
    case .include: break
    case .unknown(let word):
      let ignored = texts[.ignoreUnknown].map {
        Patterns.matchesList(word, $0, lowercasing: true) == .positive
      }
      guard ignored == true else {
        throw SSHConfigError(
          "there is no option \(word) (IgnoreUnknown \(word), before it, lets it pass)", at: statement.origin)
      }
    case .assignment(let keyword, let assignment):
      if try take(assignment, keyword, isActive: isActive, isUsers: isUsers, at: statement.origin) {
        setOptions.append(
          SetOption(keyword: keyword.rawValue, value: statement.text, origin: statement.origin))
      }
    }
  }

  /// - Returns: whether it changed anything.
  private mutating func take(
    _ assignment: Assignment, _ keyword: Keyword, isActive: Bool, isUsers: Bool, at origin: ConfigOrigin
  ) throws(SSHConfigError) -> Bool {
    func error(_ message: String) -> SSHConfigError {
      SSHConfigError("\(keyword.rawValue): \(message)", at: origin)
    }
    switch assignment {
    case .number(let keyword, let value):
      // OpenSSH always takes the last mask.
      guard numbers[keyword] == nil || keyword == .streamLocalBindMask else { return false }
      numbers[keyword] = value
    case .text(let keyword, let text):
      guard texts[keyword] == nil else { return false }
      texts[keyword] = text
    case .numbers(let keyword, let values):
      guard numberLists[keyword] == nil else { return false }
      numberLists[keyword] = values
    case .rekeyLimit(let bytes, let seconds):
      guard rekeyBytes == nil || rekeySeconds == nil && seconds != nil else { return false }
      if rekeyBytes == nil { rekeyBytes = bytes }
      if rekeySeconds == nil { rekeySeconds = seconds }
    case .agentPath(let path):
      guard numbers[.forwardAgent] == nil || agentPath == nil else { return false }
      if numbers[.forwardAgent] == nil { numbers[.forwardAgent] = 1 }
      if agentPath == nil { agentPath = path }
    case .words(let keyword, let list):
      guard words[keyword] == nil else { return false }
      guard list.count <= Self.mostWords || keyword == .permitRemoteOpen || keyword == .logVerbose else {
        throw error("more than \(Self.mostWords) entries")
      }
      // OpenSSH 9.2 keeps the first alone.
      words[keyword] = keyword == .logVerbose ? Array(list.prefix(1)) : list
    case .file(let keyword, let path):
      guard files[keyword, default: []].count < Self.mostFiles else {
        throw error("more than \(Self.mostFiles) files")
      }
      let file = NamedFile(path: path, isUsers: isUsers)
      guard !files[keyword, default: []].contains(file) else { return false }
      files[keyword, default: []].append(file)
    case .forward(.remoteForward, let forward):
      guard !remoteForwards.contains(forward) else { return false }
      remoteForwards.append(forward)
    case .forward(_, let forward):
      guard !localForwards.contains(forward) else { return false }
      localForwards.append(forward)
    case .jump(let value): return take(value)
    case .sendEnv(let names):
      for name in names {
        if name.hasPrefix("-") {
          let pattern = String(name.dropFirst())
          words[.sendEnv]?.removeAll { Patterns.matches($0, pattern) }
        } else {
          words[.sendEnv, default: []].append(name)
        }
      }
    case .setEnv(let list):
      guard words[.setEnv] == nil else { return false }
      var names: Set<Substring> = []
      words[.setEnv] = list.filter { names.insert($0.prefix { $0 != "=" }).inserted }
    case .permittedCNAMEs(let rules):
      guard permittedCNAMEs.isEmpty else { return false }
      guard rules.count <= Self.mostWords else { throw error("more than \(Self.mostWords) entries") }
      permittedCNAMEs = rules
    case .refusal(let reason): throw error("the configuration refuses this host: \(reason)")
    case .failure(let message): throw SSHConfigError(message, at: origin)
    }
    return true
  }

  /// ssh_config(5), "ProxyJump": "Note that this option will compete with the ProxyCommand option - whichever is
  /// specified first will prevent later instances of the other from taking effect."
  private mutating func take(_ value: Jump) -> Bool {
    guard jump == nil else { return false }
    if value.hops.isEmpty {
      jump = value
      return true
    }
    guard texts[.proxyCommand] == nil else { return false }
    jump = value
    texts[.proxyCommand] = "none"
    return true
  }

  /// Whether an option that may be `none` is unset or says so.
  func isClear(_ keyword: Keyword) -> Bool { texts[keyword].map { $0.isWord("none") } ?? true }

  /// Where an option was set.
  func origin(of keyword: Keyword) -> ConfigOrigin? {
    setOptions.first { $0.keyword == keyword.rawValue }?.origin
  }
}
