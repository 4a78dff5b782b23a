import MartletCore
import MartletTasks
import Testing

extension ServerTests {
  /// Packages, accounts and commands.
  @Suite struct SystemTests {
    @Test func packages() async throws {
      let server = try await Server.fresh()
      try await prove(on: server) { AptPackages("tree", "bc") }
      #expect(
        try await server.ask("dpkg-query", "-W", "-f", "${db:Status-Status} ", "tree", "bc")
          == "installed installed")
      try await prove(on: server) { AptPackages("bc", state: .absent) }
      #expect(try await server.ask("sh", "-c", "command -v bc || echo none") == "none")
    }

    @Test func aPackageThatDoesNotExistIsAFailureWithAptsWords() async throws {
      let server = try await Server.fresh()
      let run = try await server.run { AptPackages("no-such-package-anywhere") }
      #expect(run.code == 1)
      #expect(run.failure.contains("no-such-package-anywhere"), "\(run.failure)")
    }

    @Test func theLockOfAnotherAptIsWaitedFor() async throws {
      let server = try await Server.fresh()
      let holder = Task {
        try await server.ask(
          "perl", "-e",
          "use Fcntl; open(F, '>>', '/var/lib/dpkg/lock-frontend'); my $l = pack('s s l! l! i x256', F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $l) or die; open(H, '>', '/run/held'); sleep 4"
        )
      }
      try await waitUntil("the lock is held") { try await server.shell("ls /run/held || true") != "" }
      let run = try await server.run { AptPackages("tree") }
      #expect(run.failure == "")
      #expect(run.recap.seconds > 3)
      _ = try await holder.value
    }

    @Test func accounts() async throws {
      let server = try await Server.fresh()
      try await prove(on: server) {
        Group("shop", gid: 2000)
        User("shop", system: true, group: "shop", groups: ["www-data"], home: "/srv/shop", shell: "/bin/bash")
        Directory("/srv/shop", owner: "shop", group: "shop")
      }
      #expect(try await server.ask("id", "-nG", "shop") == "shop www-data")
      #expect(
        try await server.ask(
          "sh", "-c", "getent passwd shop | cut -d: -f6,7; getent group shop | cut -d: -f3")
          == "/srv/shop:/bin/bash\n2000")
      #expect(try await server.ask("stat", "-c", "%U %G", "/srv/shop") == "shop shop")
      try await prove(on: server) {
        User("shop", groups: ["adm"], shell: "/bin/sh")
      }
      #expect(try await server.ask("id", "-nG", "shop") == "shop adm www-data")
    }

    @Test func commandsWithGuards() async throws {
      let server = try await Server.fresh()
      try await prove(on: server, exchanges: 3) {
        Command("touch '/srv/made by it'", creates: "/srv/made by it")
        Command("echo x >>/srv/lines", unless: "grep -q x /srv/lines")
        Command("id -un >/srv/who && chmod 644 /srv/who", creates: "/srv/who")
      }
      #expect(try await server.ask("sh", "-c", "cat /srv/lines /srv/who") == "x\nroot")
    }

    @Test func aCommandThatOnlyChecksIsNoChange() async throws {
      let server = try await Server.fresh()
      let run = try await server.run { Command("true", changedWhen: .never) }
      #expect(run.code == 0)
      #expect(run.recap.changed == 0)
      #expect(run.recap.ok == 1)
    }
  }
}
