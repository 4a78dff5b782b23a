/// How a host is reached.
///
///     var bastion = SSHTarget(host: "bastion.example.org", user: "jump")
///     target.route = .jump(through: bastion)
public indirect enum Route: Sendable {
  /// By a TCP connection to it.
  case direct
  /// By a connection that another SSH server makes (ProxyJump). That one has a route of its own: jump hosts
  /// form a chain. All that jump through the same host share its login, and all of a host's keys, host key
  /// checks and deadlines are those of its own target.
  case jump(through: SSHTarget)
  /// By a program that does the connecting, on whose standard input and output SSH is spoken (ProxyCommand).
  /// It is given to `/bin/sh` after `exec`, with its tokens (`%h`, `%p`) already replaced.
  case command(String)
}

/// Which kinds of addresses of a host are tried.
public enum AddressFamily: Sendable, Hashable {
  /// IPv6 and IPv4, in turns, in the order that the resolver prefers.
  case any
  /// IPv4 only.
  case inet
  /// IPv6 only.
  case inet6
}

/// How many logins may be in progress at once, so that many hosts are no storm. A connect that waits for its
/// turn uses none of its `connectTimeout`.
public struct LoginLimits: Sendable, Hashable {
  /// In all. The key exchange of a hundred is a tenth of a second of CPU.
  public var total: Int
  /// For one address. sshd begins to drop connections at ten that have not logged in (MaxStartups 10:30:100);
  /// where one is dropped all the same, the limit for that address falls.
  public var perAddress: Int
  /// How long a connect may wait for its turn.
  public var patience: Duration
  /// How many connections are carried by one login on a jump host, before another is made.
  public var perJumpLogin: Int
  /// How many logins on the same jump host there may be. Another is made where the server refuses to carry
  /// more, and where it takes long to reach a host: it answers one request at a time.
  public var jumpLogins: Int

  /// Limits.
  ///
  /// - Parameters:
  ///   - total: Logins in progress in all.
  ///   - perAddress: Logins in progress for one address.
  ///   - patience: How long a connect may wait for its turn.
  ///   - perJumpLogin: Connections carried by one login on a jump host.
  ///   - jumpLogins: Logins on the same jump host.
  public init(
    total: Int = 100, perAddress: Int = 8, patience: Duration = .seconds(600), perJumpLogin: Int = 1000,
    jumpLogins: Int = 8
  ) {
    self.total = max(1, total)
    self.perAddress = max(1, perAddress)
    self.patience = patience
    self.perJumpLogin = max(1, perJumpLogin)
    self.jumpLogins = max(1, jumpLogins)
  }
}

/// What the loaded libssh2 can do.
public enum SSHCapabilities {
  /// Whether an agent can be forwarded to the host (ForwardAgent). Always false. libssh2 before 1.11 can ask
  /// sshd for it, but drops the channels that sshd then opens (`auth-agent@openssh.com`) without an answer, so
  /// that a program which asks the agent hangs. 1.11 has a callback for them, which is not used yet.
  public static var canForwardAgent: Bool { false }
}
