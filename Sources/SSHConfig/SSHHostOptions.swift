/// What a configuration says of one host: typed, with OpenSSH's defaults, `~` and tokens replaced.
///
/// ```swift
/// let config = try SSHConfig.load()
/// let options = try await config.options(for: "web1")
/// print(options.user, options.hostName, options.port, options.proxyJump)
/// ```
public struct SSHHostOptions: Sendable {
  /// The name as it was asked for.
  public let host: String
  /// The name or address to connect to.
  public let hostName: String
  public let port: Int
  public let user: String
  /// Private keys to try, in this order; with OpenSSH's usual names if none are named.
  public let identityFiles: [String]
  /// Whether no IdentityFile was named: a file that is missing is then no reason for a warning.
  public let areIdentityFilesDefaults: Bool
  /// Offer no key of the agent but those of ``identityFiles`` and ``certificateFiles``.
  public let identitiesOnly: Bool
  public let identityAgent: IdentityAgent
  public let certificateFiles: [String]
  /// The hosts to go through, the first is connected to directly. ssh_config(5): "Multiple jump hops may be specified
  /// separated by commas. […] the configuration directives specified for the destination host do not apply to jump
  /// hosts". A hop's own options are those of its name, with this exception: its `proxyJump` counts for the first
  /// alone, because each later hop is reached through the one before it.
  public let proxyJump: [JumpHop]
  /// A command to run by the user's shell, whose standard input and output are the connection.
  public let proxyCommand: String?
  public let userKnownHostsFiles: [String]
  public let globalKnownHostsFiles: [String]
  /// The name that the host's keys are filed under, in place of its own.
  public let hostKeyAlias: String?
  public let strictHostKeyChecking: StrictHostKeyChecking
  public let hashKnownHosts: Bool
  public let checkHostIP: Bool
  public let noHostAuthenticationForLocalhost: Bool
  /// A file of keys that are refused.
  public let revokedHostKeys: String?
  /// For the connection and the key exchange; nil for the system's own.
  public let connectTimeout: Duration?
  /// At least 1; once a second.
  public let connectionAttempts: Int
  /// Zero for never.
  public let serverAliveInterval: Duration
  public let serverAliveCountMax: Int
  public let tcpKeepAlive: Bool
  public let forwardAgent: ForwardAgent
  /// Methods in the order to be tried; empty for OpenSSH's own order.
  public let preferredAuthentications: [String]
  public let pubkeyAuthentication: Bool
  public let passwordAuthentication: Bool
  public let kbdInteractiveAuthentication: Bool
  public let gssapiAuthentication: Bool
  public let hostbasedAuthentication: Bool
  public let numberOfPasswordPrompts: Int
  /// Ask nothing.
  public let batchMode: Bool
  /// nil where nothing is said, here and below.
  public let kexAlgorithms: AlgorithmList?
  public let ciphers: AlgorithmList?
  public let macs: AlgorithmList?
  public let hostKeyAlgorithms: AlgorithmList?
  public let pubkeyAcceptedAlgorithms: AlgorithmList?
  public let caSignatureAlgorithms: AlgorithmList?
  /// Bits; a shorter RSA key is refused.
  public let requiredRSASize: Int
  public let compression: Bool
  public let bindAddress: String?
  public let bindInterface: String?
  public let addressFamily: AddressFamily
  /// Patterns of the names of local variables to send.
  public let sendEnv: [String]
  /// Variables to send.
  public let setEnv: [(name: String, value: String)]
  public let controlPath: String?
  public let pkcs11Provider: String?
  /// nil for OpenSSH's built-in one.
  public let securityKeyProvider: String?
  public let remoteCommand: String?
  /// As ssh_config(5) names the levels.
  public let logLevel: String
  /// All that the files and the command line set for this host, with the line that did, in the order of reading: what
  /// a client doesn't honour it can name.
  public let setOptions: [SetOption]
  /// What `ssh -G HOST` prints, one option a line.
  public var dump: String { Dump.text(resolution) }

  private let resolution: Resolution

