import MartletCore
import Synchronization
import Testing

@testable import MartletReports

@Suite struct LiveReportTests {
  /// A live report on a terminal of the test's own, whose clock and size the test sets.
  private final class Stage: Sendable {
    let recording = Recording()
    private let state: Mutex<(now: Duration, size: Terminal.Size)>
    let isColoured: Bool

    init(columns: Int = 60, rows: Int = 10, isColoured: Bool = false) {
      state = Mutex((.zero, Terminal.Size(columns: columns, rows: rows)))
      self.isColoured = isColoured
    }

    func report(verbose: Bool = false) -> LiveReport {
      let terminal = Terminal(output: recording.output, isColoured: isColoured) {
        self.state.withLock { $0.size }
      }
      return LiveReport(on: terminal, verbose: verbose, ticks: nil) { self.state.withLock { $0.now } }
    }

    func advance(_ seconds: Int) { state.withLock { $0.now += .seconds(seconds) } }
    func resize(columns: Int, rows: Int) {
      state.withLock { $0.size = Terminal.Size(columns: columns, rows: rows) }
    }
  }

  private let on = "\u{1b}[?7l"
  private let off = "\u{1b}[?7h"

  @Test func `Hosts have a line each, and changes scroll by above them`() {
    let stage = Stage()
    let report = stage.report()
    report.receive(.runStarted(playbook: "Shop", hosts: ["web1", "db"], check: false))
    report.draw()
    #expect(
      stage.recording.take()
        == "Shop: 2 hosts\n\(on)web1  connecting  0:00\ndb    connecting  0:00\n0/2 done · 0:00\n\(off)")

