import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import Testing

extension ServerTests {
  /// What goes wrong on the way, and what the next run makes of it.
  @Suite struct FaultTests {
    @Test func aHostKilledInTheMiddleIsUnreachableAndTheNextRunGoesOn() async throws {
      let server = try await Server.fresh()
      @Sendable func tasks() -> Plays {
        let restart = Handler("restart", run: "echo restarted >>/root/restarts")
        return Plays(items: [
          Play("Test", on: "all") {
            File("/root/first", content: "first\n").notify(restart)
            Command("sleep 30; touch /root/second", creates: "/root/second")
            File("/root/third", content: "third\n")
          }
        ])
      }
      async let broken = server.run(tasks())
      try await waitUntil("the second task runs") {
        try await server.ask("sh", "-c", "pgrep -f '[s]leep 30' || true") != ""
      }
      try await Server.lab.kill(server.number)
      let run = try await broken
      #expect(run.code == 4)
      #expect(run.recap.unreachable)
      #expect(run.failure.contains("while an action ran"), "\(run.failure)")
      try await Server.lab.start(server.number)
      #expect(try await server.ask("sh", "-c", "ls /root") == "first")

      _ = try await server.ask("touch", "/root/second")
      let next = try await server.run(tasks())
      #expect(next.failure == "")
      #expect(try await server.ask("sh", "-c", "ls /root") == "first\nrestarts\nsecond\nthird")
    }

    /// For the second user the host's sudo wants a terminal.
    @Test(arguments: ["deploy", "needstty"])
    func anInterruptedRunFinishesItsActionAndStartsNoOther(user: String) async throws {
      let server = try await Server.fresh()
      let running = Task {
        try await server.run(user: user) {
          Command(Gate.command, creates: "/root/first")
          File("/root/second", content: "second\n")
        }
      }
      try await Gate.isReached(on: server)
      running.cancel()
      let run = try await running.value
      #expect(run.code == 130)
      try await Gate.open(on: server)
      try await waitUntil("the action has ended") { try await server.ask("sh", "-c", "ls /root") == "first" }
      _ = try await server.ask("sleep", "0.5")
      #expect(try await server.ask("sh", "-c", "ls /root; ls -d /var/tmp/martlet.* 2>/dev/null") == "first")
    }

