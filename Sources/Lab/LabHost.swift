/// One throwaway server.
public struct LabHost: Sendable, Equatable {
  /// Its number, from 1.
  public let number: Int
  /// Its IPv4 address, reachable from this machine and from the lab's other hosts.
  public let address: String
  /// The Debian suite that it is made of, such as `bookworm`.
  public let suite: String
  /// Whether it boots systemd. Otherwise its only process is sshd.
  public let hasSystemd: Bool

  /// Its name, `lab1` for the first: in the inventory, in ssh_config, and as its own host name.
  public var name: String { "lab\(number)" }
}

/// What is written down about a host in its folder.
struct HostRecord: Codable, Equatable {
  var suite: String
  var systemd: Bool
  /// The tree under its disk. It stays the same for as long as the disk does.
  var base: String
}
