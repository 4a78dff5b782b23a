/// The way that a host is reached.
@frozen public enum TransportChoice: Sendable, Hashable {
  /// SSH within this process.
  case ssh
  /// SSH by the system's `ssh` program.
  case openssh
  /// The host is the machine that Martlet itself runs on.
  case local
  /// The host is a container; its address is the container's name or id.
  case container(ContainerEngine)

  /// The host of this name is always reached as ``local``. `localhost` isn't: it is a host like any other, as in an
  /// Ansible inventory that lists it.
  package static let localHost = "@local"

  /// What the choices are called in inventories and on the command line.
  package static let names = ["ssh", "openssh", "local", "docker", "podman"]

  /// The choice of that name.
  package init?(_ name: String) {
    switch name {
    case "ssh": self = .ssh
    case "openssh": self = .openssh
    case "local": self = .local
    default:
      guard let engine = ContainerEngine(rawValue: name) else { return nil }
      self = .container(engine)
    }
  }
}

/// A program that runs containers; the name is that of its client.
@frozen public enum ContainerEngine: String, Sendable, CaseIterable {
  case docker, podman
}
