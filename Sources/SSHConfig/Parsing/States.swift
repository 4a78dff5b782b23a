/// The words that an option with a few states takes, in any case, and the numbers that OpenSSH gives them.
struct States: Sendable {
  private let all: [(name: String, value: Int)]

  private init(_ all: KeyValuePairs<String, Int>) { self.all = all.map { ($0.key, $0.value) } }

  /// The number of a word; nil if it isn't one of them.
  func value(of word: String) -> Int? {
    let word = word.asciiLowercased
    return all.first { $0.name == word }?.value
  }

  /// The word that `ssh -G` prints for a number: the first that has it, such as “true” where the file says yes.
  func name(of value: Int) -> String { all.first { $0.value == value }?.name ?? "UNKNOWN" }

  /// All the words, for a message.
  var names: String { all.map(\.name).joined(separator: ", ") }

  static let flag = States(["true": 1, "false": 0, "yes": 1, "no": 0])
  static let ask = States(["true": 1, "false": 0, "yes": 1, "no": 0, "ask": 2])
  static let confirm = States(["true": 1, "false": 0, "yes": 1, "no": 0, "ask": 2, "confirm": 3])
  static let strictHostKey = States(
    ["true": 2, "false": 0, "yes": 2, "no": 0, "ask": 3, "off": 0, "accept-new": 1])
  static let addressFamily = States(["inet": 4, "inet6": 6, "any": 0])
  static let controlMaster = States(
    ["true": 1, "yes": 1, "false": 0, "no": 0, "auto": 2, "ask": 3, "autoask": 4])
  static let tunnel = States(
    ["ethernet": 2, "point-to-point": 1, "true": 1, "yes": 1, "false": 0, "no": 0])
  static let requestTTY = States(["true": 2, "yes": 2, "false": 1, "no": 1, "force": 3, "auto": 0])
  static let sessionType = States(["none": 0, "subsystem": 1, "default": 2])
  static let canonicalize = States(["true": 1, "false": 0, "yes": 1, "no": 0, "always": 2])
  static let pubkey = States(["true": 3, "false": 0, "yes": 3, "no": 0, "unbound": 1, "host-bound": 2])
  static let compression = States(["yes": 1, "no": 0])
  static let weakCrypto = States(["true": 1, "false": 0, "yes": 1, "no": 0, "no-pq-kex": 2])

  /// The states of an option; nil if its value is something else.
  static func of(_ keyword: Keyword) -> States? {
    switch keyword {
    case .addressFamily: addressFamily
    case .canonicalizeHostname: canonicalize
    case .compression: compression
    case .controlMaster: controlMaster
    case .pubkeyAuthentication: pubkey
    case .requestTTY: requestTTY
    case .sessionType: sessionType
    case .strictHostKeyChecking: strictHostKey
    case .tunnel: tunnel
    case .updateHostKeys, .verifyHostKeyDNS: ask
    case .warnWeakCrypto: weakCrypto
    case .batchMode, .canonicalizeFallbackLocal, .checkHostIP, .clearAllForwardings,
      .enableEscapeCommandline, .enableSSHKeysign, .exitOnForwardFailure, .forkAfterAuthentication,
      .forwardX11, .forwardX11Trusted, .gatewayPorts, .gssapiAuthentication, .gssapiDelegateCredentials,
      .gssapiKeyExchange, .gssapiRenewalForcesRekey, .gssapiTrustDNS, .hashKnownHosts,
      .hostbasedAuthentication, .identitiesOnly, .kbdInteractiveAuthentication,
      .noHostAuthenticationForLocalhost, .passwordAuthentication, .permitLocalCommand, .proxyUseFdpass,
      .stdinNull, .streamLocalBindUnlink, .tcpKeepAlive, .visualHostKey:
      flag
    default: nil
    }
  }
}
