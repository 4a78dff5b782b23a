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
  /// How long all of looking up, connecting, exchanging keys and logging in may take together.
  public var connectTimeout: Duration = .seconds(30)
  /// How long a peer that has stopped answering is believed to be there. The kernel asks an idle one for a
  /// sign of life, and gives up on one that doesn't acknowledge what was sent, after about this long.
  public var peerTimeout: Duration = .seconds(30)

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
