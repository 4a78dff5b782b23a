/// A keyword of `ssh_config(5)`, spelt as the manual spells it.
///
/// The set is that of OpenSSH 9.2 as Debian builds it (GSSAPI key exchange included), and those of later versions
/// that a newer `ssh` on the same machine would accept: refusing them would lock out who has them.
enum Keyword: String, CaseIterable, Sendable {
  case addKeysToAgent = "AddKeysToAgent"
  case addressFamily = "AddressFamily"
  case batchMode = "BatchMode"
  case bindAddress = "BindAddress"
  case bindInterface = "BindInterface"
  case caSignatureAlgorithms = "CASignatureAlgorithms"
  case canonicalDomains = "CanonicalDomains"
  case canonicalizeFallbackLocal = "CanonicalizeFallbackLocal"
  case canonicalizeHostname = "CanonicalizeHostname"
  case canonicalizeMaxDots = "CanonicalizeMaxDots"
  case canonicalizePermittedCNAMEs = "CanonicalizePermittedCNAMEs"
  case certificateFile = "CertificateFile"
  case channelTimeout = "ChannelTimeout"
  case checkHostIP = "CheckHostIP"
  case ciphers = "Ciphers"
  case clearAllForwardings = "ClearAllForwardings"
  case compression = "Compression"
  case connectTimeout = "ConnectTimeout"
  case connectionAttempts = "ConnectionAttempts"
  case controlMaster = "ControlMaster"
  case controlPath = "ControlPath"
  case controlPersist = "ControlPersist"
  case dynamicForward = "DynamicForward"
  case enableEscapeCommandline = "EnableEscapeCommandline"
  case enableSSHKeysign = "EnableSSHKeysign"
  case escapeChar = "EscapeChar"
  case exitOnForwardFailure = "ExitOnForwardFailure"
  case fingerprintHash = "FingerprintHash"
  case forkAfterAuthentication = "ForkAfterAuthentication"
  case forwardAgent = "ForwardAgent"
  case forwardX11 = "ForwardX11"
  case forwardX11Timeout = "ForwardX11Timeout"
  case forwardX11Trusted = "ForwardX11Trusted"
  case gatewayPorts = "GatewayPorts"
  case globalKnownHostsFile = "GlobalKnownHostsFile"
  case gssapiAuthentication = "GSSAPIAuthentication"
  case gssapiClientIdentity = "GSSAPIClientIdentity"
  case gssapiDelegateCredentials = "GSSAPIDelegateCredentials"
  case gssapiKexAlgorithms = "GSSAPIKexAlgorithms"
  case gssapiKeyExchange = "GSSAPIKeyExchange"
  case gssapiRenewalForcesRekey = "GSSAPIRenewalForcesRekey"
  case gssapiServerIdentity = "GSSAPIServerIdentity"
  case gssapiTrustDNS = "GSSAPITrustDNS"
  case hashKnownHosts = "HashKnownHosts"
  case hostKeyAlgorithms = "HostKeyAlgorithms"
  case hostKeyAlias = "HostKeyAlias"
  case hostName = "HostName"
  case hostbasedAcceptedAlgorithms = "HostbasedAcceptedAlgorithms"
  case hostbasedAuthentication = "HostbasedAuthentication"
  case ipQoS = "IPQoS"
  case identitiesOnly = "IdentitiesOnly"
  case identityAgent = "IdentityAgent"
  case identityFile = "IdentityFile"
  case ignoreUnknown = "IgnoreUnknown"
  case kbdInteractiveAuthentication = "KbdInteractiveAuthentication"
  case kbdInteractiveDevices = "KbdInteractiveDevices"
  case kexAlgorithms = "KexAlgorithms"
  case knownHostsCommand = "KnownHostsCommand"
  case localCommand = "LocalCommand"
  case localForward = "LocalForward"
  case logLevel = "LogLevel"
  case logVerbose = "LogVerbose"
  case macs = "MACs"
  case noHostAuthenticationForLocalhost = "NoHostAuthenticationForLocalhost"
  case numberOfPasswordPrompts = "NumberOfPasswordPrompts"
  case obscureKeystrokeTiming = "ObscureKeystrokeTiming"
  case passwordAuthentication = "PasswordAuthentication"
  case permitLocalCommand = "PermitLocalCommand"
  case permitRemoteOpen = "PermitRemoteOpen"
  case pkcs11Provider = "PKCS11Provider"
  case port = "Port"
  case preferredAuthentications = "PreferredAuthentications"
  case proxyCommand = "ProxyCommand"
  case proxyJump = "ProxyJump"
  case proxyUseFdpass = "ProxyUseFdpass"
  case pubkeyAcceptedAlgorithms = "PubkeyAcceptedAlgorithms"
  case pubkeyAuthentication = "PubkeyAuthentication"
  case refuseConnection = "RefuseConnection"
  case rekeyLimit = "RekeyLimit"
  case remoteCommand = "RemoteCommand"
  case remoteForward = "RemoteForward"
  case requestTTY = "RequestTTY"
  case requiredRSASize = "RequiredRSASize"
  case revokedHostKeys = "RevokedHostKeys"
  case securityKeyProvider = "SecurityKeyProvider"
  case sendEnv = "SendEnv"
  case serverAliveCountMax = "ServerAliveCountMax"
  case serverAliveInterval = "ServerAliveInterval"
  case sessionType = "SessionType"
  case setEnv = "SetEnv"
  case stdinNull = "StdinNull"
  case streamLocalBindMask = "StreamLocalBindMask"
  case streamLocalBindUnlink = "StreamLocalBindUnlink"
  case strictHostKeyChecking = "StrictHostKeyChecking"
  case syslogFacility = "SyslogFacility"
  case tag = "Tag"
  case tcpKeepAlive = "TCPKeepAlive"
  case tunnel = "Tunnel"
  case tunnelDevice = "TunnelDevice"
  case updateHostKeys = "UpdateHostKeys"
  case user = "User"
  case userKnownHostsFile = "UserKnownHostsFile"
  case verifyHostKeyDNS = "VerifyHostKeyDNS"
  case versionAddendum = "VersionAddendum"
  case visualHostKey = "VisualHostKey"
  case warnWeakCrypto = "WarnWeakCrypto"
  case xAuthLocation = "XAuthLocation"

