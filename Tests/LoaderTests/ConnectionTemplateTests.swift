import Foundation
import MartletCore
import MartletLoader
import Testing

/// References to variables in connection settings, and what two settings of one host come to.
@Suite struct ConnectionTemplateTests {
  private func connection(_ text: String, _ host: String = "web1.example.org") throws -> ConnectionSettings {
    let found = try #require(try load(text).host(host))
    #expect(found.problems == [])
    return found.connection
  }

  @Test func `A variable of the host is filled in`() throws {
    let settings = try connection(
      """
      all:
        vars:
          secret: hunter22
          domain: example.org
          ansible_user: "{{ login }}"
          ansible_become_password: "{{ secret }}"
          ansible_host: "{{inventory_hostname_short}}.{{ domain }}"
          ansible_port: "{{ ports.ssh }}"
          ansible_ssh_private_key_file: "/keys/{{ ansible_user }}/id"
          ansible_ssh_common_args: "-J {{ login }}@jump"
          ports: {ssh: 2222}
        children:
          web:
            hosts: {web1.example.org: {login: ada}}
            vars: {login: deploy}
      """)
    #expect(settings.user == "ada" && settings.port == 2222 && settings.address == "web1.example.org")
    #expect(settings.becomePassword?.reveal() == "hunter22")
    #expect(settings.keys == ["/keys/ada/id"] && settings.sshOptions == ["ProxyJump=ada@jump"])
  }

  @Test(arguments: [
    (
      "ansible_become_password: \"{{ vault_x }}\"",
      "it names the variable vault_x, which the inventory doesn't have"
    ),
    ("ansible_password: \"{{ x | default('y') }}\"", "only {{ name }}"),
    ("ansible_password: \"{{ x }\"", "only {{ name }}"),
    ("ansible_user: \"{% if true %}a{% endif %}\"", "only {{ name }}"),
    ("ansible_user: \"{{ ansible_host }}\"\n    ansible_host: \"{{ ansible_user }}\"", "lead in a circle"),
    ("ansible_port: \"{{ p }}\"\n    p: many", "ansible_port: expected a port from 1 to 65535"),
    (
      "ansible_password: \"{{ lookup('env', 'MARTLET_NOT_SET') }}\"",
      "the environment variable MARTLET_NOT_SET is not set"
    ),
    ("ansible_connection: \"{{ c }}\"\n    c: winrm", "winrm is not supported yet"),
    ("ansible_password: $ANSIBLE_VAULT;1.1;AES256", "encrypted by Ansible's vault"),
    ("user: \"{{ nobody }}\"", "it names the variable nobody"),
  ])
  func `What can't be filled in is refused with its place`(line: String, message: String) {
    let text = problem("hosts:\n  a:\n    \(line)\n")
    #expect(text.contains("i.yaml:3: ") && text.contains(message), "\(text)")
  }

  @Test func `A password is never taken literally, nor shown`() throws {
    let host = try #require(try load("hosts: {a: {ansible_password: \"{{ 'hunter22' }}\"}}\n").host("a"))
    #expect(host.connection.password == nil)
    #expect(host.problems.count == 1 && !host.problems.joined().contains("hunter22"))
  }

  @Test func `What only one host can't honour leaves the others alone`() throws {
    let inventory = try load(
      """
      hosts:
        switch1: {ansible_become_method: enable, ansible_connection: ansible.netcommon.network_cli}
        web1: {ansible_become_method: su}
        db1: {ansible_become_password: env:MARTLET_NOT_SET}
      """)
    #expect(inventory.hosts.map(\.problems.count) == [2, 0, 1])
    #expect(inventory.host("web1")?.connection.becomeMethod == .su)
    // What a host says itself takes the place of what its group says.
    let mended = try load(
      """
      net:
        hosts: {a: {ansible_become_method: sudo}, b: {}}
        vars: {ansible_become_method: enable}
      """)
    #expect(mended.hosts.map(\.problems.count) == [0, 1])
  }

  @Test(arguments: ["127.0.0.1:2301,127.0.0.1:2302,", "a:22,a:2222"])
  func `One name with two ports is refused`(list: String) {
    let error = #expect(throws: InventoryError.self) { try InventoryFile.load([list]) }
    #expect(error?.description.contains("is named with two ports") == true)
    #expect(throws: Never.self) { try InventoryFile.load(["a:22,b:22,a:22"]) }
  }

  @Test func `A setting that is said twice in one file is refused`() {
    let text = "web: {hosts: {a: {ansible_port: 22}}}\ndb: {hosts: {a: {ansible_port: 23}}}\n"
    #expect(
      problem(text) == "i.yaml:2: ansible_port of the host a was set to another value already, in i.yaml:1")
    #expect(problem("hosts:\n  a:22:\n  a:23:\n").contains("named with two ports"))
  }

  @Test func `Bare names that are settings are remembered`() throws {
    let bare = try load("hosts: {a: {port: 8100}}\nvars: {user: deploy, domain: x}\n")
    #expect(bare.host("a")?.bareSettings.keys.sorted() == ["port", "user"])
    let prefixed = try load("hosts: {a: {port: 8100, martlet_port: 22}}\n")
    #expect(prefixed.host("a")?.bareSettings == [:])
    #expect(prefixed.host("a")?.vars["port"]?.value == .int(8100))
  }
}
