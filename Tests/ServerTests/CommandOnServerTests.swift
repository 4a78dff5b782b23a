import Foundation
import Glibc
import MartletCore
import MartletLab
import MartletReports
import TestSupport
import Testing

extension ServerTests {
  /// The built command with a playbook that is a single file, as a user has it.
  @Suite struct CommandOnServerTests {
    /// The example of the README.
    static let site = URL(filePath: #filePath).appending(path: "../../../Playbooks/Examples/site.swift")
      .standardized.path

    /// Runs `martlet apply` with the site and the lab's inventory.
    private func apply(_ bench: Workbench, _ words: String...) async throws -> Workbench.Outcome {
      try await bench.martlet(["apply", Self.site, "-i", Server.lab.inventory, "-l", "lab1"] + words)
    }

    /// Runs `martlet apply` with one variable set for the server.
    private func apply(_ bench: Workbench, maxUpload: String) async throws -> Workbench.Outcome {
      try bench.write("vars.yaml", "all: {hosts: {lab1: {maxUpload: \(maxUpload)}}}\n")
      return try await bench.martlet(
        ["apply", Self.site, "-i", Server.lab.inventory, "-i", "vars.yaml", "-l", "lab1"])
    }

    @Test func `Check, apply, apply again, and what a wrong setting does`() async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try await server.setMark()
      let check = try await apply(bench, "--check", "--diff")
      #expect(check.code == 0, "\(check.errors)")
      #expect(check.output.hasPrefix("Site: 1 host, check mode: nothing is changed\n"))
      for line in [
        "would change: packages nginx ", "  + nginx\n", "  + lab1: It works\n",
        "  ~ /usr/share/zoneinfo/Etc/UTC → /usr/share/zoneinfo/Europe/Berlin\n",
      ] {
        #expect(check.output.contains("lab1 | \(line)"), "\(line): \(check.output)")
      }
      #expect(try await server.filesChangedSinceMark() == "", "check mode wrote")

      let first = try await apply(bench, "--diff")
      #expect(first.code == 0 && first.errors.isEmpty, "\(first)")
      #expect(first.output.contains("lab1 |   + <h1>It works</h1>\n"), "\(first.output)")
      #expect(first.output.contains("lab1 |   + client_max_body_size 20m;\n"))
      #expect(first.output.contains("reload nginx"))
      #expect(try await server.ask("curl", "-s", "http://localhost/") == "<h1>It works</h1>")
      #expect(
        try await server.ask("sh", "-c", "readlink /etc/localtime; cat /etc/motd")
          == "/usr/share/zoneinfo/Europe/Berlin\nlab1: It works")
      #expect(
        try await server.ask("sh", "-c", "nginx -T 2>/dev/null | grep max_body")
          == "client_max_body_size 20m;")

      try await server.setMark()
      let second = try await apply(bench, "--json")
      #expect(second.code == 0 && second.errors.isEmpty, "\(second)")
      let events = try second.output.split(separator: "\n").map {
        try JSONDecoder().decode(EventRecord.self, from: Data($0.utf8))
      }
      #expect(events.first?.event == "run_started" && events.last?.event == "run_finished")
      let recap = try #require(events.compactMap(\.recap).first)
      #expect(recap.changed == 0 && recap.failed == 0 && recap.ok == 6, "\(second.output)")
      #expect(recap.exchanges == 2, "one for host.os, one for everything else")
      #expect(try await server.filesChangedSinceMark() == "", "a no-op wrote")

      let wrongType = try await apply(bench, maxUpload: "plenty")
      #expect(wrongType.code == 64, "\(wrongType)")
      #expect((wrongType.output + wrongType.errors).contains("vars.yaml:1"), "\(wrongType)")
      let refused = try await apply(bench, maxUpload: "-5")
      #expect(refused.code == 1, "\(refused)")
      #expect(
        refused.output.contains("\"client_max_body_size\" directive invalid value"), "\(refused.output)")
      #expect(try await server.ask("curl", "-s", "http://localhost/") == "<h1>It works</h1>")
      let mended = try await apply(bench, maxUpload: "5")
      #expect(mended.code == 0, "\(mended)")
      #expect(mended.output.contains("lab1 | changed: handler reload nginx"), "\(mended.output)")
    }

    @Test func `Tags choose the tasks`() async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try await server.setMark()
      let run = try await apply(bench, "--tags", "motd")
      #expect(run.code == 0, "\(run)")
      // Martlet's own folder on the host lists where files come into being.
      let files = try await server.filesChangedSinceMark().split(separator: "\n").filter {
        !$0.contains(" /var/lib/martlet")
      }
      #expect(files.count == 2 && files.allSatisfy { $0.contains(" /etc/motd ") }, "\(files)")
      #expect(try await server.ask("cat", "/etc/motd") == "lab1: It works")
    }

    @Test func `A key that the server refuses is named`() async throws {
      _ = try await Server.fresh()
      let bench = try Workbench()
      try shell("ssh-keygen -q -t ed25519 -N '' -f wrong", in: bench.folder)
      let run = try await apply(bench, "--key", "wrong")
      #expect(run.code == 4, "\(run)")
      let address = try Server.lab.host(1).address
      #expect(run.output.contains("lab1 | UNREACHABLE: \(address)"), "\(run.output)")
      #expect(run.output.contains("takes none of what was tried for user root: wrong SHA256:"))
      #expect(run.output.contains("it offers: publickey"), "\(run.output)")
    }

    @Test func `Ctrl-C lets the action finish and starts no other`() async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try bench.write(
        "slow.swift",
        """
        import Martlet

        @main struct Slow: Playbook {
          var plays: Plays {
            Play("Slow", on: "web") {
              Command("\(Gate.command.text)", creates: "/root/first")
              File("/root/second", content: "second\\n")
            }
          }
        }
        """)
      // A shell makes background jobs ignore SIGINT, which `env` takes back.
      let script = """
        env --default-signal=INT \(Workbench.martlet) apply slow.swift -i \(Server.lab.inventory) -l lab1 >out &
        echo $! >job; wait $!; status=$?; cat out; echo status $status
        """
      async let running = bench.run("/bin/sh", ["-c", script])
      try await Gate.isReached(on: server)
      let job = try #require(Int32(try shell("cat job", in: bench.folder).trimmed))
      #expect(kill(job, SIGINT) == 0)
      let outcome = try await running
      #expect(try await server.shell("ls /root") == "", "it need not wait for the host")
      #expect(outcome.output.hasSuffix("status 130\n"), "\(outcome)")
      #expect(outcome.output.contains("interrupted"), "\(outcome.output)")
      try await Gate.open(on: server)
      try await waitUntil("the action has ended") { try await server.ask("sh", "-c", "ls /root") == "first" }
      _ = try await server.ask("sleep", "0.5")
      #expect(try await server.ask("sh", "-c", "ls /root; ls -d /var/tmp/martlet.* 2>/dev/null") == "first")
    }
  }
}
