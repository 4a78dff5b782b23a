import MartletCore
import MartletReports
import Testing

@Suite struct PlainReportTests {
  private func report(_ events: [Event], verbose: Bool = false) -> String {
    let recording = Recording()
    let report = PlainReport(to: recording.output, verbose: verbose)
    for event in events { report.receive(event) }
    return recording.text
  }

  @Test func `A mixed run, exactly`() {
    #expect(
      report(mixedRun) == """
        Shop: 3 hosts
        web1  | changed: file /etc/motd (Shop/S.swift:7)
        web1  |   /etc/motd
        web1  |   @@ -1 +1,2 @@
        web1  |     hello
        web1  |   - old
        web1  |   + new
        web1  |   ~ mode 0600 → 0644
        web1  | changed: handler reload nginx (Shop/S.swift:3)
        web10 | FAILED: nginx (Shop/S.swift:9)
        web10 |   the command failed
        web10 |   Correct the name, then run again.
        web10 |   command: apt-get install -y -- ngnix
        web10 |   exit status: 100
        web10 |   output:
        web10 |     Reading package lists...
        web10 |     E: Unable to locate package ngnix
        db    | UNREACHABLE: 192.0.2.1:22: connection timed out
        warning: something odd

        recap    ok  changed  failed  unreachable  skipped  unknown  exchanges  seconds
        web1      1        2       0            0        0        0          3      2.4
        web10     0        0       1            0        0        0          2      1.0
        db        0        0       0            1        0        0          0     10.0
        3 hosts   1        2       1            1        0        0          5     10.0

        """)
  }

  @Test func `That a task failed is said once`() {
    let failure = HostFailure(
      .task, "\(nginx.label) failed", task: nginx, command: "apt-get install", status: 100)
    #expect(
      report([.hostFailed(host: "a", failure: failure)])
        == "a | FAILED: nginx (Shop/S.swift:9)\na |   command: apt-get install\na |   exit status: 100\n")
  }

  @Test func `A verbose run shows what was right already and what printed something`() {
    let text = report(
      [
        .runStarted(playbook: "Shop", hosts: ["a"], check: false), .connected(host: "a"),
        .playStarted(host: "a", play: "Web"),
        .planned(host: "a", task: nginx, plan: .unknown("until it is installed")),
        .actionStarted(host: "a", task: motd, action: "cat <<E\nmany\nlines\nE"),
        .output(host: "a", task: motd, text: "one\r\ntwo\n"),
        .taskFinished(host: "a", task: motd, outcome: .ok),
        .taskFinished(host: "a", task: nginx, outcome: .skipped),
      ], verbose: true)
    #expect(
      text == """
        Shop: 1 host
        a | connected
        a | play: Web
        a | unknown: nginx (Shop/S.swift:9): until it is installed
        a | running: cat <<E …
        a |   | one
        a |   | two
        a | ok: file /etc/motd (Shop/S.swift:7)
        a | skipped: nginx (Shop/S.swift:9)

        """)
  }

  @Test func `In check mode everything is said as a prospect`() {
    let text = report([
      .runStarted(playbook: "Shop", hosts: ["a"], check: true),
      .planned(host: "a", task: motd, plan: .change(actions: ["install nginx"], diff: [])),
      .planned(host: "a", task: nginx, plan: .unknown("until nginx is installed")),
      .taskFinished(host: "a", task: motd, outcome: .changed),
      .taskFinished(host: "a", task: nginx, outcome: .unknown),
      .hostFinished(host: "a", recap: recap(ok: 2, changed: 1)), .runFinished(exitCode: 0),
    ])
    #expect(
      text == """
        Shop: 1 host, check mode: nothing is changed
        a | would change: file /etc/motd (Shop/S.swift:7)
        a |   install nginx
        a | unknown: nginx (Shop/S.swift:9): until nginx is installed

        recap  ok  would change  failed  unreachable  skipped  unknown  exchanges  seconds
        a       2             1       0            0        0        0          1      1.0

        """)
  }

  @Test func `A failed task that no failure names is listed when the host is done`() {
    let text = report([
      .runStarted(playbook: "Shop", hosts: ["a"], check: false),
      .taskFinished(host: "a", task: nginx, outcome: .failed),
      .hostFinished(host: "a", recap: recap(failed: 1)),
    ])
    #expect(text == "Shop: 1 host\na | FAILED: nginx (Shop/S.swift:9)\n")
  }

  @Test func `An interrupted run says so`() {
    let failure = HostFailure(.interrupted, "interrupted: run again to go on")
    #expect(report([.hostFailed(host: "a", failure: failure)]) == "a | INTERRUPTED: run again to go on\n")
    #expect(report([.runFinished(exitCode: 130)]) == "interrupted\n")
  }

  @Test func `No control character of a host gets through`() {
    let evil = "\u{1b}]0;title\u{7}a\u{1b}[2J\u{9b}b\u{8}\u{202e}c\u{7f}"
    let task = TaskReference(index: 0, label: evil, location: SourceLocation(file: "f", line: 1))
    let events: [Event] = [
      .runStarted(playbook: evil, hosts: [evil], check: false), .warning(host: evil, message: evil),
      .playStarted(host: evil, play: evil), .output(host: evil, task: task, text: evil),
      .planned(host: evil, task: task, plan: .change(actions: [evil], diff: [DiffLine(.added, evil)])),
      .planned(host: evil, task: task, plan: .unknown(evil)),
      .actionStarted(host: evil, task: task, action: evil),
      .hostFailed(
        host: evil, failure: HostFailure(.task, evil, task: task, command: evil, status: 1, output: [evil])),
      .hostFinished(host: evil, recap: recap()), .runFinished(exitCode: 1),
    ]
    let text = report(events, verbose: true)
    let bad = text.unicodeScalars.filter { scalar in
      scalar != "\n" && [.control, .format].contains(scalar.properties.generalCategory)
    }
    #expect(bad.isEmpty)
    #expect(text.contains(#"a\u{9b}b\u{8}\u{202e}c\u{7f}"#))
  }
}
