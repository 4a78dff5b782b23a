#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A host's options after all files: defaults, canonical name, and the tokens that `ssh -G` replaces too.
struct Resolution: Sendable {
  var settings: Settings
  let sources: ConfigSources
  /// As typed.
  let original: String
  /// What is connected to.
  var hostName: String
  var user: String
  var port: Int
  var tokens = Tokens(values: [:])
  var userKnownHosts: [String] = []
  var globalKnownHosts: [String] = []
  var updateHostKeys = 0
  /// The lists as OpenSSH 9.2 would use them.
  var algorithms: [Keyword: String] = [:]

  static let algorithmKinds: [(Keyword, AlgorithmKind)] = [
    (.ciphers, .cipher), (.macs, .mac), (.kexAlgorithms, .keyExchange), (.hostKeyAlgorithms, .key),
    (.hostbasedAcceptedAlgorithms, .key), (.pubkeyAcceptedAlgorithms, .key),
    (.caSignatureAlgorithms, .caSignature),
  ]

  func number(_ keyword: Keyword, _ standard: Int = 0) -> Int { settings.numbers[keyword] ?? standard }

  func flag(_ keyword: Keyword, _ standard: Bool = false) -> Bool { number(keyword, standard ? 1 : 0) == 1 }

  /// A text that may be `none`; nil then.
  func text(_ keyword: Keyword) -> String? { settings.isClear(keyword) ? nil : settings.texts[keyword] }

  /// An error at the line that set an option.
  func error(_ keyword: Keyword, _ message: String) -> SSHConfigError {
    SSHConfigError("\(keyword.rawValue) \(message)", at: settings.origin(of: keyword))
  }

  init(
    _ settings: Settings, sources: ConfigSources, machine: Machine, original: String, hostName: String
  ) throws(SSHConfigError) {
    self.settings = settings
    self.sources = sources
    self.original = original
    self.hostName = hostName
    user = settings.texts[.user] ?? sources.userName
    port = settings.numbers[.port] ?? Machine.defaultPort
    setKnownHosts()
    for (keyword, kind) in Self.algorithmKinds {
      guard let list = kind.assembled(settings.texts[keyword]) else {
        throw error(keyword, "\(settings.texts[keyword] ?? "") leaves no algorithm")
      }
      algorithms[keyword] = list
    }
    if flag(.clearAllForwardings) {
      self.settings.localForwards = []
      self.settings.remoteForwards = []
      self.settings.numbers[.tunnel] = 0
    }
    try checkJump()
    guard !flag(.proxyUseFdpass) || settings.texts[.proxyCommand] != "-" else {
      throw error(.proxyCommand, "- and ProxyUseFdpass exclude each other")
    }
    self.settings.texts[.hostKeyAlias] = settings.texts[.hostKeyAlias]?.asciiLowercased
    setUpdateHostKeys()
    guard number(.connectionAttempts, 1) > 0 else { throw error(.connectionAttempts, "must be at least 1") }
    tokens = machine.tokens(
      host: hostName, original: original, port: port, user: user,
      keyAlias: self.settings.texts[.hostKeyAlias] ?? original, jump: jumps.last?.host ?? "", sources)
    try expand()
  }

  /// The hops of ProxyJump.
  var jumps: [Destination] { settings.jump?.hops ?? [] }

  private mutating func checkJump() throws(SSHConfigError) {
    guard let last = jumps.last else { return }
    // ssh never passes a descriptor for ProxyJump.
    settings.numbers[.proxyUseFdpass] = 0
    let samePort = (last.port ?? Machine.defaultPort) == port
    if last.host == hostName, samePort, (last.user ?? user) == user {
      throw error(
        .proxyJump, "goes through the host itself, \(last.host): exclude it with Host !\(last.host)")
    }
  }

  private mutating func setKnownHosts() {
    let users = settings.words[.userKnownHostsFile] ?? []
    let isUsual = users.isEmpty || users == ["~/.ssh/known_hosts"]
    updateHostKeys = number(.updateHostKeys, number(.verifyHostKeyDNS) <= 0 && isUsual ? 1 : 0)
    userKnownHosts = users.isEmpty ? ["~/.ssh/known_hosts", "~/.ssh/known_hosts2"] : users
    globalKnownHosts =
      settings.words[.globalKnownHostsFile] ?? ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
    if userKnownHosts.first?.isWord("none") == true { userKnownHosts = [] }
    if globalKnownHosts.first?.isWord("none") == true { globalKnownHosts = [] }
  }

  /// `ask` gives way to what can't be asked with.
  private mutating func setUpdateHostKeys() {
    guard updateHostKeys == 2 else { return }
    let persists = settings.numberLists[.controlPersist]?[0] == 1 && text(.controlPath) != nil
    let isQuiet = number(.logLevel, 3) < 3
    if persists || text(.remoteCommand) != nil || number(.requestTTY) == 1 || isQuiet { updateHostKeys = 0 }
  }

  private mutating func expand() throws(SSHConfigError) {
    if let command = text(.remoteCommand) {
      settings.texts[.remoteCommand] = try expanded(.remoteCommand, command, isPath: false)
    }
    if let path = text(.controlPath) { settings.texts[.controlPath] = try expanded(.controlPath, path) }
    if let path = settings.texts[.identityAgent] {
      settings.texts[.identityAgent] = try expanded(.identityAgent, path)
    }
    if let path = settings.agentPath {
      let path = try expanded(.forwardAgent, path)
      settings.agentPath = path
      if flag(.exitOnForwardFailure), !FileManager.default.fileExists(atPath: path) {
        throw error(.forwardAgent, "\(path) isn't there, and ExitOnForwardFailure is on")
      }
    }
    for index in userKnownHosts.indices {
      userKnownHosts[index] = try expanded(.userKnownHostsFile, userKnownHosts[index])
    }
    try expand(\.localForwards, .localForward)
    try expand(\.remoteForwards, .remoteForward)
  }

  private mutating func expand(
    _ forwards: WritableKeyPath<Settings, [Forward]>, _ keyword: Keyword
  ) throws(SSHConfigError) {
    for index in settings[keyPath: forwards].indices {
      for path in [\Forward.listenPath, \Forward.connectPath] {
        guard let text = settings[keyPath: forwards][index][keyPath: path] else { continue }
        settings[keyPath: forwards][index][keyPath: path] = try expanded(keyword, text, isPath: false)
      }
    }
  }

  /// A value with its tokens replaced; a path also with `~` and `${NAME}`.
  func expanded(_ keyword: Keyword, _ text: String, isPath: Bool = true) throws(SSHConfigError) -> String {
    do {
      guard isPath else { return try tokens.expand(text) }
      return try tokens.expand(try sources.expandTilde(text), environment: sources.environment)
    } catch {
      throw self.error(keyword, "\(text): \(error.message)")
    }
  }
}
