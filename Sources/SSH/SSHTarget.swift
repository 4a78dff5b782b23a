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
  /// How long all of looking up, connecting, exchanging keys and logging in may take together.
  public var connectTimeout: Duration = .seconds(30)
  /// How long a peer that has stopped answering is believed to be there. The kernel asks an idle one for a
  /// sign of life, and gives up on one that doesn't acknowledge what was sent, after about this long.
  public var peerTimeout: Duration = .seconds(30)
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

/// Which host keys are believed.
public struct KnownHostsPolicy: Sendable {
  /// What is done about a host of which no key is known.
  public enum Mode: Sendable {
    /// It is refused.
    case strict
    /// Its key is written to the first of the files and believed from then on. A key that differs from the
    /// known one is refused all the same.
    case acceptNew
  }

  /// known_hosts files; one that doesn't exist is an empty one.
  public var files: [String]
  /// What is done about a host of which no key is known.
  public var mode: Mode

  /// A policy; without arguments no host is believed.
  public init(files: [String] = [], mode: Mode = .strict) {
    self.files = files
    self.mode = mode
  }
}
