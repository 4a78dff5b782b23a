import Foundation
import MartletCore
import MartletLab
import MartletReports
import TestSupport
import Testing

extension ServerTests {
  /// All kinds of servers and users in one inventory, by the built command: who can't, stops nobody else.
  @Suite struct CommandMatrixTests {
    /// The users by whom each machine is reached; `keyless` is asker again, by password only.
    private static let logins = Person.all.map(\.name) + ["keyless"]

    private func inventory() async throws -> String {
      var lines = [
        "all:", "  vars: {martlet_known_hosts: \(Server.lab.knownHosts)}", "  hosts:",
      ]
      for machine in Machine.all {
        let server = try await machine.server()
        for login in Self.logins {
          let user = login == "keyless" ? "asker" : login
          let password = Person.password(user).reveal()
          let way =
            login == "keyless"
            ? "ansible_password: \(password)" : "ansible_ssh_private_key_file: \(Server.lab.privateKey)"
          let become = ["asker", "guest"].contains(user) ? ", ansible_become_password: \(password)" : ""
          lines.append(
            "    \(login)-\(machine.number): {ansible_host: \(try Bastions.address(server)), ansible_user: \(user), "
              + "\(way)\(become)}")
        }
      }
      return lines.joined(separator: "\n") + "\n"
    }

    @Test func everyServerAndUserAtOnce() async throws {
      let bench = try Workbench()
      try bench.write("inventory.yaml", try await inventory())
      try bench.write(
        "matrix.swift",
        """
        import Martlet

        @main struct Matrix: Playbook {
          var plays: Plays {
            Play("Matrix", on: "all", become: true) { host in
              File(RemotePath("/srv/\\(host.name)"), content: "\\(host.name)\\n", mode: 0o600)
            }
          }
        }
        """)
      let refused: [String: [String]] = [
        "guest": ["sudoers doesn't name guest", "guest ALL=(ALL:ALL) ALL"],
        "exits": ["login shell of exits", "before the program ran", "~/.bashrc"],
      ]
      for isFirst in [true, false] {
        let run = try await bench.martlet(["apply", "matrix.swift", "--json", "--ssh-config", "none"])
        #expect(run.code == 1, "\(run.errors)")
        let events = try run.output.split(separator: "\n").map {
          try JSONDecoder().decode(EventRecord.self, from: Data($0.utf8))
        }
        for machine in Machine.all {
          for login in Self.logins {
            let own = events.filter { $0.host == "\(login)-\(machine.number)" }
            let failures = own.compactMap(\.failure).map(\.message).joined()
            let recap = try #require(own.compactMap(\.recap).last)
            if let parts = refused[login] {
              #expect(recap.changed == 0)
              for part in parts { #expect(failures.contains(part), "\(failures)") }
            } else {
              #expect(failures == "")
              #expect(recap.changed == (isFirst ? 1 : 0), "\(login) on \(machine)")
              if !isFirst { #expect(recap.exchanges == 1) }
            }
          }
        }
      }
      for machine in Machine.all {
        let server = try await machine.server()
        let written = try await server.shell(
          "cd /srv; stat -c '%U %a' *-\(machine.number) | sort -u; ls -d *-\(machine.number) | wc -l")
        #expect(written == "root 600\n\(Self.logins.count - refused.count)")
        _ = try await server.shell("rm /srv/*-\(machine.number)")
      }
    }
  }
}
