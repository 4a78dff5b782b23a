import Foundation
import MartletCore
import MartletEngine
import MartletTasks
import MartletTesting
import TestSupport
import Testing

extension ServerTests {
  /// Two people who deploy to one host at once, and a run that comes when an interrupted one isn't over.
  @Suite struct TwoControllersTests {
    @Test func `Two runs on one fresh host converge both, whenever the second begins`() async throws {
      let local = try TemporaryFolder()
      for name in ["a", "b/c", "b/d"] { try local.write("tree/" + name, "\(name)\n") }
      let tree = local.path + "/tree"
      for round in 0..<rounds(2, long: 8) {
        let server = try await Server.fresh()
        let plays = Plays(items: [
          Play("Test", on: "all", become: true) {
            Group("shop")
            User("shop", group: "shop")
            Directory("/srv/shop", owner: "shop")
            TreeUpload(tree, to: "/srv/shop/code", owner: "shop", deleteExtraneous: true)
            AptPackages("tree")
            File("/etc/shop.conf", content: "shop\n")
          }
        ])
        async let first = server.run(plays)
        try await Task.sleep(for: .milliseconds(round * 900 / rounds(2, long: 8)))
        async let second = server.run(plays)
        let (one, two) = (try await first, try await second)
        #expect(one.failure == "" && two.failure == "", "round \(round)")
        #expect(one.code == 0 && two.code == 0)
        #expect(
          try await server.shell(
            "cd /srv/shop && find . | sort | tr '\\n' ' '; cat /etc/shop.conf; command -v tree")
            == ". ./code ./code/a ./code/b ./code/b/c ./code/b/d shop\n/usr/bin/tree")
        let third = try await server.run(plays)
        #expect(third.recap.changed == 0 && third.recap.exchanges == 1)
      }
    }

    @Test func `A controller that is killed leaves its action, and the next run waits for it`() async throws {
      let server = try await Server.fresh()
      let running = Task {
        try await server.run {
          Command("\(splice: Gate.command); echo ran >>/root/ran", creates: "/root/ran").named("slow work")
        }
      }
      try await Gate.isReached(on: server)
      // The connection ends, as when the controller is killed.
      running.cancel()
      _ = try await running.value
      let events = RecordedEvents()
      @Sendable func waits() -> [String] {
        events.all.compactMap { if case .waiting(_, _, let reason) = $0 { reason } else { nil } }
      }
      let next = Task {
        try await server.run(
          Plays(items: [Play("Test", on: "all") { Command("echo ran >>/root/ran", creates: "/root/ran") }]),
          events: events)
      }
      try await waitUntil("the next run waits") { !waits().isEmpty }
      try await Gate.open(on: server)
      let run = try await next.value
      #expect(run.failure == "")
      #expect(try await server.shell("cat /root/ran") == "ran")
      #expect(waits().first?.contains("slow work") == true, "\(waits())")
      #expect(
        try await server.shell("stat -c '%a %U' /run/martlet; ls -d /var/tmp/martlet.* 2>/dev/null")
          == "700 root")
    }
  }
}
