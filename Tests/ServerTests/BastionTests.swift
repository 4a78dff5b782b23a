import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletLoader
import MartletTasks
import MartletTesting
import MartletTransports
import TestSupport
import Testing

extension ServerTests {
  /// Hosts behind a bastion, and behind a bastion behind a bastion.
  @Suite struct BastionTests {
    /// Some way from here to hosts.
    struct Way: Sendable, CustomTestStringConvertible {
      var testDescription: String
      /// Lines of ssh's configuration; `FILE` is its own path.
      var lines: [String]
      /// What the inventory says.
      var options: [String] = []
      var hosts = ["web1", "web2", "web3"]
      /// From which bastion the hosts are reached.
      var last = Bastions.outer
      /// Logins on it in one run; a ProxyCommand has one for each host.
      var logins = 1
    }

    /// Each goes in as another user: a login is kept for a second, and would serve the next test too.
    static let ways = [
      Way(testDescription: "ProxyJump in the file", lines: ["Host web*", "  ProxyJump bastion"]),
      Way(
        testDescription: "ProxyJump with user and port",
        lines: ["Match originalhost web* final", "  ProxyJump guest@bastion:22"]),
      Way(testDescription: "ProxyJump in the inventory", lines: [], options: ["ProxyJump=fish@bastion"]),
      Way(
        testDescription: "a chain", lines: ["Host deep", "  ProxyJump bastion,inner"], hosts: ["deep"],
        last: Bastions.inner),
      Way(
        testDescription: "a chain in the inventory", lines: [], options: ["ProxyJump=bastion,guest@inner"],
        hosts: ["deep"], last: Bastions.inner),
      Way(
        testDescription: "a bastion with a bastion of its own",
        lines: ["Host deep", "  ProxyJump inner", "Host inner", "  User noisy", "  ProxyJump bastion"],
        hosts: ["deep"], last: Bastions.inner),
      Way(
        testDescription: "ProxyCommand with ssh -W",
        lines: ["Host web*", "  ProxyCommand ssh -F FILE -W [%h]:%p deploy@bastion"], logins: 3),
      Way(
        testDescription: "ProxyCommand with a program on the bastion",
        lines: [
          "Host web1",
          #"  ProxyCommand ssh -F FILE bastion "bash -c 'exec 3<>/dev/tcp/%h/%p; cat <&3 & exec cat >&3'""#,
        ], hosts: ["web1"]),
      Way(
        testDescription: "ProxyCommand through a jump",
        lines: ["Host deep", "  ProxyCommand ssh -F FILE -J bastion -W %h:%p inner"], hosts: ["deep"],
        last: Bastions.inner),
    ]

