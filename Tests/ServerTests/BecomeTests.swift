import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import Testing

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

extension ServerTests {
  /// Whom a run is, and whom it becomes.
  @Suite struct BecomeTests {
    private let file: RemotePath = "/etc/martlet-test"

    @Test func sudoWithoutAPassword() async throws {
      let server = try await Server.fresh()
      let run = try await server.run(user: "deploy") { File(file, content: "by root\n", mode: 0o600) }
      #expect(run.failure == "")
      #expect(try await server.ask("stat", "-c", "%a %U", file.string) == "600 root")
    }

    @Test func sudoWithAPasswordGetsItOnceAndShowsItNowhere() async throws {
      let server = try await Server.fresh()
      let run = try await server.run(user: "asker", password: Secret("asker")) {
        File(file, content: "by root\n")
        Command("ps -eo args >/tmp/args; env >/tmp/env", creates: "/tmp/args")
      }
      #expect(run.failure == "")
      #expect(run.recap.exchanges == 3)
      #expect(try await server.ask("stat", "-c", "%U", file.string) == "root")
      #expect(!(try await server.ask("cat", "/tmp/args")).contains("by root"))
      let again = try await server.run(user: "asker", password: Secret("asker")) {
        File(file, content: "by root\n")
      }
      #expect(again.recap.exchanges == 1)
      #expect(again.recap.changed == 0)
    }

    @Test func aWrongPasswordIsSaidOnce() async throws {
      let server = try await Server.fresh()
      let run = try await server.run(user: "asker", password: Secret("wrong-one")) {
        File(file, content: "")
      }
      #expect(run.code == 1)
      #expect(
        run.failure.hasPrefix(
          "asker can't become root on lab1 by sudo: sudo refused the password of asker; it was tried once only"
        ),
        "\(run.failure)")
      let log = try await server.journal("sudo")
      #expect(log.contains("1 incorrect password attempt"), "\(log)")
      #expect(log.components(separatedBy: "authentication failure").count == 2, "\(log)")
      #expect(try await server.ask("sh", "-c", "test -e \(file) || echo absent") == "absent")
    }

    @Test func aMissingPasswordIsNamed() async throws {
      let server = try await Server.fresh()
      let run = try await server.run(user: "asker") { File(file, content: "") }
      #expect(run.code == 1)
      #expect(run.failure.contains("--ask-become-pass"))
    }

    @Test func withoutRootAFileOfRootsIsAClearFailure() async throws {
      let server = try await Server.fresh()
      let run = try await server.run(user: "deploy", become: false) { File(file, content: "") }
      #expect(run.code == 1)
      #expect(run.failure.contains("Permission denied"), "\(run.failure)")
      #expect(
        run.failure.contains("the play runs as deploy. If it takes root, give the play become: true"),
        "\(run.failure)")
    }

    @Test func commandsRunAsAnotherUser() async throws {
      let server = try await Server.fresh()
      let run = try await server.run(user: "deploy") {
        Command("id -un >/tmp/who-$(id -un)", creates: "/tmp/who-asker").become("asker")
      }
      #expect(run.failure == "")
      #expect(try await server.ask("stat", "-c", "%U", "/tmp/who-asker") == "asker")
      try await prove(on: server) {
        // The guard is asked as the same user, in the look as in the act.
        Command("touch /tmp/mine", unless: "[ $(id -un) = asker ] && test -e /tmp/mine").become("asker")
      }
    }

    @Test func loginShellsThatAreNotPOSIX() async throws {
      let server = try await Server.fresh()
      _ = try await server.shell("apt-get install -qy fish tcsh && echo root:roots-own | chpasswd")
      for shell in ["/usr/bin/fish", "/usr/bin/tcsh"] {
        _ = try await server.shell("usermod -s \(shell) deploy; usermod -s \(shell) asker; rm -f /etc/it*")
        let run = try await server.run(user: "deploy") {
          File("/etc/it's \"here\"", content: "$HOME `id` \\ 'quoted'\n")
        }
        #expect(run.failure == "")
        #expect(try await server.ask("cat", "/etc/it's \"here\"") == "$HOME `id` \\ 'quoted'")
        let root = "I am root at /root"
        #expect(try await server.becoming(from: "asker") { $0.becomePassword = Secret("asker") } == root)
        #expect(
          try await server.becoming(from: "asker") {
            $0.becomeMethod = .su
            $0.becomePassword = Secret("roots-own")
          } == root)
      }
    }

    @Test func noiseOfABashrc() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask(
        "sh", "-c",
        "printf 'echo Welcome, you have mail; echo fact 0 >&2\\n%s\\n' \"$(cat /home/deploy/.bashrc)\" >/tmp/rc; cat /tmp/rc >/home/deploy/.bashrc"
      )
      let run = try await server.run(user: "deploy") { File(file, content: "quiet\n") }
      #expect(run.failure == "")
      #expect(try await server.ask("cat", file.string) == "quiet")
    }
  }
}
