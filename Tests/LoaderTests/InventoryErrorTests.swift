import Foundation
import MartletCore
import MartletLoader
import Testing

@Suite struct InventoryErrorTests {
  @Test(arguments: [
    (
      "hosts:\n  a: {x: 1}\n\tb:\n",
      "i.yaml:3: the line is indented with a tab, which YAML forbids: use blanks"
    ),
    (
      "hosts: [a\nb: c\n",
      "i.yaml:2: no valid YAML: did not find expected ',' or ']' (while parsing a flow sequence, line 1)"
    ),
    (
      "hosts:\n  a:\n  b:\n  a:\n",
      "i.yaml:2: \"a\" stands more than once in the map that begins here: only one would count"
    ),
    ("", "i.yaml: the inventory is empty: write a host under hosts:"),
    ("# nothing\n", "i.yaml: the inventory is empty: write a host under hosts:"),
    ("web: {hosts: }\n", "i.yaml: there is no host in it; write one under hosts:"),
    ("- a\n- b\n", "i.yaml:1: expected groups, found a list"),
    (
      "[web]\na\n",
      "i.yaml:1: this looks like an INI inventory, which is not supported; `ansible-inventory -i i.yaml --list --yaml` writes it as YAML"
    ),
    ("web: 5\n", "i.yaml:1: the group web: expected a map with hosts, vars and children, found the number 5"),
    (
      "web:\n  host: {a: }\n",
      "i.yaml:2: the group web has the key \"host\", where only hosts, vars and children can stand; did you mean \"hosts\"?"
    ),
    ("web: {hosts: {a: 5}}\n", "i.yaml:1: the host a: expected a map of variables, found the number 5"),
    ("web:\n  hosts: 7\n", "i.yaml:2: hosts of the group web: expected a map or a list, found the number 7"),
    ("web:\n  hosts:\n  - {a: b}\n", "i.yaml:3: hosts of the group web: expected a host's name, found a map"),
    (
      "web: {hosts: [a], vars: [b]}\n",
      "i.yaml:1: vars of the group web: expected a map of variables, found a list"
    ),
    (
      "web:\n  hosts: [a]\nprod:\n  children: [wbe]\n",
      "i.yaml:4: there is no group \"wbe\"; did you mean \"web\"?"
    ),
    (
      "web:\n  hosts: [a]\nprod:\n  children:\n    wbe:\n",
      "i.yaml:5: there is no group \"wbe\"; did you mean \"web\"?"
    ),
    (
      "a: {hosts: [h], children: [b]}\nb: {children: [c]}\nc: {children: [a]}\n",
      "the groups contain each other in a circle: a → b → c → a"
    ),
    (
      "a: {hosts: [h], children: [all]}\n",
      "i.yaml:1: \"all\" holds every group and can't be the child of one"
    ),
    (
      "a: {hosts: {h: {x: 1}}}\nb:\n  hosts:\n    h:\n      x: 2\n",
      "i.yaml:5: x of the host h was set to another value already, in i.yaml:1"
    ),
    (
      "hosts: {a: {port: 99999}}\n", "i.yaml:1: port: expected a port from 1 to 65535, found the number 99999"
    ),
    ("hosts: {a: {become: maybe}}\n", "i.yaml:1: become: expected true or false, found the text \"maybe\""),
    (
      "hosts: {a: {become_method: runas}}\n",
      "i.yaml:1: become_method: expected sudo, su or doas, found the text \"runas\""
    ),
    (
      "hosts: {a: {ansible_become_user: -x}}\n",
      "i.yaml:1: ansible_become_user: \"-x\" is not the name of a user"
    ),
    (
      "hosts: {a: {become_timeout: 0}}\n",
      "i.yaml:1: become_timeout: expected a number of seconds from 1 to 86400, found the number 0"
    ),
    ("hosts: {a: {key: 5}}\n", "i.yaml:1: key: expected a path, or a list of paths, found the number 5"),
    ("hosts: {\"a b\": }\n", "i.yaml:1: the host name \"a b\" has the character \" \" in it"),
    ("hosts: {-oProxyCommand=x: }\n", "i.yaml:1: the host name \"-oProxyCommand=x\" begins with a dash"),
    (
      "hosts: {a: {address: \"-oProxyCommand=x\"}}\n",
      "i.yaml:1: address: the host name \"-oProxyCommand=x\" begins with a dash"
    ),
    (
      "hosts: {\"a[5:1]\": }\n",
      "i.yaml:1: the range [5:1] in \"a[5:1]\" must count upwards, as in [1:20] or [a:f]"
    ),
    ("hosts: {\"a[0:9999999999]\": }\n", "i.yaml:1: \"a[0:9999999999]\" stands for more than 100000 hosts"),
    ("hosts: {\"a[1:999]b[1:999]\": }\n", "i.yaml:1: \"a[1:999]b[1:999]\" stands for more than 100000 hosts"),
    (
      "hosts: {a: {p: !vault x}}\n",
      "i.yaml:1: the tag !vault is not understood: encrypted values are not supported yet; write env:NAME or file:PATH and have the secret there"
    ),
    (
      "hosts: {a: {ansible_shell_type: x}, b: {ansible_connection: winrm}}\n",
      "i.yaml:1: ansible_shell_type: only hosts with a POSIX sh are supported\ni.yaml:1: ansible_connection: winrm is not supported yet"
    ),
    (
      "hosts: {a: {ansible_ssh_common_args: -D 80}}\n",
      "i.yaml:1: ansible_ssh_common_args: ssh's -D can't be honoured here"
    ),
    (
      "hosts: {a: {ansible_ssh_extra_args: \"-o 'a\"}}\n",
      "i.yaml:1: ansible_ssh_extra_args: a quote is not closed"
    ),
    (
      "hosts: {a: {martlet_ssh_options: [ProxyJump]}}\n",
      "i.yaml:1: martlet_ssh_options: expected options such as ProxyJump=bastion, found ProxyJump"
    ),
    (
      "hosts: {a: {martlet_prot: 1}}\n", "i.yaml:1: martlet_prot is not known; did you mean \"martlet_port\"?"
    ),
    (
      "hosts: {a: {ansible_become_password: env:MARTLET_NOT_SET}}\n",
      "i.yaml:1: ansible_become_password: the environment variable MARTLET_NOT_SET, which holds a secret, is not set"
    ),
    ("a: &a {hosts: [h]}\nb: *c\n", "i.yaml:2: no valid YAML: found undefined alias"),
    ("? [a]\n: b\n", "i.yaml:1: a key must be a text, not a list or a map"),
  ])
  func `Wrong inventories are refused with the place`(text: String, message: String) {
    #expect(problem(text).replacing(/^\S*\/i\.yaml/, with: "i.yaml") == message)
  }

  @Test func `A password is not repeated in a message`() {
    #expect(!problem("hosts: {a: {ansible_become_password: [hunter22]}}\n").contains("hunter22"))
  }

  @Test func `Aliases of aliases don't fill the memory`() {
    var text = "a0: &a0 {vars: {x: 1}}\n"
    for level in 1...12 {
      let names = (0..<10).map { "k\($0): *a\(level - 1)" }.joined(separator: ", ")
      text += "a\(level): &a\(level) {vars: {\(names)}}\n"
    }
    #expect(problem(text).contains("too many values"))
  }

  @Test func `Files that can't be read`() throws {
    func message(_ path: String) -> String {
      do {
        _ = try InventoryFile.load([path])
        return "no error"
      } catch {
        return "\(error)"
      }
    }
    #expect(message("/nowhere/i.yaml").hasPrefix("/nowhere/i.yaml: there is no such inventory"))
    #expect(message("/etc").hasPrefix("/etc is a folder"))
    let file = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data([0xff, 0xfe, 0x61]).write(to: file)
    #expect(message(file.path).hasSuffix("the file is not UTF-8 text"))
    try Data("#!/bin/sh\necho {}\n".utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
    #expect(message(file.path).contains("is a program"))
  }
}
