internal import MartletCore

/// What the ways to reach a host are called in inventories.
enum TransportName {
  private static let open = TransportChoice?.none

  /// Ansible's names of connection plugins, long and short (docs.ansible.com, "Index of all Connection Plugins").
  /// Of those for SSH, the usual ones leave the way open.
  private static let ansible: [String: TransportChoice?] = [
    "ssh": open, "smart": open, "ansible.builtin.ssh": open,
    "paramiko": .ssh, "paramiko_ssh": .ssh, "ansible.builtin.paramiko_ssh": .ssh, "libssh": .ssh,
    "ansible.netcommon.libssh": .ssh, "local": .local, "ansible.builtin.local": .local,
    "docker": .container(.docker), "community.docker.docker": .container(.docker),
    "podman": .container(.podman), "containers.podman.podman": .container(.podman),
  ]

  /// What a value of `transport`, `martlet_transport` or `ansible_connection` means.
  static func setting(_ value: String, of variable: String) throws -> ConnectionVariable {
    if variable.hasPrefix("ansible_") {
      guard let choice = ansible[value] else {
        return .unsupported("\(variable): \(value) is not supported yet")
      }
      return .setting(.transport) { $0.transport = choice }
    }
    let names = ["auto"] + TransportChoice.names
    guard names.contains(value) else {
      let hint = suggestion(for: value, among: names)
      throw InventoryError(
        "\(variable): there is no transport \"\(value)\"\(hint.isEmpty ? ": write one of \(names.joined(separator: ", "))" : hint)"
      )
    }
    return .setting(.transport) { $0.transport = TransportChoice(value) }
  }
}
