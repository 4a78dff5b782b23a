/// Why a connection could not be made or a command could not be run, in words for the person who runs it.
public struct SSHError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What the client was doing.
  public enum Phase: String, Sendable {
    /// Looking the host's name up.
    case resolving = "looking up the address"
    /// Waiting for others: for the login on the jump host, or because too many logins are in progress.
    case waiting = "waiting for its turn to log in"
    /// Opening the TCP connection.
    case connecting = "connecting"
    /// Waiting for the line with which an SSH server introduces itself.
    case banner = "waiting for the server's SSH banner"
    /// Agreeing on keys.
    case keyExchange = "exchanging keys"
    /// Proving who the user is.
    case authenticating = "logging in"
    /// Asking the server to start a command.
    case starting = "starting a command"
    /// Running a command.
    case running = "running a command"
    /// Carrying the connections of others.
    case forwarding = "carrying forwarded connections"
    /// No command was running.
    case idle = "idle"
  }

  /// The kinds that a program may want to tell apart.
  public enum Kind: Sendable, Equatable {
    /// The host's name has no address.
    case unresolvable
    /// The host answered that nothing listens on the port.
    case refused
    /// No route, no network, or another failure of the TCP connection.
    case unreachable
    /// A deadline passed.
    case timedOut(Phase)
    /// No bytes moved for the command's idle limit.
    case idle
    /// No key is known for the host. `fingerprint` is that of the key it showed, `SHA256:…`.
    case hostKeyUnknown(fingerprint: String)
    /// Another key than the one shown is known for the host.
    case hostKeyChanged(fingerprint: String)
    /// The key shown is marked `@revoked`.
    case hostKeyRevoked(fingerprint: String)
    /// Only an authority (`@cert-authority`) is known for the host, and libssh2 can't check its certificate.
    /// The system's `ssh` can.
    case hostCertificateNeeded(fingerprint: String)
    /// The host is known by a key of a type that it has but that libssh2 can't check. The system's `ssh` can.
    case hostKeyTypeUnusable(fingerprint: String)
    /// A known_hosts file can't be read or written.
    case knownHostsFile
    /// Client and server have no algorithm in common.
    case noCommonAlgorithm
    /// The server took none of what there was to log in with.
    case authenticationFailed
    /// Nothing was taken, and there is a key or a certificate that this client can't use but the system's `ssh`
    /// can.
    case needsOpenSSH
    /// A key file is missing, unreadable, encrypted, or of a kind that can't be used.
    case keyFile
    /// The connection broke.
    case disconnected(Phase)
    /// The server said something that the protocol doesn't allow.
    case protocolError(Phase)
    /// The server refused to open a channel or to start the command.
    case commandRefused
    /// What was to be sent on the command's standard input could not be had.
    case inputFailed
    /// The connection or the command had been closed.
    case closed
    /// The task was cancelled.
    case cancelled
    /// The client lacks something of its own machine: memory, a descriptor.
    case local
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// The host as the user names it.
  public let host: String
  /// The TCP port.
  public let port: Int
  /// What was wrong and what to do, without the host.
  public private(set) var message: String

  /// The ways to log in that the server offered at the end; empty where it never came to that.
  public let offered: [String]

  init(_ kind: Kind, _ target: SSHTarget, _ message: String, offered: [String] = []) {
    self.kind = kind
    self.offered = offered
    host = target.host
    port = target.port
    self.message = message
  }

  /// The same error of the host that it names, as the reason why `target` behind it can't be reached.
  func onTheWay(to target: SSHTarget) -> SSHError {
    if host == target.host, port == target.port { return self }
    var error = self
    error.message = "\(message) [jump host on the way to \(target.name)]"
    return error
  }

  /// The message with host and port before it.
  public var description: String {
    "\(hostAndPort(host, port)): \(message)"
  }
}

/// `host:port`, as messages show it.
func hostAndPort(_ host: String, _ port: Int) -> String {
  "\(host.contains(":") ? "[\(host)]" : host):\(port)"
}

extension SSHTarget {
  /// `host:port`, as messages show it.
  var name: String { hostAndPort(host, port) }
}
