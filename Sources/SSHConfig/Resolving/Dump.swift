/// What `ssh -G` prints: OpenSSH 9.2's keywords in its order.
struct Dump {
  private let options: Resolution
  private var lines: [String] = []

  /// The lines for a host, each with its newline.
  static func text(_ options: Resolution) -> String {
    var dump = Dump(options: options)
    dump.write()
    return dump.lines.map { $0 + "\n" }.joined()
  }

  private init(options: Resolution) { self.options = options }

  private mutating func write() {
    add("host", options.original)
    add("user", options.user)
    add("hostname", options.hostName)
    add("port", "\(options.port)")
    for (keyword, standard) in Self.states { state(keyword, standard) }
    number(.canonicalizeMaxDots, 1)
    number(.connectionAttempts, 1)
    number(.forwardX11Timeout, 1200)
    number(.numberOfPasswordPrompts, 3)
    number(.serverAliveCountMax, 3)
    number(.serverAliveInterval, options.flag(.batchMode) ? 300 : 0)
    number(.requiredRSASize, 1024)
    for keyword in Self.texts { text(keyword) }
    forwards(.dynamicForward, options.settings.localForwards)
    forwards(.localForward, options.settings.localForwards)
    forwards(.remoteForward, options.settings.remoteForwards)
    files()
    special()
    proxy()
  }

  /// The options of a few states, with what they are when nothing is said.
  private static let states: [(Keyword, Int)] = [
    (.addressFamily, 0), (.batchMode, 0), (.canonicalizeFallbackLocal, 1), (.canonicalizeHostname, 0),
    (.checkHostIP, 0), (.compression, 0), (.controlMaster, 0), (.enableSSHKeysign, 0),
    (.clearAllForwardings, 0), (.exitOnForwardFailure, 0), (.fingerprintHash, 2), (.forwardX11, 0),
    (.forwardX11Trusted, 1), (.gatewayPorts, 0), (.gssapiAuthentication, 0), (.gssapiKeyExchange, 0),
    (.gssapiDelegateCredentials, 0), (.gssapiTrustDNS, 0), (.gssapiRenewalForcesRekey, 0),
    (.gssapiClientIdentity, 0), (.gssapiServerIdentity, 0), (.gssapiKexAlgorithms, 0), (.hashKnownHosts, 0),
    (.hostbasedAuthentication, 0), (.identitiesOnly, 0), (.kbdInteractiveAuthentication, 1),
    (.noHostAuthenticationForLocalhost, 0), (.passwordAuthentication, 1), (.permitLocalCommand, 0),
    (.proxyUseFdpass, 0), (.pubkeyAuthentication, 3), (.requestTTY, 0), (.sessionType, 2), (.stdinNull, 0),
    (.forkAfterAuthentication, 0), (.streamLocalBindUnlink, 0), (.strictHostKeyChecking, 3),
    (.tcpKeepAlive, 1), (.tunnel, 0), (.verifyHostKeyDNS, 0), (.visualHostKey, 0), (.updateHostKeys, 0),
    (.enableEscapeCommandline, 0),
  ]

  private static let texts: [Keyword] = [
    .bindAddress, .bindInterface, .ciphers, .controlPath, .hostKeyAlgorithms, .hostKeyAlias,
    .hostbasedAcceptedAlgorithms, .identityAgent, .ignoreUnknown, .kbdInteractiveDevices, .kexAlgorithms,
    .caSignatureAlgorithms, .localCommand, .remoteCommand, .logLevel, .macs, .pkcs11Provider,
    .securityKeyProvider, .preferredAuthentications, .pubkeyAcceptedAlgorithms, .revokedHostKeys,
    .xAuthLocation, .knownHostsCommand,
  ]

  private mutating func add(_ name: String, _ value: String) { lines.append("\(name) \(value)") }

  private mutating func number(_ keyword: Keyword, _ standard: Int) {
    add(keyword.lowercase, "\(options.number(keyword, standard))")
  }

  private mutating func state(_ keyword: Keyword, _ standard: Int) {
    let value = options.number(keyword, standard)
    switch keyword {
    case .gssapiClientIdentity, .gssapiServerIdentity:
      if let text = options.settings.texts[keyword] { add(keyword.lowercase, text) }
    case .gssapiKexAlgorithms:
      let standard = AlgorithmKind.gssKeyExchange.defaults.joined(separator: ",")
      add(keyword.lowercase, options.settings.texts[keyword] ?? standard)
    case .fingerprintHash: add(keyword.lowercase, SpecialNumbers.hashes[value])
    case .updateHostKeys: add(keyword.lowercase, States.ask.name(of: options.updateHostKeys))
    case .compression, .addressFamily, .canonicalizeHostname, .controlMaster, .pubkeyAuthentication,
      .requestTTY, .sessionType, .strictHostKeyChecking, .tunnel, .verifyHostKeyDNS:
      add(keyword.lowercase, (States.of(keyword) ?? .flag).name(of: value))
    default: add(keyword.lowercase, value == 1 ? "yes" : "no")
    }
  }

  private mutating func text(_ keyword: Keyword) {
    let name = keyword.lowercase
    switch keyword {
    case .logLevel:
      let level = options.number(.logLevel, 3)
      add(name, SpecialNumbers.logLevels.first { $0.value == level }?.name ?? "INFO")
    case .securityKeyProvider:
      if options.settings.texts[keyword] == nil { add(name, "internal") } else { addUnlessNone(keyword) }
    case .xAuthLocation: add(name, options.settings.texts[keyword] ?? "/usr/bin/xauth")
    case .localCommand, .remoteCommand, .controlPath, .revokedHostKeys, .pkcs11Provider, .knownHostsCommand:
      addUnlessNone(keyword)
    default:
      if let text = options.algorithms[keyword] ?? options.settings.texts[keyword] { add(name, text) }
    }
  }