    report.receive(.connected(host: "web1"))
    report.receive(.actionStarted(host: "web1", task: nginx, action: "install nginx"))
    report.receive(.taskFinished(host: "db", task: motd, outcome: .changed))
    #expect(stage.recording.take() == "", "nothing is written between two drawings")
    stage.advance(75)
    report.draw()
    #expect(
      stage.recording.take() == """
        \r\u{1b}[3A\u{1b}[Jdb   | changed: file /etc/motd (Shop/S.swift:7)
        \(on)web1  nginx: install nginx  1:15
        db    done: file /etc/motd  1:15
        0/2 done · 1:15
        \(off)
        """)

    report.receive(.hostFinished(host: "db", recap: recap(changed: 1)))
    report.draw()
    #expect(
      stage.recording.take()
        == "\r\u{1b}[3A\u{1b}[J\(on)web1  nginx: install nginx  1:15\n1/2 done · 1 changed · 1:15\n\(off)")

    report.receive(.hostFinished(host: "web1", recap: recap(ok: 1)))
    report.receive(.runFinished(exitCode: 0))
    let end = stage.recording.take()
    #expect(end.hasPrefix("\r\u{1b}[2A\u{1b}[J\nrecap "))
    #expect(
      end.hasSuffix("\n2 hosts   1        1       0            0        0        0          2      1.0\n"))
    report.draw()
    #expect(stage.recording.take() == "")
  }

  @Test func `More hosts than the terminal has lines are counted, those at work come first`() {
    let stage = Stage(rows: 6)
    let report = stage.report()
    let hosts = (1...500).map { "h\($0)" }
    report.receive(.runStarted(playbook: "P", hosts: hosts, check: false))
    report.receive(.connected(host: "h400"))
    report.draw()
    #expect(
      stage.recording.take() == """
        P: 500 hosts
        \(on)h400  looking  0:00
        h1    connecting  0:00
        h2    connecting  0:00
        0/500 done · 497 more running · 0:00
        \(off)
        """)
  }

  @Test(arguments: [(1, 1), (3, 2), (8, 3), (20, 4), (80, 1)])
  func `A small terminal is never overfilled`(columns: Int, rows: Int) {
    let stage = Stage(columns: columns, rows: rows)
    let report = stage.report()
    report.receive(.runStarted(playbook: "P", hosts: ["host-with-a-long-name", "二"], check: false))
    report.draw()
    _ = stage.recording.take()
    report.receive(.connected(host: "二"))
    report.draw()
    let drawn = stage.recording.take()
    let lines = drawn.split(separator: "\(on)").last?.split(separator: "\n").dropLast() ?? []
    #expect(lines.count <= max(1, rows - 2))
    for line in lines { #expect(DisplayText.width(String(line)) < max(2, columns)) }
  }

  @Test func `After the terminal became narrower the wrapped lines are cleared too`() {
    let stage = Stage(columns: 60)
    let report = stage.report()
    report.receive(.runStarted(playbook: "P", hosts: ["a"], check: false))
    report.draw()
    _ = stage.recording.take()
    stage.resize(columns: 10, rows: 10)
    report.draw()
    // "a  connecting  0:00" is 19 columns wide and "0/1 done · 0:00" 15: two rows of ten each.
    #expect(stage.recording.take().hasPrefix("\r\u{1b}[4A\u{1b}[J"))
  }

  @Test func `What hasn't changed is not drawn again`() {
    let stage = Stage()
    let report = stage.report()
    report.receive(.runStarted(playbook: "P", hosts: ["a"], check: false))
    report.draw()
    _ = stage.recording.take()
    report.draw()
    #expect(stage.recording.take() == "")
    stage.advance(1)
    report.draw()
    #expect(stage.recording.take().contains("a  connecting  0:01\n"))
  }

  @Test func `Closing takes the live lines away and leaves nothing switched`() {
    let stage = Stage()
    let report = stage.report()
    report.receive(.runStarted(playbook: "P", hosts: ["a"], check: false))
    report.draw()
    _ = stage.recording.take()
    report.receive(.warning(host: nil, message: "interrupting"))
    report.close()
    #expect(stage.recording.take() == "\r\u{1b}[2A\u{1b}[Jwarning: interrupting\n")
    report.close()
    #expect(stage.recording.take() == "")
  }

  @Test func `Colours are reset at the end of each line, and left out on request`() {
    let coloured = Stage(isColoured: true)
    let report = coloured.report()
    report.receive(.warning(host: nil, message: "x"))
    #expect(coloured.recording.take() == "\u{1b}[35mwarning: x\u{1b}[0m\n")
    let plain = Stage(isColoured: false)
    plain.report().receive(.warning(host: nil, message: "x"))
    #expect(plain.recording.take() == "warning: x\n")
  }

  @Test func `A host can't reach the terminal with a label or an action`() {
    let stage = Stage()
    let report = stage.report()
    report.receive(.runStarted(playbook: "P", hosts: ["a"], check: false))
    report.receive(.actionStarted(host: "a", task: nginx, action: "x\u{1b}[2J\u{7}\ny"))
    report.draw()
    #expect(stage.recording.take().contains(#"a  nginx: x\u{7}  0:00"#))
  }

  @Test func `With many hosts the recap names those that failed, and the sums`() {
    let stage = Stage()
    let report = stage.report()
    let hosts = (1...60).map { "h\($0)" }
    report.receive(.runStarted(playbook: "P", hosts: hosts, check: false))
    for host in hosts {
      report.receive(.hostFinished(host: host, recap: recap(ok: 1, failed: host == "h7" ? 1 : 0)))
    }
    report.receive(.runFinished(exitCode: 1))
    let rows = stage.recording.take().split(separator: "\n").filter {
      $0.hasPrefix("h") || $0.hasPrefix("60 ")
    }
    #expect(rows.map { $0.prefix { $0 != " " } } == ["h7", "60"])
  }

  @Test func `While somebody is asked something nothing is drawn, and nothing is lost`() {
    let stage = Stage()
    let report = stage.report()
    report.receive(.runStarted(playbook: "Shop", hosts: ["db"], check: false))
    report.draw()
    _ = stage.recording.take()

    report.pause(true)
    #expect(stage.recording.take() == "\r\u{1b}[2A\u{1b}[J")
    report.receive(.taskFinished(host: "db", task: motd, outcome: .changed))
    stage.advance(3)
    report.draw()
    // Another question while the first is open.
    report.pause(true)
    report.pause(false)
    #expect(stage.recording.take() == "")

    report.pause(false)
    #expect(stage.recording.take().hasPrefix("db | changed: file /etc/motd (Shop/S.swift:7)\n\(on)db  "))
    report.pause(true)
    report.close()
    #expect(stage.recording.take() == "\r\u{1b}[2A\u{1b}[J")
  }
}