  init(_ options: Resolution) throws(SSHConfigError) {
    resolution = options
    let settings = options.settings
    host = options.original
    hostName = options.hostName
    port = options.port
    user = options.user
    areIdentityFilesDefaults = settings.files[.identityFile]?.isEmpty ?? true
    identityFiles = try options.paths(.identityFile, standard: Dump.defaultIdentityFiles)
    certificateFiles = try options.paths(.certificateFile, standard: [])
    identitiesOnly = options.flag(.identitiesOnly)
    identityAgent = IdentityAgent(settings.texts[.identityAgent], options.sources.environment)
    proxyJump = options.jumps.map { JumpHop(user: $0.user, host: $0.host, port: $0.port) }
    proxyCommand = try options.proxyCommand()
    userKnownHostsFiles = options.userKnownHosts
    globalKnownHostsFiles = try options.globalKnownHosts.map { path throws(SSHConfigError) in
      try options.home(.globalKnownHostsFile, path)
    }
    hostKeyAlias = settings.texts[.hostKeyAlias]
    strictHostKeyChecking = StrictHostKeyChecking(number: options.number(.strictHostKeyChecking, 3))
    hashKnownHosts = options.flag(.hashKnownHosts)
    checkHostIP = options.flag(.checkHostIP)
    noHostAuthenticationForLocalhost = options.flag(.noHostAuthenticationForLocalhost)
    revokedHostKeys = try options.text(.revokedHostKeys).map { path throws(SSHConfigError) in
      try options.home(.revokedHostKeys, path)
    }
    let timeout = options.number(.connectTimeout)
    connectTimeout = timeout > 0 ? .seconds(timeout) : nil
    connectionAttempts = options.number(.connectionAttempts, 1)
    serverAliveInterval = .seconds(options.number(.serverAliveInterval, options.flag(.batchMode) ? 300 : 0))
    serverAliveCountMax = options.number(.serverAliveCountMax, 3)
    tcpKeepAlive = options.flag(.tcpKeepAlive, true)
    forwardAgent = ForwardAgent(
      isOn: options.number(.forwardAgent) != 0, path: settings.agentPath, options.sources.environment)
    preferredAuthentications =
      settings.texts[.preferredAuthentications]?.split(separator: ",").map(String.init) ?? []
    pubkeyAuthentication = options.number(.pubkeyAuthentication, 3) != 0
    passwordAuthentication = options.flag(.passwordAuthentication, true)
    kbdInteractiveAuthentication = options.flag(.kbdInteractiveAuthentication, true)
    gssapiAuthentication = options.flag(.gssapiAuthentication)
    hostbasedAuthentication = options.flag(.hostbasedAuthentication)
    numberOfPasswordPrompts = options.number(.numberOfPasswordPrompts, 3)
    batchMode = options.flag(.batchMode)
    kexAlgorithms = settings.texts[.kexAlgorithms].map(AlgorithmList.init)
    ciphers = settings.texts[.ciphers].map(AlgorithmList.init)
    macs = settings.texts[.macs].map(AlgorithmList.init)
    hostKeyAlgorithms = settings.texts[.hostKeyAlgorithms].map(AlgorithmList.init)
    pubkeyAcceptedAlgorithms = settings.texts[.pubkeyAcceptedAlgorithms].map(AlgorithmList.init)
    caSignatureAlgorithms = settings.texts[.caSignatureAlgorithms].map(AlgorithmList.init)
    requiredRSASize = options.number(.requiredRSASize, 1024)
    compression = options.flag(.compression)
    bindAddress = settings.texts[.bindAddress]
    bindInterface = settings.texts[.bindInterface]
    addressFamily = AddressFamily(number: options.number(.addressFamily))
    sendEnv = settings.words[.sendEnv] ?? []
    setEnv = (settings.words[.setEnv] ?? []).map { pair in
      let name = pair.prefix { $0 != "=" }
      return (String(name), String(pair.dropFirst(name.count + 1)))
    }
    controlPath = options.text(.controlPath)
    pkcs11Provider = options.text(.pkcs11Provider)
    securityKeyProvider = options.text(.securityKeyProvider)
    remoteCommand = options.text(.remoteCommand)
    let level = options.number(.logLevel, 3)
    logLevel = SpecialNumbers.logLevels.last { $0.value == level }?.name ?? "INFO"
    setOptions = settings.setOptions
  }
}

extension Resolution {
  /// IdentityFile or CertificateFile; `none` among them is none.
  fileprivate func paths(_ keyword: Keyword, standard: [String]) throws(SSHConfigError) -> [String] {
    var paths: [String] = []
    for path in settings.files[keyword]?.map(\.path) ?? standard where !path.isWord("none") {
      paths.append(try expanded(keyword, path))
    }
    return paths
  }

  /// A path whose `~` alone is replaced.
  fileprivate func home(_ keyword: Keyword, _ path: String) throws(SSHConfigError) -> String {
    do {
      return try sources.expandTilde(path)
    } catch {
      throw self.error(keyword, "\(path): \(error.message)")
    }
  }

  fileprivate func proxyCommand() throws(SSHConfigError) -> String? {
    guard let command = text(.proxyCommand) else { return nil }
    do {
      return try tokens.only("hknpr").expand(command)
    } catch {
      throw self.error(.proxyCommand, "\(command): \(error.message)")
    }
  }
}
