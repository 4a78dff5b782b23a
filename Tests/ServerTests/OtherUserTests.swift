import MartletCore
import MartletEngine
import MartletTasks
import MartletTesting
import Testing

extension ServerTests {
  /// Steps that run as another user: how they become him, and what he can't do to root's.
  @Suite struct OtherUserTests {
    /// A mark that a step and its guard leave: who ran, and with which umask.
    private static let mark: ShellCommand = #"echo "$(id -un) $(umask) $HOME""#

    @Test func `Root becomes anyone, with umask 022, in steps, guards and plays`() async throws {
      let server = try await Server.fresh()
      // An account that has expired, a system's user without a login shell, and a host that wants strict modes.
      _ = try await server.shell(
        """
        useradd -m expired; chage -E 0 expired
        useradd -m -s /usr/sbin/nologin service
        sed -i 's/^UMASK.*/UMASK 077/; s/^USERGROUPS_ENAB.*/USERGROUPS_ENAB no/' /etc/login.defs
        grep -q '^UMASK 077' /etc/login.defs || echo 'UMASK 077' >>/etc/login.defs
        for f in common-session common-session-noninteractive runuser su sudo; do
          echo 'session optional pam_umask.so umask=077' >>/etc/pam.d/$f
        done
        """)
      for user in ["expired", "service"] {
        let home: RemotePath = RemotePath("/home/\(user)")
        let run = try await server.run {
          Command("\(splice: Self.mark) >~/step; touch ~/new", user: user)
          // The guard sees what the step does, by the same way.
          Command(
            "\(splice: Self.mark) >~/made", unless: "\(splice: Self.mark) >>~/looked; test -e ~/made",
            user: user)
        }
        #expect(run.failure == "")
        let files = try await server.ask(
          "sh", "-c", "cd \(home); cat step made; sort -u looked; stat -c '%a %U' new")
        #expect(
          files == Array(repeating: "\(user) 0022 \(home)", count: 3).joined(separator: "\n")
            + "\n644 \(user)")
        let play = try await server.run(become: .user(user)) {
          Command("\(splice: Self.mark) >~/play; touch ~/played")
        }
        #expect(play.failure == "")
        #expect(
          try await server.ask("sh", "-c", "cd \(home); cat play; stat -c '%a %U' played")
            == "\(user) 0022 \(home)\n644 \(user)")
      }
      // Whoever isn't root goes through sudo, in a guard as in a step.
      let run = try await server.run(user: "deploy", become: .login) {
        Command(
          "\(splice: Self.mark) >~/sudo", unless: "\(splice: Self.mark) >>~/asked; test -e ~/sudo",
          user: "service")
      }
      #expect(run.failure == "")
      #expect(
        try await server.ask("sh", "-c", "cd /home/service; cat sudo; sort -u asked")
          == "service 0022 /home/service\nservice 0022 /home/service")
    }

    @Test func `A child that another user's step leaves behind reads and writes nothing of root's next step`()
      async throws
    {
      let server = try await Server.fresh()
      let run = try await server.run {
        Command(
          """
          nohup sh -c 'n=0; while [ ! -e /run/reached ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
            exec 5</proc/self/fd/1; cat <&5 >loot; echo forged; touch looted' &
          """, user: "deploy", in: "/home/deploy")
        Command(
          """
          echo TOPSECRET; touch /run/reached; n=0
          while [ ! -e /home/deploy/looted ] && [ $n -lt 300 ]; do sleep 0.1; n=$((n + 1)); done
          """, changedWhen: .outputContains("forged")
        ).named("root's")
      }
      #expect(run.failure == "")
      #expect(run.events.outcomes.last == "root's: ok")
      #expect(
        try await server.ask("sh", "-c", "ls /home/deploy/looted; cat /home/deploy/loot")
          == "/home/deploy/looted")
    }
  }
}