  private mutating func addUnlessNone(_ keyword: Keyword) {
    if let text = options.text(keyword) { add(keyword.lowercase, text) }
  }

  private mutating func forwards(_ keyword: Keyword, _ list: [Forward]) {
    for forward in list {
      let isSocks = forward.connectHost == "socks"
      // OpenSSH shows a forwarding to a socket's path as both.
      if keyword == .dynamicForward, forward.connectHost != nil, !isSocks { continue }
      if keyword == .localForward, isSocks { continue }
      var text = Self.end(forward.listenHost, forward.listenPort, forward.listenPath)
      if keyword != .dynamicForward {
        text += " " + Self.end(forward.connectHost, forward.connectPort, forward.connectPath)
      }
      add(keyword.lowercase, text)
    }
  }

  private static func end(_ host: String?, _ port: Int, _ path: String?) -> String {
    if port == Forward.pathPort { return path ?? "" }
    return host.map { "[\($0)]:\(port)" } ?? "\(port)"
  }

  private mutating func files() {
    let settings = options.settings
    for path in settings.files[.identityFile]?.map(\.path) ?? Self.defaultIdentityFiles {
      add("identityfile", path)
    }
    line(.canonicalDomains, settings.words[.canonicalDomains] ?? [])
    for file in settings.files[.certificateFile] ?? [] { add("certificatefile", file.path) }
    line(.globalKnownHostsFile, options.globalKnownHosts)
    line(.userKnownHostsFile, options.userKnownHosts)
    for name in settings.words[.sendEnv] ?? [] { add("sendenv", name) }
    for pair in settings.words[.setEnv] ?? [] { add("setenv", pair) }
    line(.logVerbose, settings.words[.logVerbose] ?? [])
    line(.permitRemoteOpen, settings.words[.permitRemoteOpen] ?? ["any"])
  }

  static let defaultIdentityFiles = [
    "rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa",
  ].map { "~/.ssh/id_" + $0 }

  private mutating func line(_ keyword: Keyword, _ words: [String]) {
    add(keyword.lowercase, words.isEmpty ? "none" : words.joined(separator: " "))
  }

  private mutating func special() {
    let settings = options.settings
    let keys = settings.numberLists[.addKeysToAgent] ?? [0, 0]
    add(
      "addkeystoagent",
      keys[1] <= 0 ? States.confirm.name(of: keys[0]) : (keys[0] == 3 ? "confirm " : "") + "\(keys[1])")
    add("forwardagent", settings.agentPath ?? (options.flag(.forwardAgent) ? "yes" : "no"))
    add("connecttimeout", settings.numbers[.connectTimeout].map { "\($0)" } ?? "none")
    let devices = settings.numberLists[.tunnelDevice] ?? [SpecialNumbers.anyDevice, SpecialNumbers.anyDevice]
    add(
      "tunneldevice", devices.map { $0 == SpecialNumbers.anyDevice ? "any" : "\($0)" }.joined(separator: ":"))
    var rules = settings.permittedCNAMEs
    if rules.count == 1, rules[0].source.isWord("none"), rules[0].target.isEmpty { rules = [] }
    // OpenSSH spells it so.
    add(
      "canonicalizePermittedcnames",
      rules.isEmpty ? "none" : rules.map { "\($0.source):\($0.target)" }.joined(separator: " "))
    let persist = settings.numberLists[.controlPersist] ?? [0, 0]
    add("controlpersist", persist[0] == 0 ? "no" : persist[1] == 0 ? "yes" : "\(persist[1])")
    add("escapechar", Self.visible(options.number(.escapeChar, Int(UInt8(ascii: "~")))))
    let services = settings.numberLists[.ipQoS] ?? [SpecialNumbers.lowDelay, SpecialNumbers.throughput]
    add("ipqos", services.map(SpecialNumbers.serviceName).joined(separator: " "))
    add("rekeylimit", "\(settings.rekeyBytes ?? 0) \(settings.rekeySeconds ?? 0)")
    add("streamlocalbindmask", "0" + String(options.number(.streamLocalBindMask, 0o177), radix: 8))
    add("syslogfacility", SpecialNumbers.facilities[options.number(.syslogFacility, 1)])
  }

  /// A character as vis(3) shows it.
  private static func visible(_ code: Int) -> String {
    switch code {
    case SpecialNumbers.noEscape: "none"
    case 0x20: "\\040"
    case 0x5c: "\\\\"
    case 0x7f: "\\^?"
    case ..<0x20: "\\^" + String(bytes: [UInt8(truncatingIfNeeded: code + 0x40)])
    default: String(bytes: [UInt8(truncatingIfNeeded: code)])
    }
  }

  private mutating func proxy() {
    guard let last = options.jumps.last else {
      if let command = options.text(.proxyCommand) { add("proxycommand", command) }
      return
    }
    let isNumeric =
      last.host.contains(":")
      || last.host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    var text = options.settings.jump?.extra.map { $0 + "," } ?? ""
    text += last.user.map { $0 + "@" } ?? ""
    text += isNumeric ? "[\(last.host)]" : last.host
    text += last.port.map { ":\($0)" } ?? ""
    add("proxyjump", text)
  }
}
