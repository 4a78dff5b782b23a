import MartletCore
import MartletTasks
import MartletTesting
import TestSupport
import Testing

extension ServerTests {
  /// Files that a daemon reads as a whole, with the real daemons. They share one server.
  @Suite struct DaemonTests {
    private static let prepared = Task {
      let server = try await Server.fresh(2)
      let run = try await server.run {
        AptPackages("supervisor", "nginx-light", "cron", "logrotate", "python3-dotenv", recommends: false)
        for name in ["supervisor", "nginx", "cron"] { Service(name) }
      }
      try #require(run.failure == "")
      return server
    }

    private static let steady = SupervisorProgram("steady", command: "/bin/sleep 10000")

    /// Row 8.
    @Test func `A bad program of supervisor leaves the others working, also after a restart`() async throws {
      let server = try await Self.prepared.value
      let first = try await server.run { Self.steady }
      #expect(first.failure == "")
      let before = try await server.shell("ls -l --full-time /etc/supervisor/conf.d")
      let bad = [
        SupervisorProgram("logger", command: "/bin/sleep 1000", user: "nosuch"),
        SupervisorProgram("logger", command: "/bin/sleep 1000", log: "/no/such/folder/x.log"),
        SupervisorProgram("steady", command: "/bin/sleep 1000", user: "nosuch"),
      ]
      for task in bad {
        let run = try await server.run { task }
        #expect(run.code == 1)
        #expect(
          run.failure.contains("Invalid user name nosuch") || run.failure.contains("/no/such"),
          "\(run.failure)")
        #expect(try await server.shell("ls -l --full-time /etc/supervisor/conf.d") == before)
      }
      let raw = try await server.run {
        File(
          "/etc/supervisor/conf.d/raw.conf", content: "[program:raw]\ncommand=/bin/true\nstopsignal=NONE\n")
      }
      #expect(raw.failure.contains("NONE"), "\(raw.failure)")
      #expect(try await server.shell("ls -l --full-time /etc/supervisor/conf.d") == before)
      _ = try await server.shell("systemctl restart supervisor")
      try await waitUntil("steady runs again") {
        try await server.shell("supervisorctl status steady || true").contains("RUNNING")
      }
      try await prove(on: server) { SupervisorProgram("logger", command: "/bin/sleep 1000", user: "nobody") }
      // A fault of others from before is told, and doesn't keep what is right from being written.
      _ = try await server.shell(
        "printf '[program:x]\\nuser=nosuch\\ncommand=/x\\n' >/etc/supervisor/conf.d/x.conf")
      let other = try await server.run { SupervisorProgram("logger", command: "/bin/sleep 2000") }
      #expect(other.failure.contains("x.conf"), "\(other.failure)")
      _ = try await server.shell("rm /etc/supervisor/conf.d/x.conf")
      let mended = try await server.run { SupervisorProgram("logger", command: "/bin/sleep 2000") }
      #expect(mended.failure == "")
      #expect(try await server.shell("pgrep -fx '/bin/sleep 2000' | wc -l") == "1")
    }

