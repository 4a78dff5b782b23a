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
  /// Which host keys are believed.
  public var knownHosts = KnownHostsPolicy()
  /// What known_hosts files call the host, in place of its name and port (`HostKeyAlias`).
  public var hostKeyAlias: String?
  /// Which algorithms the server is offered.
  public var algorithms = SSHAlgorithms()
  /// How long all of looking up, connecting, exchanging keys and logging in may take together.
  public var connectTimeout: Duration = .seconds(30)
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
