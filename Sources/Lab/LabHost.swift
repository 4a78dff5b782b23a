/// One throwaway server.
public struct LabHost: Sendable, Equatable {
  /// What answers on a host's port 22.
  public enum SSHServer: String, Sendable, Codable, CaseIterable {
    /// The suite's own OpenSSH.
    case openssh
    /// dropbear, as on routers and in initramfs: a smaller window, another order at the end of a command.
    case dropbear
  }

  /// Its number, from 1.
  public let number: Int
  /// Its IPv4 address, reachable from this machine and from the lab's other hosts.
  public let address: String
  /// The Debian suite that it is made of, such as `bookworm`.
  public let suite: String
  /// Whether it boots systemd. Otherwise its only process is the SSH server.
  public let hasSystemd: Bool
  /// What answers on its port 22.
  public let sshServer: SSHServer
  /// The numbers of the hosts that may begin TCP connections to it; nil where everybody may.
  public let reachableFrom: [Int]?

  /// Its name, `lab1` for the first: in the inventory, in ssh_config, and as its own host name.
  public var name: String { "lab\(number)" }
}

/// What is written down about a host in its folder.
struct HostRecord: Codable, Equatable {
  var suite: String
  var systemd: Bool
  var sshd: LabHost.SSHServer
  /// The tree under its disk. It stays the same for as long as the disk does.
  var base: String
  /// Whom the host's firewall lets in; nil where it has none.
  var reachableFrom: [Int]?
}
