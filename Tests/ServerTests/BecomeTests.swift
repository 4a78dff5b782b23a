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
      let log = try await server.ask("journalctl", "-t", "sudo", "-o", "cat")
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
}

extension Server {
  /// Runs plays with what an inventory may say of becoming another user.
  func run(
    _ plays: Plays, user: String, verbose: Bool = false, settings: (inout ConnectionSettings) -> Void
  ) async throws -> Run {
    var host = try host(user: user)
    settings(&host.connection)
    var options = RunOptions()
    options.verbose = verbose
    let events = RecordedEvents()
    let engine = Engine(transport: SSHTransport(), options: options, sink: events)
    let code = await engine.run(plays, named: "Test", inventory: Inventory(hosts: [host]))
    return Run(code: code, events: events, recap: events.recaps[name] ?? HostRecap())
  }

  /// Who a play is that becomes another user, or why it can't.
  func becoming(
    _ play: PlayUser = .root, from user: String, settings: (inout ConnectionSettings) -> Void = { _ in }
  ) async throws -> String {
    let plays = Plays(items: [
      Play("Test", on: "all", become: play) { Command("echo I am $(id -un) at $HOME").named("who") }
    ])
    let run = try await run(plays, user: user, verbose: true, settings: settings)
    if run.code != 0 { return run.failure }
    let said = run.events.all.compactMap { event in
      if case .output(_, _, let text) = event { text.trimmed } else { nil }
    }
    return said.joined()
  }

  func shell(_ script: String) async throws -> String { try await ask("sh", "-c", script) }
}

