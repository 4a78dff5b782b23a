import MartletCore
import MartletEngine
import MartletTasks
import MartletTesting
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
      #expect(
        run.failure.hasPrefix("no source of this host has the package no-such-package-anywhere"),
        "\(run.failure)")
    }

    /// A package of the test's own, whose installation takes as long as the file /root/NAME.wait is there.
    private static func package(_ name: String) -> String {
      """
      set -e
      mkdir -p /root/\(name)/DEBIAN
      printf 'Package: \(name)\\nVersion: 1\\nArchitecture: all\\nMaintainer: T <t@example.org>\\nDescription: t\\n' \
        >/root/\(name)/DEBIAN/control
      printf '#!/bin/sh\\nwhile [ -e /root/\(name).wait ]; do sleep 0.2; done\\n' >/root/\(name)/DEBIAN/postinst
      chmod 755 /root/\(name)/DEBIAN/postinst
      dpkg-deb --build /root/\(name) /root/\(name).deb >/dev/null
      touch /root/\(name).wait
      setsid dpkg -i /root/\(name).deb >/dev/null 2>&1 </dev/null &
      until [ -e /root/\(name).wait ] && ps -A -o args | grep -q '^/bin/sh .*\(name).postinst'; do sleep 0.1; done
      """
    }

    /// Rows 20 and 55: while a dpkg works its journal is there, and nothing is to be mended.
    @Test func whoeverIsAtWorkWithPackagesIsWaitedFor() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask("sh", "-c", Self.package("slowpoke"))
      #expect(try await server.ask("sh", "-c", "ls /var/lib/dpkg/updates") != "")
      async let run = server.run { AptPackages("tree") }
      // The test lets it finish only when it was seen to be waited for.
      let freed = try await server.ask(
        "sh", "-c",
        "for i in $(seq 300); do sleep 0.2; ps -A -o args | grep -q '[s]leep 3$' && break; done; rm /root/slowpoke.wait; echo $i"
      )
      let result = try await run
      #expect(result.failure == "" && freed != "300")
      let reasons = result.events.all.compactMap { event in
        if case .waiting(_, _, let reason) = event { reason } else { nil }
      }
      #expect(reasons.first?.hasPrefix("dpkg /root/slowpoke.deb (process ") == true, "\(reasons)")
      #expect(reasons.first?.hasSuffix(" UTC)") == true)
      #expect(
        try await server.ask("dpkg-query", "-W", "-f", "${db:Status-Status} ", "tree", "slowpoke")
          == "installed installed")
    }

    @Test func whatAnInterruptedDpkgLeftIsFinished() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask("sh", "-c", Self.package("halfway"))
      _ = try await server.ask(
        "sh", "-c", "pkill -9 -x dpkg; pkill -9 -f [h]alfway.postinst; rm /root/halfway.wait")
      #expect(try await server.ask("dpkg-query", "-W", "-f", "${db:Status-Status}", "halfway") != "installed")
      let run = try await server.run { AptPackages("tree") }
      #expect(run.failure == "")
      #expect(
        try await server.ask("dpkg-query", "-W", "-f", "${db:Status-Status} ", "tree", "halfway")
          == "installed installed")
    }

    /// Rows 23 and 24.
    @Test func packagesOnHoldAndListsThatAreNeverYoungEnough() async throws {
      let server = try await Server.fresh()
      for _ in 1...2 {
        let run = try await server.run { AptPackages("tree", state: .latest, cacheValidFor: .zero) }
        #expect(run.failure == "" && run.code == 0)
      }
      _ = try await server.ask("apt-mark", "hold", "tree")
      for task in [AptPackages("tree", state: .absent), AptPackages("tree=9.9")] {
        let run = try await server.run { task }
        #expect(run.failure == "" && run.recap.changed == 0 && run.recap.exchanges == 1)
        let warnings = run.events.all.compactMap { if case .warning(_, let text) = $0 { text } else { nil } }
        #expect(warnings.first?.contains("tree is on hold at ") == true, "\(warnings)")
      }
      #expect(try await server.ask("apt-mark", "showhold") == "tree")
    }

    /// Row 30; the account of the package too.
    @Test func aFileThatAPendingPackageBringsIsUnknown() async throws {
      let server = try await Server.fresh()
      var options = RunOptions()
      options.check = true
      @Sendable @StepsBuilder func tasks() -> Steps {
        AptPackages("memcached", recommends: false)
        LineInFile("/etc/memcached.conf", "-m 32", replacing: "^-m ", create: 0o644)
        User("memcache", groups: ["www-data"], createHome: false)
      }
      let plan = try await server.run(options: options) { tasks() }
      #expect(
        plan.events.plans.dropLast().last
          == "line in /etc/memcached.conf: unknown until packages memcached has run")
      let run = try await server.run { tasks() }
      #expect(run.failure == "")
      #expect(try await server.ask("grep", "-c", "", "/etc/memcached.conf") != "1")
      #expect(try await server.ask("id", "-nG", "memcache") == "memcache www-data")
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