  /// The spelling in a file doesn't matter (ssh_config(5): "keywords are case-insensitive and arguments are
  /// case-sensitive"); `ssh -G` prints it like this.
  var lowercase: String { rawValue.lowercased() }

  /// What a line's first word is.
  enum Meaning: Sendable, Equatable {
    case option(Keyword)
    case host, match, include
    /// Accepted without a word: it has no meaning any more.
    case ignored
    /// `ssh` says that it doesn't support it, and goes on.
    case unsupported
    case unknown
  }

  /// What a word in lower case means.
  static func meaning(of word: String) -> Meaning { meanings[word] ?? .unknown }

  private static let meanings: [String: Meaning] = {
    var all: [String: Meaning] = ["host": .host, "match": .match, "include": .include]
    for keyword in allCases { all[keyword.lowercase] = .option(keyword) }
    for (alias, keyword) in aliases { all[alias] = .option(keyword) }
    for word in ignored { all[word] = .ignored }
    for word in unsupported { all[word] = .unsupported }
    #if os(macOS)
      // Apple's own, in many a Mac user's configuration.
      all["usekeychain"] = .ignored
    #endif
    return all
  }()

  private static let aliases: [String: Keyword] = [
    "challengeresponseauthentication": .kbdInteractiveAuthentication,
    "dsaauthentication": .pubkeyAuthentication,
    "hostbasedkeytypes": .hostbasedAcceptedAlgorithms,
    "identityfile2": .identityFile,
    "keepalive": .tcpKeepAlive,
    // Debian's compatibility names.
    "protocolkeepalives": .serverAliveInterval,
    "setuptimeout": .serverAliveInterval,
    "pubkeyacceptedkeytypes": .pubkeyAcceptedAlgorithms,
    "skeyauthentication": .kbdInteractiveAuthentication,
    "smartcarddevice": .pkcs11Provider,
    "tisauthentication": .kbdInteractiveAuthentication,
  ]

  private static let ignored = [
    "protocol", "cipher", "fallbacktorsh", "globalknownhostsfile2", "rhostsauthentication",
    "useblacklistedkeys", "userknownhostsfile2", "useroaming", "usersh", "useprivilegedport",
  ]

  private static let unsupported = [
    "afstokenpassing", "kerberosauthentication", "kerberostgtpassing", "rsaauthentication",
    "rhostsrsaauthentication", "compressionlevel",
  ]
}