extension ServerTests.BecomeTests {
  /// Hosts as people have them: what works, works; what doesn't says what to add to which file, and then it works.
  @Test func awkwardHosts() async throws {
    let server = try await Server.fresh()
    let users = ["restricted", "norights", "ttyless", "targetted", "plain", "lectured", "slow"]
    _ = try await server.shell(
      """
      set -e
      for user in \(users.joined(separator: " ")) ; do
        useradd -m -s /bin/bash $user; echo "$user:own-$user" | chpasswd
        cp -r /home/deploy/.ssh /home/$user; chown -R $user: /home/$user/.ssh
      done
      useradd -r -m -d /var/lib/db -s /usr/sbin/nologin db
      echo root:roots-own | chpasswd; echo db:own-db | chpasswd
      cat >/etc/sudoers.d/zz <<END
      restricted ALL=(ALL) NOPASSWD: /bin/ls
      ttyless ALL=(ALL) NOPASSWD: ALL
      Defaults:ttyless requiretty
      targetted ALL=(ALL) ALL
      Defaults:targetted targetpw
      lectured ALL=(ALL) ALL
      Defaults:lectured lecture=always, !use_pty, passprompt_override
      slow ALL=(ALL) ALL
      END
      printf '#!/bin/sh\n[ "$PAM_USER" != slow ] || sleep 3\n' >/usr/local/sbin/slow
      chmod 755 /usr/local/sbin/slow
      sed -i '1i auth optional pam_exec.so /usr/local/sbin/slow' /etc/pam.d/sudo
      DEBIAN_FRONTEND=noninteractive apt-get install -qy opendoas
      echo 'permit plain as root' >/etc/doas.conf
      """)
    let root = "I am root at /root"

    // To others than root, also to one who has no shell.
    #expect(try await server.becoming(.user("db"), from: "deploy") == "I am db at /var/lib/db")
    #expect(try await server.becoming(.user("db"), from: "root") == "I am db at /var/lib/db")
    #expect(
      try await server.becoming(.user("db"), from: "asker") { $0.becomePassword = Secret("asker") }
        == "I am db at /var/lib/db")
    #expect(
      try await server.becoming(.user("nosuch"), from: "deploy").contains("no user nosuch on the host"))
    #expect(try await server.becoming(.user("nosuch"), from: "root").contains("no user nosuch on the host"))

    // Lectures, another's password, a slow directory.
    #expect(
      try await server.becoming(from: "lectured") { $0.becomePassword = Secret("own-lectured") } == root)
    #expect(try await server.becoming(from: "targetted") { $0.becomePassword = Secret("roots-own") } == root)
    let own = try await server.becoming(from: "targetted") { $0.becomePassword = Secret("own-targetted") }
    #expect(own.contains("refused the password of root") && own.contains("targetpw"), "\(own)")
    #expect(try await server.becoming(from: "slow") { $0.becomePassword = Secret("own-slow") } == root)
    let late = try await server.becoming(from: "slow") {
      $0.becomePassword = Secret("own-slow")
      $0.becomeTimeout = .seconds(1)
    }
    #expect(
      late.contains("slow can't become root on lab1 by sudo") && late.contains("become_timeout"), "\(late)")

    // By su: with root's password, without one, with a wrong one.
    #expect(
      try await server.becoming(from: "plain") {
        $0.becomeMethod = .su
        $0.becomePassword = Secret("roots-own")
      } == root)
    let unasked = try await server.becoming(from: "plain") { $0.becomeMethod = .su }
    #expect(unasked.contains("su wants the password of root"), "\(unasked)")
    let wrong = try await server.becoming(from: "plain") {
      $0.becomeMethod = .su
      $0.becomePassword = Secret("own-plain")
    }
    #expect(
      wrong.hasPrefix("plain can't become root on lab1 by su: su refused the password of root"), "\(wrong)")

    let shut = try await server.becoming(.user("db"), from: "plain") {
      $0.becomeMethod = .su
      $0.becomePassword = Secret("own-db")
    }
    #expect(
      shut.hasPrefix(
        "plain can't become db on lab1 by su: it says \"su: using restricted shell /usr/sbin/nologin"),
      "\(shut)")

    // What an error says is to be added makes it work.
    for (user, method) in [
      ("restricted", BecomeMethod.sudo), ("norights", .sudo), ("ttyless", .sudo), ("plain", .doas),
    ] {
      let error = try await server.becoming(from: user) { $0.becomeMethod = method }
      #expect(error.hasPrefix("\(user) can't become root on lab1 by \(method.rawValue): "), "\(error)")
      let line = try #require(
        error.trimmed.components(separatedBy: ": ").dropFirst(2).joined(separator: ": ")
          .firstMatch(of: /(?:with visudo|doas\.conf): (.*)/)?.1)
      _ = try await server.ask(
        "sh", "-c", #"echo "$1" >>"$2"; visudo -cq"#, "sh", String(line),
        method == .doas ? "/etc/doas.conf" : "/etc/sudoers.d/zz")
      #expect(try await server.becoming(from: user) { $0.becomeMethod = method } == root, "\(line)")
    }

    // Without sudo at all.
    _ = try await server.shell("mv /usr/bin/sudo /usr/bin/sudo.away")
    let absent = try await server.becoming(from: "deploy")
    #expect(absent.contains("there is no sudo on the host"), "\(absent)")
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
    let log = try await server.ask("journalctl", "-t", "sudo", "-o", "cat")
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

  /// sudo-rs, which is the sudo of Ubuntu since 25.10: Debian 13 has it as a package.
  @Test func sudoInRust() async throws {
    try await Server.lab.up(7...7, suite: "trixie")
    let server = try await Server.fresh(7)
    _ = try await server.shell(
      "DEBIAN_FRONTEND=noninteractive apt-get install -qy sudo-rs && ln -s /usr/bin/sudo-rs /usr/local/bin/sudo"
    )
    let root = "I am root at /root"
    #expect(try await server.becoming(from: "deploy") == root)
    #expect(try await server.becoming(.user("asker"), from: "deploy") == "I am asker at /home/asker")
    #expect(try await server.becoming(from: "asker") { $0.becomePassword = Secret("asker") } == root)
    let missing = try await server.becoming(from: "asker")
    #expect(missing.contains("--ask-become-pass"), "\(missing)")
    let wrong = try await server.becoming(from: "asker") { $0.becomePassword = Secret("wrong") }
    #expect(wrong.contains("sudo refused the password of asker; it was tried once only"), "\(wrong)")
    // It would have tried an empty password twice more.
    let log = try await server.ask("journalctl", "-o", "cat")
    #expect(log.components(separatedBy: "pam_unix(sudo:auth): authentication failure").count == 2, "\(log)")
    _ = try await server.shell("echo 'deploy ALL=(ALL) NOPASSWD: /bin/ls' >/etc/sudoers.d/deploy")
    let refused = try await server.becoming(from: "deploy")
    #expect(refused.contains("with visudo: deploy ALL=(root) NOPASSWD: /bin/sh"), "\(refused)")
    _ = try await server.shell("echo 'deploy ALL=(root) NOPASSWD: /bin/sh' >>/etc/sudoers.d/deploy")
    #expect(try await server.becoming(from: "deploy") == root)
  }
}