    @Test(arguments: ways) func hostsConverge(way: Way) async throws {
      let network = try await Bastions()
      let file = try network.configuration(
        way.lines.map { $0.replacing("FILE", with: network.bench.folder + "/config") })
      var hosts: [InventoryHost] = []
      for name in way.hosts { hosts += Bastions.hosts(name) }
      for index in hosts.indices { hosts[index].connection.sshOptions = way.options }
      // A login on a jump host stays for a second, and an earlier test's would be shared.
      try await waitUntil("nobody is logged in to \(way.last.name)") {
        try await way.last.shell("ss -Htn state established sport = :22") == ""
      }
      let before = try await Bastions.logins(way.last)

      let transport = HostTransport(configuration: file)
      let start = ContinuousClock.now
      let first = await Bastions.run(hosts, transport)
      let time = ContinuousClock.now - start
      #expect(first.code == 0, "\(first.events.failures)")
      let logins = try await Bastions.logins(way.last, expected: before + way.logins) - before
      // Where a host lets the bastion wait for three seconds, as on a busy machine, it is logged in to once more.
      #expect(logins == way.logins || time > .seconds(3), "\(logins)")
      for host in hosts { #expect(first.events.recaps[host.name]?.changed == 2) }
      let servers = way.hosts == ["deep"] ? [Bastions.deep] : Array(Bastions.web.prefix(way.hosts.count))
      for server in servers {
        #expect(try await server.ask("cat", "/root/from") == Bastions.address(way.last))
        #expect(try await server.ask("stat", "-c", "%U %a", "/etc/martlet-bastion") == "root 600")
      }

      let second = await Bastions.run(hosts, transport)
      #expect(second.code == 0, "\(second.events.failures)")
      for host in hosts {
        #expect(second.events.recaps[host.name]?.changed == 0, "\(second.events.plans)")
        #expect(second.events.recaps[host.name]?.exchanges == 1)
      }
      let all = try await Bastions.logins(way.last) - before
      #expect(all <= 2 * way.logins || ContinuousClock.now - start > .seconds(3), "\(all)")
    }

    /// Each of them lets others through in its own way.
    @Test(arguments: Machine.all) func aBastionOfEverySort(machine: Machine) async throws {
      let network = try await Bastions()
      let bastion = try await machine.server()
      try await Server.lab.isolate(
        Bastions.web[0].number, reachableFrom: [Bastions.outer.number, bastion.number])
      var hosts = Bastions.hosts("web1")
      hosts[0].connection.sshOptions = ["ProxyJump=guest@\(try Bastions.address(bastion))"]
      let file = try network.configuration([])
      for changes in [2, 0] {
        let run = await Bastions.run(hosts, HostTransport(configuration: file))
        #expect(run.code == 0, "\(run.events.failures)")
        #expect(run.events.recaps["web1"]?.changed == changes)
      }
      #expect(try await Bastions.web[0].ask("cat", "/root/from") == Bastions.address(bastion))
    }

    /// Otherwise the other tests would show nothing.
    @Test func withoutTheBastionThereIsNoWay() async throws {
      let network = try await Bastions()
      let run = await Bastions.run(
        Bastions.hosts("web1", "deep"),
        HostTransport(connectTimeout: .seconds(2), configuration: try network.configuration([])))
      #expect(run.code == 4)
      let messages = run.events.failures.map(\.message)
      #expect(messages.count == 2 && messages.allSatisfy { $0.contains("gave up after 2 s") }, "\(messages)")
    }

    /// As people have it in Ansible's inventories: the bastion's own keys come from ssh's configuration.
    @Test func anInventoryOfAnsibles() async throws {
      let network = try await Bastions()
      let (web, deep) = (try Bastions.address(Bastions.web[0]), try Bastions.address(Bastions.deep))
      let config = try network.configuration([])
      try network.bench.write(
        "hosts.yml",
        """
        all:
          vars:
            ansible_user: root
            ansible_ssh_private_key_file: \(Server.lab.privateKey)
          children:
            private:
              vars:
                ansible_ssh_common_args: '-o ProxyJump=guest@bastion -o UserKnownHostsFile=\(Server.lab.knownHosts)'
              hosts:
                web1: {ansible_host: \(web)}
            deeper:
              vars: {ansible_ssh_common_args: '-J bastion,inner'}
              hosts:
                deep: {ansible_host: \(deep)}
            commanded:
              vars: {ansible_ssh_common_args: '-o ProxyCommand="ssh -F \(config) -W %h:%p -q guest@bastion"'}
              hosts:
                web2: {ansible_host: \(try Bastions.address(Bastions.web[1]))}
        """)
      let inventory = try InventoryFile.load([network.bench.folder + "/hosts.yml"])
      let run = await Bastions.run(inventory.hosts, HostTransport(configuration: config))
      #expect(run.code == 0, "\(run.events.failures) \(run.events.problems)")
      #expect(try await Bastions.web[0].ask("cat", "/root/from") == Bastions.address(Bastions.outer))
      #expect(try await Bastions.web[1].ask("cat", "/root/from") == Bastions.address(Bastions.outer))
      #expect(try await Bastions.deep.ask("cat", "/root/from") == Bastions.address(Bastions.inner))
    }

    /// As a user has it: the built command, and all about the way is in ~/.ssh.
    @Test func theBuiltCommand() async throws {
      let network = try await Bastions()
      let bench = network.bench
      // ssh's home is that of the password database, not HOME: here both are the test's.
      let home = bench.folder + "/home"
      try shell(
        """
        mkdir -m 700 -p home/.ssh; cp '\(Server.lab.knownHosts)' home/.ssh/known_hosts
        cp '\(Server.lab.privateKey)' home/.ssh/id_ed25519; chmod 600 home/.ssh/id_ed25519
        awk -F: -v OFS=: '$3 == 0 { $6 = "\(home)" } 1' /etc/passwd >passwd
        """, in: bench.folder)
      try bench.write(
        "home/.ssh/config",
        """
        Host bastion
          HostName \(try Bastions.address(Bastions.outer))
          User exits
        Host inner
          HostName \(try Bastions.address(Bastions.inner))
          ProxyJump bastion
        Host deep
          HostName \(try Bastions.address(Bastions.deep))
          ProxyJump inner
        Host \(try Bastions.web.map { try Bastions.address($0) }.joined(separator: " "))
          ProxyJump bastion
        """)
      try bench.write(
        "inventory.yaml",
        """
        all:
          vars: {ansible_user: root}
          hosts:
            deep: {}
            web1: {ansible_host: \(try Bastions.address(Bastions.web[0]))}
            web2: {ansible_host: \(try Bastions.address(Bastions.web[1]))}
            web3: {ansible_host: \(try Bastions.address(Bastions.web[2]))}
        """)
      try bench.write(
        "behind.swift",
        """
        import Martlet

        @main struct Behind: Playbook {
          var plays: Plays {
            Play("Behind", on: "all") { File("/etc/martlet-bastion", content: "behind\\n") }
          }
        }
        """)
      func apply() async throws -> Workbench.Outcome {
        let script = #"mount --bind passwd /etc/passwd && exec "$@""#
        let command = [Workbench.martlet, "apply", "behind.swift", "-i", "inventory.yaml"]
        return try await bench.run(
          "/usr/bin/unshare", ["--mount", "/bin/sh", "-c", script, "sh"] + command,
          environment: ["HOME": home, "SSH_AUTH_SOCK": ""])
      }
      let before = try await Bastions.logins()
      let first = try await apply()
      #expect(first.code == 0, "\(first)")
      #expect(try await Bastions.logins(expected: before + 1) - before == 1)
      for server in Bastions.web + [Bastions.deep] {
        #expect(try await server.ask("cat", "/etc/martlet-bastion") == "behind")
      }
      let second = try await apply()
      #expect(second.code == 0 && !second.output.contains("changed: "), "\(second)")
      #expect(try await Bastions.logins(expected: before + 2) - before == 2)
    }
  }
}
