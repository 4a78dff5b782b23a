import Foundation
import MartletCore
import MartletLoader
import Testing

/// An inventory read from a text, and the warnings.
func load(_ text: String, warnings: UnsafeMutablePointer<[String]>? = nil) throws -> Inventory {
  let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let file = folder.appending(path: "i.yaml")
  try Data(text.utf8).write(to: file)
  do {
    var inventory = try InventoryFile.load([file.path]) {
      warnings?.pointee.append($0.replacing(folder.path + "/", with: ""))
    }
    inventory.updateHosts { $0.problems = $0.problems.map { $0.replacing(folder.path + "/", with: "") } }
    return inventory
  } catch let error as InventoryError {
    throw InventoryError(error.description.replacing(folder.path + "/", with: ""))
  }
}

/// The message of the error that a text causes.
func problem(_ text: String) -> String {
  do {
    let problems = try load(text).hosts.flatMap(\.problems)
    return problems.isEmpty ? "no error" : problems.joined(separator: "\n")
  } catch {
    return "\(error)"
  }
}

@Suite struct InventoryFileTests {
  private func vars(_ inventory: Inventory, _ host: String) -> [String: InventoryValue] {
    inventory.host(host)?.vars.mapValues(\.value) ?? [:]
  }

  @Test func `The own form: hosts, groups, vars`() throws {
    let inventory = try load(
      """
      vars: {domain: shop.example}
      hosts:
        db: {address: 192.0.2.7, port: 2222, user: admin, become: yes, accept_new: true}
      groups:
        web:
          hosts: [web1, web2]
          vars:
            workers: 4
            key: ~/.ssh/web
        spare: {hosts: {web2: }}
      """)
    #expect(inventory.hosts.map(\.name) == ["db", "web1", "web2"])
    #expect(
      inventory.groups == ["all": ["db", "web1", "web2"], "web": ["web1", "web2"], "spare": ["web2"]])
    let db = try #require(inventory.host("db")).connection
    #expect(db.address == "192.0.2.7" && db.port == 2222 && db.user == "admin")
    #expect(db.become == true && db.acceptsNewHostKey)
    #expect(vars(inventory, "db") == ["domain": .string("shop.example")])
    #expect(vars(inventory, "web2") == ["domain": .string("shop.example"), "workers": .int(4)])
    let home = ProcessInfo.processInfo.environment["HOME"] ?? "/"
    #expect(inventory.host("web1")?.connection.keys == [home + "/.ssh/web"])
    #expect(inventory.host("web1")?.connection.address == "web1")
    #expect(inventory.host("web2")?.groups == ["spare", "web"])
  }

  @Test func `An inventory of Ansible reads as it is`() throws {
    var warnings: [String] = []
    let inventory = try load(
      """
      all:
        hosts:
          mail.example.com:
            ansible_host: 192.0.2.1
            ansible_port: "2200"
            ansible_python_interpreter: /usr/bin/python3
            user: postmaster
            port: 25
        vars:
          ansible_user: deploy
          ansible_ssh_private_key_file: /keys/id
          ansible_become: "true"
          ansible_become_password: hunter22
          ansible_ssh_pass: hunter23
          ansible_ssh_extra_args: -4
          ansible_ssh_common_args: -o ProxyCommand="ssh -W %h:%p bastion" -Aq -F ssh.cfg -J 'user@b:22'
          martlet_ssh_options: [Port=3]
          martlet_known_hosts: [/keys/known, more]
        children:
          web:
            hosts:
              foo.example.com:
              bar.example.com:
          prod:
            children:
              web:
      dbs:
        hosts:
          one.example.com:
      """, warnings: &warnings)
    #expect(warnings.isEmpty)
    let mail = try #require(inventory.host("mail.example.com"))
    #expect(mail.connection.address == "192.0.2.1" && mail.connection.port == 2200)
    #expect(mail.connection.user == "deploy" && mail.connection.keys == ["/keys/id"])
    #expect(mail.connection.become == true && mail.connection.becomePassword?.reveal() == "hunter22")
    #expect(mail.connection.knownHosts.first == "/keys/known")
    #expect(mail.connection.password?.reveal() == "hunter23")
    #expect(
      mail.connection.sshOptions == [
        "Port=3", "ProxyCommand=ssh -W %h:%p bastion", "ForwardAgent=yes", "ProxyJump=user@b:22",
        "AddressFamily=inet",
      ])
    #expect(mail.connection.sshConfig?.hasSuffix("/ssh.cfg") == true)
    #expect(mail.connection.knownHosts.last?.hasSuffix("/more") == true)
    #expect(vars(inventory, "mail.example.com") == ["user": .string("postmaster"), "port": .int(25)])
    #expect(inventory.groups["prod"] == ["foo.example.com", "bar.example.com"])
    #expect(inventory.groups["dbs"] == ["one.example.com"])
    #expect(inventory.host("foo.example.com")?.groups == ["prod", "web"])
  }

  @Test func `A host wins over its group, a child over its parent, all comes last`() throws {
    let inventory = try load(
      """
      all:
        vars: {a: all, b: all, c: all, d: all, port: 1}
        children:
          parent:
            vars: {b: parent, c: parent, d: parent}
            children:
              aaa:
                vars: {c: child, d: child, port: 3}
                hosts:
                  h: {d: host, port: 4}
          zzz:
            vars: {c: sibling}
            hosts: {h: }
      """)
    #expect(
      vars(inventory, "h") == [
        "a": .string("all"), "b": .string("parent"), "c": .string("child"), "d": .string("host"),
      ])
    #expect(inventory.host("h")?.connection.port == 4)
    let lines = inventory.host("h")?.vars.mapValues { $0.origin.split(separator: ":").last }
    #expect(lines == ["a": "2", "b": "5", "c": "8", "d": "10"])
  }

  @Test func `Values have the types of YAML 1_1`() throws {
    let inventory = try load(
      """
      hosts:
        h:
          texts: [a, "5", '0', !!str 7, 12:30, 1.2.3, 1e3, 2024-01-01, -, --1, +]
          numbers: [0, -3, 0x1f, 0644, 1_000, 1.5, -0.5]
          truths: [true, No, on]
          nothing: [~, null, ]
          map: {x: {y: z}}
          base: &base {p: 1, q: 2}
          merged: {<<: *base, q: 3}
      """)
    let values = vars(inventory, "h")
    #expect(
      values["texts"]
        == .list(
          ["a", "5", "0", "7", "12:30", "1.2.3", "1e3", "2024-01-01", "-", "--1", "+"].map { .string($0) }))
    #expect(
      values["numbers"]
        == .list([.int(0), .int(-3), .int(31), .int(420), .int(1000), .double(1.5), .double(-0.5)]))
    #expect(values["truths"] == .list([.bool(true), .bool(false), .bool(true)]))
    #expect(values["nothing"] == .list([.null, .null]))
    #expect(values["map"] == .map(["x": .map(["y": .string("z")])]))
    #expect(values["merged"] == .map(["p": .int(1), "q": .int(3)]))
  }

  @Test func `Ranges of hosts`() throws {
    let inventory = try load(
      "hosts: {\"web[08:11].x\": {port: 2200}, \"db[a:c]\": , \"n[0:4:2]\": , \"r[1:2]-[1:2]\": }")
    #expect(
      inventory.hosts.map(\.name) == [
        "web08.x", "web09.x", "web10.x", "web11.x", "dba", "dbb", "dbc", "n0", "n2", "n4", "r1-1", "r1-2",
        "r2-1",
        "r2-2",
      ])
    #expect(inventory.hosts[3].connection.port == 2200)
  }

  @Test func `A list of hosts on the command line`() throws {
    let inventory = try InventoryFile.load(["web1,web2:2222, db[1:2],[::1]:2200,"])
    #expect(inventory.hosts.map(\.name) == ["web1", "web2", "db1", "db2", "::1"])
    #expect(inventory.hosts.map(\.connection.port) == [nil, 2222, nil, nil, 2200])
    #expect(inventory.groups == ["all": ["web1", "web2", "db1", "db2", "::1"]])
    #expect(throws: InventoryError.self) { try InventoryFile.load([","]) }
    #expect(throws: InventoryError.self) { try InventoryFile.load(["a;b,"]) }
    #expect(throws: InventoryError.self) { try InventoryFile.load([]) }
  }

  @Test func `Of several inventories the later wins`() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let first = folder.appending(path: "a.yaml")
    let second = folder.appending(path: "b.yaml")
    try Data("hosts: {h: {x: 1, y: 1, key: k}}".utf8).write(to: first)
    try Data("hosts: {h: {x: 2}, i: }".utf8).write(to: second)
    let inventory = try InventoryFile.load([first.path, second.path, "j,"])
    #expect(inventory.hosts.map(\.name) == ["h", "i", "j"])
    #expect(vars(inventory, "h") == ["x": .int(2), "y": .int(1)])
    #expect(inventory.host("h")?.vars["x"]?.origin == second.path + ":1")
    #expect(inventory.host("h")?.connection.keys == [folder.path + "/k"])
  }

  @Test func `Fifty thousand hosts`() throws {
    let hosts = (0..<50_000).map {
      "      host\($0).example.com: {ansible_host: 192.0.2.1, rack: \($0 % 100)}\n"
    }
    let inventory = try load(
      "all:\n  children:\n    web:\n      vars: {a: 1}\n      hosts:\n  " + hosts.joined(separator: "  "))
    #expect(inventory.hosts.count == 50_000)
    #expect(inventory.groups["web"]?.count == 50_000)
    #expect(inventory.hosts.last?.vars.count == 2)
  }

  @Test func `What has no effect is said once`() throws {
    var warnings: [String] = []
    _ = try load(
      """
      web:
        vars: {ansible_foo: 1, url: "{{ x }}"}
        hosts:
          a: {ansible_connection: ssh, ansible_become_method: sudo, ansible_become_user: root}
          b: {address: 192.0.2.1}
      """, warnings: &warnings)
    #expect(
      warnings == [
        "i.yaml:2: ansible_foo is not known to Martlet and has no effect",
        "i.yaml:2: url holds a template ({{ … }}): it is not filled in, and stays as it is written",
        "i.yaml:5: address is an ordinary variable here, as the file uses names like ansible_host: write ansible_host",
      ])
  }

  @Test func `Whom to become and how`() throws {
    var warnings: [String] = []
    let prefixed = try load(
      """
      hosts:
        a: {ansible_become_user: postgres, ansible_become_method: su, ansible_become_pass: hunter22}
        c: {martlet_become_user: app, martlet_become_password: hunter22}
      """, warnings: &warnings)
    let inventory = try load(
      """
      hosts:
        b: {become: true, become_user: app, become_method: doas, become_timeout: 90, become_password: hunter22}
        d: {}
      """, warnings: &warnings)
    #expect(warnings.isEmpty)
    let a = try #require(prefixed.host("a")).connection
    #expect(a.become == nil && a.becomeUser == "postgres" && a.becomeMethod == .su)
    let b = try #require(inventory.host("b")).connection
    #expect(b.become == true && b.becomeUser == "app" && b.becomeMethod == .doas)
    #expect(b.becomeTimeout == .seconds(90))
    let c = try #require(prefixed.host("c")).connection
    #expect(c.becomeUser == "app" && c.becomeMethod == nil)
    for connection in [a, b, c] { #expect(connection.becomePassword?.reveal() == "hunter22") }
    let d = try #require(inventory.host("d")).connection
    #expect(d.becomeUser == nil && d.becomeMethod == nil && d.becomeTimeout == .seconds(60))
    #expect((prefixed.hosts + inventory.hosts).allSatisfy { $0.vars.isEmpty })
  }
}
