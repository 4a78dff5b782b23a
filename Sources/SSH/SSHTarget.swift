/// A host to connect to, and what is needed to trust it and to be let in.
///
///     var target = SSHTarget(host: "web1.example.org", user: "deploy")
///     target.identities = [.file("/home/me/.ssh/id_ed25519")]
///     target.knownHosts = KnownHostsPolicy(files: ["/home/me/.ssh/known_hosts"])
///     let connection = try await SSHConnection.connect(to: target)
public struct SSHTarget: Sendable {
  /// A name, an IPv4 address or an IPv6 address (without brackets), as known_hosts has it.
  public var host: String
  /// The TCP port.
  public var port: Int
  /// The user to log in as.
  public var user: String
  /// The keys to log in with, in the order in which they are tried, before those of the agent.
  public var identities: [KeySource] = []
  /// The socket of an ssh-agent, as in `SSH_AUTH_SOCK`; nil: no agent is asked.
  public var agentSocket: String?
  /// Whether keys of the agent are only used where an identity's file names them (`IdentitiesOnly`).
  public var identitiesOnly = false
  /// OpenSSH certificates (`CertificateFile`) for keys of the identities or of the agent. One that lies beside
  /// an identity's file, as FILE-cert.pub, is found without being named here.
  public var certificates: [String] = []
  /// The ways to log in that may be used, in the order in which they are tried.
  public var methods: [AuthenticationMethod] = [.publicKey, .keyboardInteractive, .password]
  /// The user's password where it is known beforehand: used before anyone is asked.
  public var password: SSHSecret?
  /// How many times the user may be asked for a password.
  public var numberOfPasswordPrompts = 3
  /// Who is asked for passphrases, passwords and second factors; nil: no one can be asked.
  public var questions: (any SSHQuestions)?
  /// Which host keys are believed.
  public var knownHosts = KnownHostsPolicy()
  /// What known_hosts files call the host, in place of its name and port (`HostKeyAlias`).
  public var hostKeyAlias: String?
  /// Which algorithms the server is offered.
  public var algorithms = SSHAlgorithms()
  /// How long all of looking up, connecting, exchanging keys and logging in may take together.
  public var connectTimeout: Duration = .seconds(30)
  /// How the host is reached.
  public var route: Route = .direct
  /// Which kinds of addresses of the host are tried (AddressFamily).
  public var addressFamily: AddressFamily = .any
  /// The local address that connections are made from (BindAddress): a name or an address; nil: the kernel's choice.
  public var bindAddress: String?
  /// The interface whose address connections are made from (BindInterface); nil: the kernel's choice.
  public var bindInterface: String?
  /// How often connecting is tried, a second apart, where the host refuses or can't be reached
  /// (ConnectionAttempts). All of it within `connectTimeout`.
  public var connectionAttempts = 1
  /// Variables that are sent with each command (SetEnv, and SendEnv's values). The server takes those that its
  /// AcceptEnv names. Each costs a round trip a command.
  public var environment: [(name: String, value: String)] = []
  /// How many logins may be in progress at once.
  public var loginLimits = LoginLimits()
  /// How often a peer that is idle is asked for a sign of life; nil, or an interval of 0: ``peerTimeout``
  /// decides.
  public var serverAlive: ServerAlive?
  /// How long a peer that has stopped answering is believed to be there: that of ``serverAlive``, otherwise
  /// 30 s unless it is set. The kernel asks an idle one for a sign of life, and gives up on one that doesn't
  /// acknowledge what was sent, after about this long.
  public var peerTimeout: Duration {
    get { serverAlive?.timeout ?? ownPeerTimeout }
    set { ownPeerTimeout = newValue }
  }
  private var ownPeerTimeout: Duration = .seconds(30)

  /// How long the agent may take to list its keys.
  var agentTimeout: Duration = .seconds(3)
  /// For tests: the size of the socket's send buffer, so that packets are sent in pieces.
  var sendBufferSize: Int32?
  /// For tests: takes the place of DNS.
  var lookUp: (@Sendable () -> Resolver.Answer)?

  /// A target with the defaults for all else.
  ///
  /// - Parameters:
  ///   - host: A name or an address.
  ///   - port: The TCP port.
  ///   - user: The user to log in as.
  public init(host: String, port: Int = 22, user: String) {
    self.host = host
    self.port = port
    self.user = user
  }
}

/// Where a private key comes from.
public enum KeySource: Sendable, Hashable {
  /// A file in OpenSSH's format or in PEM, as ssh-keygen makes them.
  case file(String)
}

/// How often an idle peer is asked for a sign of life, as `ServerAliveInterval` and `ServerAliveCountMax` of
/// ssh_config(5).
///
/// The questions are the kernel's (TCP keepalive), not SSH's: libssh2 doesn't tell whether its own were
/// answered. They find a dead host or network just so; a server whose sshd hangs while its kernel answers is
/// left to a command's own deadline.
public struct ServerAlive: Sendable, Equatable {
  /// The time between two questions.
  public var interval: Duration
  /// After how many unanswered ones the peer is given up.
  public var countMax: Int

  /// - Parameters:
  ///   - interval: The time between two questions; 0: none are asked.
  ///   - countMax: After how many unanswered ones the peer is given up.
  public init(interval: Duration, countMax: Int = 3) {
    self.interval = interval
    self.countMax = countMax
  }

  /// How long a silent peer is believed to be there, within what Linux takes for TCP_KEEPIDLE; nil where none is
  /// asked.
  var timeout: Duration? {
    guard interval > .zero else { return nil }
    let count = Int64(min(max(1, countMax), 32767))
    let seconds = min(interval.components.seconds, 32767)
    return .seconds(min(max(1, seconds) * count, 32767))
  }
}
