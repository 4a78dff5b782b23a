import MartletCore
import MartletTasks
import MartletTesting
import Testing

extension ServerTests {
  /// Units of a real systemd.
  @Suite struct ServiceTests {
    private static func unit(_ name: String, _ command: String, _ rest: String = "") -> String {
      "printf '%s\\n' '[Service]' 'ExecStart=/bin/sh -c \"\(command)\"' \(rest) >/etc/systemd/system/\(name).service"
    }

    @Test func whetherItStartsWithTheSystem() async throws {
      let server = try await Server.fresh()
      let install = "'[Install]' 'WantedBy=multi-user.target'"
      _ = try await server.shell(
        """
        \(Self.unit("plain", "exec sleep 1000", install)); \(Self.unit("bare", "exec sleep 1000"))
        \(Self.unit("early", "exec sleep 1000", install)); \(Self.unit("timed", "exec sleep 1000"))
        mkdir /root/units; mv /etc/systemd/system/early.service /root/units
        printf '%s\\n' '[Timer]' 'OnBootSec=1h' '[Install]' 'WantedBy=timers.target' >/etc/systemd/system/timed.timer
        systemctl daemon-reload; systemctl link /root/units/early.service; systemctl enable --runtime plain
        """)
      try await prove(on: server) {
        Service("plain")
        Service("early")
        Service("timed.timer")
        Service("timed", isRunning: false)
      }
      for name in ["plain", "early", "timed.timer"] {
        #expect(try await server.ask("systemctl", "is-enabled", name) == "enabled")
      }
      #expect(
        try await server.ask("readlink", "/etc/systemd/system/multi-user.target.wants/plain.service") != "")
      let bare = try await server.run { Service("bare") }
      #expect(bare.failure.contains("would not start with the system"), "\(bare.failure)")
      try await prove(on: server) { Service("plain", isRunning: false, isEnabled: false) }
    }

    @Test func whatFallsAgainAndAgain() async throws {
      let server = try await Server.fresh()
      let install =
        "Restart=always RestartSec=0.2 StartLimitIntervalSec=0 '[Install]' 'WantedBy=multi-user.target'"
      _ = try await server.shell(
        """
        \(Self.unit("falls", "while [ ! -e /root/mended ]; do sleep 1.5; exit 1; done; exec sleep 1000", install))
        systemctl daemon-reload; systemctl enable --now falls
        """)
      func hasFallen() async throws {
        try await waitUntil("it has fallen three times") {
          let state = try await server.ask("systemctl", "show", "-p", "NRestarts,ActiveState", "falls")
          return !["=0", "=1", "=2"].contains { state.contains("NRestarts" + $0 + "\n") }
            && state.hasSuffix("=active")
        }
      }
      try await hasFallen()
      try await prove(on: server) { Service("falls", isRunning: false, isEnabled: nil) }
      _ = try await server.shell("systemctl start falls")
      try await hasFallen()
      let run = try await server.run { Service("falls") }
      #expect(run.code == 1 && run.failure.contains("falls does not stay running"), "\(run.failure)")
      _ = try await server.ask("touch", "/root/mended")
      let mended = try await server.run { Service("falls") }
      #expect(mended.failure == "")
      let again = try await server.run { Service("falls") }
      #expect(again.recap.changed == 0 && again.recap.exchanges == 1)
    }
  }
}