    @Test func aFullDiskLeavesTheOldFile() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask(
        "sh", "-c",
        "mkdir /srv/small && mount -t tmpfs -o size=64k none /srv/small && echo old >/srv/small/file")
      let run = try await server.run {
        File("/srv/small/file", content: Contents(String(repeating: "new\n", count: 50_000)))
      }
      #expect(run.code == 1)
      #expect(
        run.failure.hasPrefix("no space left on /srv/small: file /srv/small/file failed"), "\(run.failure)")
      #expect(try await server.ask("sh", "-c", "cat /srv/small/file; ls -A /srv/small") == "old\nfile")
    }

    @Test func aReadOnlyFileSystemIsNamed() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask("sh", "-c", "mkdir /srv/fixed && mount -t tmpfs -o ro none /srv/fixed")
      let run = try await server.run { File("/srv/fixed/file", content: "new\n") }
      #expect(run.code == 1)
      #expect(run.failure.hasPrefix("/srv/fixed can't be written to, even by root"), "\(run.failure)")
      #expect(run.failure.contains("Read-only file system"), "\(run.failure)")
    }

    @Test(arguments: ["-o size=64k", "-o nr_inodes=3"])
    func aFullDiskOfTheHostsOwnFolderIsNamed(bound: String) async throws {
      let server = try await Server.fresh()
      _ = try await server.shell(
        "mount -t tmpfs \(bound) none /var/tmp; touch /var/tmp/a /var/tmp/b; head -c 1000000 /dev/zero >/var/tmp/a || true"
      )
      let run = try await server.run { Command("echo some output; exit 3") }
      #expect(run.code == 1)
      #expect(run.failure.hasPrefix("no space left on /var/tmp: "), "\(run.failure)")
    }

    @Test func theSessionOfAServerThatHangsIsNoticed() async throws {
      let server = try await Server.fresh()
      var options = RunOptions()
      options.silenceTimeout = .seconds(2)
      let plays = Plays(items: [Play("Test", on: "all") { Command(Gate.command, creates: "/root/first") }])
      let running = Task { [options] in try await server.run(plays, options: options) }
      try await Gate.isReached(on: server)
      // All of sshd that serves the connection; the listener goes on.
      _ = try await server.shell("pkill -STOP -f '^sshd: root' || pkill -STOP -f 'sshd-session: root'")
      let run = try await running.value
      _ = try await server.shell("pkill -CONT -f '^sshd: root' || pkill -CONT -f 'sshd-session: root'")
      #expect(run.code == 4)
      #expect(run.failure.contains("gives no sign of life"), "\(run.failure)")
      #expect(run.failure.contains("while an action ran"), "\(run.failure)")
    }

    @Test func aHostThatIsDownDoesNotHoldTheOthers() async throws {
      let up = try await Server.fresh(1)
      let down = try await Server.fresh(2)
      try await Server.lab.kill(2)
      let events = RecordedEvents()
      let engine = Engine(
        transport: SSHTransport(connectTimeout: .seconds(10), configuration: "none"), options: RunOptions(),
        sink: events)
      let inventory = Inventory(hosts: [try down.host(), try up.host()])
      let plays = Plays(items: [Play("Test", on: "all") { File("/root/file", content: "x") }])
      #expect(await engine.run(plays, named: "Test", inventory: inventory) == 4)
      let failures = "\(events.failures)"
      #expect(events.recaps["lab1"]?.changed == 1, "\(failures)")
      #expect(events.recaps["lab2"]?.unreachable == true, "\(failures)")
      try await Server.lab.start(2)
    }

    @Test func aChangedHostKeyIsRefusedAndSaysWhatToDo() async throws {
      let server = try await Server.fresh(2)
      let known = try host(of: server, knownHosts: knownHostsOfAnotherKey(server))
      let events = RecordedEvents()
      let engine = Engine(transport: SSHTransport(configuration: "none"), options: RunOptions(), sink: events)
      let plays = Plays(items: [Play("Test", on: "all") { File("/root/file", content: "x") }])
      #expect(await engine.run(plays, named: "Test", inventory: Inventory(hosts: [known])) == 4)
      let message = try #require(events.failures.first?.message)
      #expect(message.contains("ssh-keygen -R"), "\(message)")
      #expect(try await server.ask("ls", "/root") == "")
    }

    private func host(of server: Server, knownHosts: String) throws -> InventoryHost {
      var host = try server.host()
      host.connection.knownHosts = [knownHosts]
      return host
    }

    /// A known_hosts file that has this machine's own key for the server's address.
    private func knownHostsOfAnotherKey(_ server: Server) throws -> String {
      let path = Server.lab.directory + "/other_known_hosts"
      let address = try Server.lab.host(server.number).address
      let key = try String(contentsOfFile: Server.lab.privateKey + ".pub", encoding: .utf8)
      try "\(address) \(key)".write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }
  }
}

/// Where a task on a server waits until the test has done what it wants to do meanwhile.
enum Gate {
  /// Says that it is there, and makes a file when the gate is open; after a minute at the latest.
  static let command: ShellCommand =
    "touch /run/gate; for i in $(seq 600); do [ ! -e /run/open ] || break; sleep 0.1; done; touch /root/first"

  static func isReached(on server: Server) async throws {
    try await waitUntil("the task runs") { try await server.shell("ls /run/gate || true") != "" }
  }

  static func open(on server: Server) async throws { _ = try await server.shell("touch /run/open") }
}

/// Waits for something that another process does, half a minute at most.
func waitUntil(_ what: String, _ condition: () async throws -> Bool) async throws {
  let end = ContinuousClock.now + .seconds(30)
  while ContinuousClock.now < end {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(100))
  }
  throw TransportError("waited in vain until \(what)")
}