    /// Row 8: what else changes that a daemon reads.
    @Test func linksAndRemovalsAreTriedToo() async throws {
      let server = try await Self.prepared.value
      _ = try await server.shell(
        """
        cd /etc/nginx
        echo 'upstream later { server 127.0.0.1:9; }' >conf.d/later.conf
        echo 'server { listen 81; location / { proxy_pass http://later; } }' >sites-available/good
        echo 'server { listen 81; nonsense; }' >sites-available/bad
        """)
      @Sendable func enabled(_ name: String) -> Symlink {
        Symlink("/etc/nginx/sites-enabled/linked", to: "../sites-available/\(name)")
      }
      try await prove(on: server) { enabled("good") }
      for (name, word) in [("bad", "nonsense"), ("none", "would lead to nothing")] {
        let run = try await server.run { enabled(name) }
        #expect(run.code == 1 && run.failure.contains(word), "\(run.failure)")
      }
      for path in ["/etc/nginx/conf.d/later.conf", "/etc/nginx/sites-available/good"] as [RemotePath] {
        let run = try await server.run { Absent(path) }
        #expect(run.code == 1 && run.failure.contains("nginx"), "\(run.failure)")
      }
      #expect(
        try await server.shell("nginx -t -q 2>&1; readlink /etc/nginx/sites-enabled/linked")
          == "../sites-available/good")
      try await prove(on: server) { Absent("/etc/nginx/sites-enabled/linked") }
      try await prove(on: server) {
        for name in ["conf.d/later.conf", "sites-available/good", "sites-available/bad"] {
          Absent("/etc/nginx" / name)
        }
      }
    }

    /// A file, contents that its program refuses, a word of the complaint, and contents that are right.
    private static let files: [(path: RemotePath, bad: Contents, word: String, good: Contents)] = [
      (
        "/etc/sudoers.d/shop", "deploy ALL=(ALL) NOPASSWD ALL\n", "syntax error",
        "deploy ALL=(ALL) NOPASSWD: ALL\n"
      ),
      ("/etc/ssh/sshd_config.d/shop.conf", "PermitRotLogin no\n", "PermitRotLogin", "MaxAuthTries 5\n"),
      (
        "/etc/logrotate.d/shop", "/var/log/shop.log {\n  su nosuch adm\n}\n", "nosuch",
        "/var/log/shop.log {\n daily\n}\n"
      ),
      ("/etc/cron.d/shop", "0 0 * * * nosuch true\n", "no user nosuch", "0 0 * * * root true\n"),
      ("/etc/apt/sources.list.d/shop.list", "deb nonsense\n", "Malformed", "# none\n"),
      ("/etc/apt/apt.conf.d/99shop", "Foo { bar\n", "Syntax error", "Foo \"bar\";\n"),
      (
        "/etc/apt/preferences.d/shop", "Foo: bar\n", "no Package header",
        "Package: x\nPin: version 1\nPin-Priority: 1\n"
      ),
      ("/etc/nginx/conf.d/shop.conf", "server { listen 8081\n", "shop.conf", "server { listen 8081; }\n"),
      (
        "/etc/systemd/system/shop.service", "[Service]\nExecStrat=/bin/true\n", "has no ExecStart",
        "[Service]\nExecStart=/srv/not/there/yet\nNewerKey=1\nDocumentation=man:nothere(1)\n"
      ),
      (
        "/etc/systemd/system/nap@.service", "[Service]\nExecStart=/bin/sleep 1\nMemoryMax=foo\n",
        "memory limit",
        "[Service]\nExecStart=/bin/sleep %i\n"
      ),
      (
        "/etc/systemd/system/cron.service.d/shop.conf", "[Service]\nRestart=sometimes\n", "sometimes",
        "[Service]\nRestart=always\n"
      ),
      ("/etc/fstab", "# none\nnonsense\n", "parse error", "# none\n"),
    ]

    /// Row 8, its kind.
    @Test func `What a daemon would refuse never lies where it is read`() async throws {
      let server = try await Self.prepared.value
      _ = try await server.shell("mkdir -p /etc/systemd/system/cron.service.d")
      for file in Self.files {
        let before = try await server.shell("cat \(file.path) 2>&1 || true")
        let run = try await server.run { File(file.path, content: file.bad) }
        #expect(run.code == 1, "\(file.path)")
        #expect(run.failure.contains(file.word), "\(file.path): \(run.failure)")
        #expect(!run.failure.contains("whole.") && !run.failure.contains("units."), "\(run.failure)")
        #expect(try await server.shell("cat \(file.path) 2>&1 || true") == before, "\(file.path)")
      }
      let line = try await server.run { LineInFile("/etc/ssh/sshd_config", "Nonsense yes") }
      #expect(line.failure.contains("Nonsense"), "\(line.failure)")
      #expect(try await server.shell("grep -c Nonsense /etc/ssh/sshd_config || true") == "0")
      try await prove(on: server) { for file in Self.files { File(file.path, content: file.good) } }
      #expect(
        try await server.shell(
          "visudo -c -f /etc/sudoers >/dev/null && sshd -t && nginx -t -q && apt-get -qq check && echo fine")
          == "fine")
    }

    /// Rows 13 and 27.
    @Test func `A thousand values arrive byte for byte in supervisor, systemd, sh and dotenv`() async throws {
      let server = try await Self.prepared.value
      var dice = Dice(seed: 13)
      let pieces = [
        "'", "\"", "\\", "$", "`", "%", ",", ";", "#", " ", "\t", "\n", "=", "(", ")", "{", "}", "!", "a",
        "HOME", "n", "0",
        "é", "☃", "\u{301}", "\u{85}", "日", "*", "~", "&", "|", "<", "-", "%(x)s", "${HOME}", "$(id)", " ;",
        " #", "\\n",
      ]
      var values: [String: String] = [:]
      for index in 0..<1000 {
        var value = ""
        for _ in 0..<dice.number(0...7) { value += dice.one(pieces) }
        values["V\(index)"] = value
      }
      values["V0"] = "it's $5"
      values["V1"] = "-----BEGIN KEY-----\nMIIEvQ/+abcd==\n-----END KEY-----\n"
      let all = values
      let plain = ["say \"hi\"", "'quoted'", "100%", "a,b", "end\\", "x\r\ny\u{1b}"].enumerated()
      let own = all.merging(plain.map { ("W\($0)", $1) }) { $1 }
      let forDotenv = all.filter { name, value in
        (try? EnvironmentFile("/srv/x", [name: value]).validate()) != nil
      }
      let unit: Contents = """
        [Service]
        Type=oneshot
        EnvironmentFile=/srv/values/env
        ExecStart=/bin/sh -c 'env -0 >/srv/values/systemd'

        """
      let run = try await server.run {
        Directory("/srv/values")
        EnvironmentFile("/srv/values/env", all, isReadByDotenv: false)
        EnvironmentFile("/srv/values/own", own, isReadByDotenv: false, isReadBySystemd: false)
        EnvironmentFile("/srv/values/dotenv", forDotenv)
        File("/etc/systemd/system/values.service", content: unit)
        SupervisorProgram(
          "values", command: "/bin/sh -c \("env -0 >/srv/values/supervisor; exec sleep 1000")",
          environment: own)
        SupervisorProgram(
          "sourced", command: "/bin/sh -c \("env -0 >/srv/values/sourced; exec sleep 1000")",
          environmentFile: "/srv/values/own")
      }
      try #require(run.failure == "")
      _ = try await server.shell(
        """
        systemctl daemon-reload; systemctl start values
        for shell in dash bash; do $shell -c 'set -a; . /srv/values/own; env -0' >/srv/values/$shell; done
        python3 -c '
        import sys
        from dotenv import dotenv_values
        for k, v in dotenv_values("/srv/values/dotenv").items(): sys.stdout.buffer.write((k + "=" + v + "\\0").encode())
        ' >/srv/values/python
        """)
      let readers = [
        ("supervisor", own), ("sourced", own), ("systemd", all), ("dash", own), ("bash", own),
        ("python", forDotenv),
      ]
      for (reader, wanted) in readers {
        let hex = try await server.shell("od -An -v -tx1 /srv/values/\(reader) | tr -d ' \\n'")
        let bytes = stride(from: 0, to: hex.utf8.count, by: 2).compactMap { offset in
          UInt8(String(decoding: Array(hex.utf8)[offset..<offset + 2], as: UTF8.self), radix: 16)
        }
        var found: [String: [UInt8]] = [:]
        for entry in bytes.split(separator: 0) {
          let pair = entry.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
          if pair.count == 2 { found[String(decoding: pair[0], as: UTF8.self)] = Array(pair[1]) }
        }
        for (name, value) in wanted where found[name] != Array(value.utf8) {
          Issue.record(
            "\(reader): \(value.debugDescription) came as \(found[name].map { String(decoding: $0, as: UTF8.self) }.debugDescription)"
          )
        }
      }
      #expect(forDotenv.count > 300)
      let again = try await server.run {
        EnvironmentFile("/srv/values/own", own, isReadByDotenv: false, isReadBySystemd: false)
        SupervisorProgram(
          "values", command: "/bin/sh -c \("env -0 >/srv/values/supervisor; exec sleep 1000")",
          environment: own)
      }
      #expect(again.recap.changed == 0 && again.recap.exchanges == 1, "\(again.events.plans)")
    }

    /// Row 32.
    @Test func anyUnitOfSystemd() async throws {
      let server = try await Self.prepared.value
      try await prove(on: server) {
        File(
          "/etc/systemd/system/shop.timer",
          content: "[Timer]\nOnCalendar=daily\nUnit=nap@9.service\n[Install]\nWantedBy=timers.target\n")
        File("/etc/systemd/system/nap@.service", content: "[Service]\nExecStart=/bin/sleep 100%i\n")
        File(
          "/etc/systemd/system/shop.socket", content: "[Socket]\nListenStream=/run/shop.sock\nAccept=yes\n")
        File(
          "/etc/systemd/system/shop@.service",
          content: "[Service]\nExecStart=/bin/cat\nStandardInput=socket\n")
        File(
          "/etc/systemd/system/srv-shop.mount", content: "[Mount]\nWhat=tmpfs\nWhere=/srv/shop\nType=tmpfs\n")
        Service("shop.timer")
        Service("nap@7", isEnabled: nil)
        Service("shop.socket", isEnabled: nil)
        Service("srv-shop.mount", isEnabled: nil)
        Service("cron.service")
      }
      #expect(
        try await server.shell("systemctl is-active shop.timer nap@7 shop.socket srv-shop.mount | sort -u")
          == "active")
      try await prove(on: server) { Service("shop.timer", isRunning: false, isEnabled: false) }
      let missing = try await server.run { Service("none.timer") }
      #expect(missing.failure.contains("there is no unit none.timer"), "\(missing.failure)")
    }
  }
}
