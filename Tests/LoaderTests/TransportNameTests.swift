import Foundation
import MartletCore
import MartletLoader
import Testing

@Suite struct TransportNameTests {
  /// The transport of each host of an inventory.
  private func transports(_ text: String) throws -> [String: TransportChoice?] {
    let file = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(text.utf8).write(to: file)
    let hosts = try InventoryFile.load([file.path]).hosts
    return Dictionary(uniqueKeysWithValues: hosts.map { ($0.name, $0.connection.transport) })
  }

  @Test func `The own names`() throws {
    let transports = try transports(
      """
      hosts:
        a: {transport: ssh}
        b: {transport: openssh}
        c: {transport: local}
        d: {transport: docker, address: shop-web-1}
        e: {transport: podman}
        f: {transport: auto}
        g:
      """)
    let expected: [String: TransportChoice?] = [
      "a": .ssh, "b": .openssh, "c": .local, "d": .container(.docker), "e": .container(.podman),
      "f": TransportChoice?.none, "g": TransportChoice?.none,
    ]
    #expect(transports == expected)
  }

  @Test func `Ansible's names`() throws {
    let names: [(String, TransportChoice?)] = [
      ("ssh", nil), ("smart", nil), ("paramiko", .ssh), ("local", .local), ("docker", .container(.docker)),
      ("community.docker.docker", .container(.docker)), ("containers.podman.podman", .container(.podman)),
    ]
    for (name, choice) in names {
      let transports = try transports("web: {hosts: {a: {ansible_connection: \(name)}}}")
      #expect(transports == ["a": choice], "\(name)")
    }
  }

  @Test func `A host of a special name is local, whatever its groups say`() throws {
    let transports = try transports(
      "all: {hosts: {'@local': , localhost: , a: }, vars: {martlet_transport: openssh}}")
    #expect(transports == ["@local": .local, "localhost": .openssh, "a": .openssh])
    let listed = try InventoryFile.load(["@local,localhost"]).hosts.map(\.connection.transport)
    #expect(listed == [.local, nil])
  }

  @Test(arguments: [
    ("transport: opnssh", "transport: there is no transport \"opnssh\"; did you mean \"openssh\"?"),
    (
      "transport: telnet",
      "transport: there is no transport \"telnet\": write one of auto, ssh, openssh, local, docker, podman"
    ),
    ("martlet_transport: [ssh]", "martlet_transport: expected a text, found a list"),
    ("ansible_connection: winrm", "ansible_connection: winrm is not supported yet"),
  ])
  func `Others are refused with the place`(line: String, message: String) throws {
    let text = problem("hosts:\n  a:\n    \(line)\n")
    #expect(text.hasSuffix(":3: \(message)"), "\(text)")
  }
}
