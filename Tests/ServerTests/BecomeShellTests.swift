import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import Testing

/// The one shell of each user: what it costs, what is seen of it, and what ends it.
extension ServerTests.BecomeTests {
  @Test func everyPlayRunsAsTheUserItWants() async throws {
    let server = try await Server.fresh()
    @Sendable func plays() -> Plays {
      Plays(items: [
        Play("As deploy", on: "all") { File("/home/deploy/mine", content: "mine\n") },
        Play("As root", on: "all", become: true) { File("/etc/roots", content: "root's\n") },
        Play("As deploy again", on: "all") { File("/home/deploy/also", content: "also mine\n") },
      ])
    }
    let run = try await server.run(plays(), user: "deploy")
    #expect(run.failure == "")
    #expect(
      try await server.ask("stat", "-c", "%U", "/home/deploy/mine", "/etc/roots", "/home/deploy/also")
        == "deploy\nroot\ndeploy")
    let again = try await server.run(plays(), user: "deploy")
    #expect(again.recap.changed == 0)
    #expect(again.recap.exchanges == 3)
  }

  @Test func onePasswordOneLogEntryAndNothingSecretAnywhere() async throws {
    let server = try await Server.fresh()
    let secret = Secret("contents-are-secret")
    let large = String(repeating: "large\n", count: 20_000)
    let plays = Plays(items: [
      Play("As root", on: "all", become: .root) {
        File("/etc/large", content: Contents(large))
        Command(
          "sleep 0.5; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; cat $p/environ; echo; done >/root/seen"
        )
        File("/etc/secret", content: "\(secret)\n", mode: 0o600)
        Command("cat; id -un; ls -ld $HOME; touch here", in: "/home/deploy").become("deploy")
      },
      Play("As deploy", on: "all", become: .user("deploy")) {
        File("/home/deploy/mine", content: "\(secret)\n", mode: 0o600)
      },
      Play("As root again", on: "all", become: .root) { File("/etc/also", content: "also\n") },
    ])
    let run = try await server.run(plays, user: "asker") { $0.becomePassword = Secret("asker") }
    #expect(run.failure == "")
    #expect(run.recap.exchanges >= 7)
    let log = try await server.journal("sudo")
    #expect(log.components(separatedBy: "COMMAND=").count - 1 == 2, "one for each user:\n\(log)")
    let seen = try await server.ask("cat", "/root/seen")
    #expect(seen.contains("sudo"))
    for text in [seen, log, "\(run.events.all)"] {
      #expect(!text.contains("contents-are-secret"))
    }
    // The password is the user's name here, so look for it where it could only be itself.
    #expect(!log.contains("asker\n") && !seen.split(separator: "\n").contains("asker"))
    #expect(try await server.shell("ls -d /var/tmp/martlet.* /tmp/martlet.* 2>/dev/null || true") == "")
    #expect(
      try await server.ask("stat", "-c", "%U", "/home/deploy/mine", "/home/deploy/here") == "deploy\ndeploy")
    let again = try await server.run(
      Plays(items: [Play("As root", on: "all", become: .root) { File("/etc/also", content: "also\n") }]),
      user: "asker"
    ) { $0.becomePassword = Secret("asker") }
    #expect(again.recap.exchanges == 1 && again.recap.changed == 0)
  }

  @Test func aShellThatIsKilledIsAClearFailure() async throws {
    let server = try await Server.fresh()
    let run = try await server.run(user: "deploy") {
      Command("touch /root/first")
      Command("touch /root/second; kill -9 $PPID; sleep 0.3; kill -9 $$; sleep 1").named("suicide")
      Command("touch /root/third")
    }
    #expect(run.code == 1)
    #expect(run.failure.contains("while an action ran"), "\(run.failure)")
    #expect(run.failure.contains("did not run the program to its end") || run.failure.contains("has ended"))
    #expect(run.recap.changed == 1)
    #expect(try await server.ask("ls", "/root") == "first\nsecond")
  }

  @Test func aServerThatAllowsOneCommandAtATime() async throws {
    let server = try await Server.fresh()
    _ = try await server.shell(
      "sed -i 's/^MaxSessions.*/MaxSessions 1/' /etc/ssh/sshd_config.d/lab.conf; systemctl restart ssh")
    let plays = Plays(items: [
      Play("As root", on: "all", become: .root) { File("/etc/one", content: "1\n") },
      Play("As deploy", on: "all") { File("/home/deploy/two", content: "2\n") },
      Play("As asker", on: "all", become: .user("asker")) { File("/home/asker/three", content: "3\n") },
      Play("As root again", on: "all", become: .root) { File("/etc/four", content: "4\n") },
    ])
    let run = try await server.run(plays, user: "deploy") { _ in }
    #expect(run.failure == "")
    #expect(
      try await server.ask(
        "stat", "-c", "%U", "/etc/one", "/home/deploy/two", "/home/asker/three", "/etc/four")
        == "root\ndeploy\nasker\nroot")
  }

  @Test func aServerThatGivesNoTerminals() async throws {
    let server = try await Server.fresh()
    #expect(try await server.becoming(from: "needstty") == "I am root at /root")
    _ = try await server.shell("echo PermitTTY no >>/etc/ssh/sshd_config.d/lab.conf; systemctl restart ssh")
    let refused = try await server.becoming(from: "needstty")
    #expect(refused.contains("with visudo: Defaults:needstty !requiretty"), "\(refused)")
  }

  @Test func aStepAsAnotherUserFromAPlayThatIsNotRoot() async throws {
    let server = try await Server.fresh()
    @Sendable func steps() -> Steps {
      Command("touch /tmp/mine", unless: "[ $(id -un) = asker ] && test -e /tmp/mine").become("asker")
    }
    let run = try await server.run(user: "deploy", become: .login) { steps() }
    #expect(run.failure == "")
    #expect(try await server.ask("stat", "-c", "%U", "/tmp/mine") == "asker")
    #expect(try await server.run(user: "deploy", become: .login) { steps() }.recap.changed == 0)
    let refused = try await server.run(user: "asker", become: .login) { Command("true").become("deploy") }
    #expect(refused.failure.contains("sudo: a password is required"), "\(refused.failure)")
  }
}
