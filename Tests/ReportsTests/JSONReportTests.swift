import Foundation
import MartletCore
import Testing

@testable import MartletReports

@Suite struct JSONReportTests {
  private func lines(_ events: [Event]) -> [String] {
    let recording = Recording()
    let report = JSONReport(to: recording.output) { Date(timeIntervalSince1970: 1_772_366_400.125) }
    for event in events { report.receive(event) }
    return recording.text.split(separator: "\n").map(String.init)
  }

  @Test func `What moves a terminal or turns a text is escaped, and reads back the same`() throws {
    let text = "a\u{9b}31m\u{202e}b\u{2066}\u{200b}\u{7f}\u{1b}[0m\u{2028}\u{e0041}é 日 👨‍👩‍👧"
    let line = try #require(lines([.warning(host: nil, message: text)]).first)
    #expect(line.contains(#"a\u009b31m\u202eb\u2066\u200b\u007f\u001b[0m\u2028\udb40\udc41é 日 👨‍👩‍👧"#), "\(line)")
    #expect(try JSONDecoder().decode(EventRecord.self, from: Data(line.utf8)).message == text)
  }

  @Test func `Every event, exactly`() {
    let time = #""time":"2026-03-01T12:00:00.125Z""#
    let task = #""task":{"file":"Shop/S.swift","handler":false,"index":0,"label":"file /etc/motd","line":7}"#
    let expected: [(Event, String)] = [
      (
        .runStarted(playbook: "Shop", hosts: ["a", "b"], check: true),
        #"{"check":true,"event":"run_started","hosts":["a","b"],"playbook":"Shop",\#(time)}"#
      ),
      (.connected(host: "a"), #"{"event":"connected","host":"a",\#(time)}"#),
      (
        .playStarted(host: "a", play: "Web"),
        #"{"event":"play_started","host":"a","play":"Web",\#(time)}"#
      ),
      (
        .planned(
          host: "a", task: motd, plan: .change(actions: ["write /etc/motd"], diff: [DiffLine(.added, "x")])),
        #"{"actions":["write /etc/motd"],"diff":[{"kind":"added","text":"x"}],"event":"planned","host":"a","plan":"change",\#(task),\#(time)}"#
      ),
      (
        .planned(host: "a", task: motd, plan: .unknown("until b")),
        #"{"event":"planned","host":"a","plan":"unknown","reason":"until b",\#(task),\#(time)}"#
      ),
      (
        .actionStarted(host: "a", task: motd, action: "write"),
        #"{"action":"write","event":"action_started","host":"a",\#(task),\#(time)}"#
      ),
      (
        .waiting(host: "a", task: motd, reason: "apt-get (process 7)"),
        #"{"event":"waiting","host":"a","reason":"apt-get (process 7)",\#(task),\#(time)}"#
      ),
      (
        .output(host: "a", task: motd, text: "1\n\u{1b}[0m"),
        #"{"event":"output","host":"a",\#(task),"text":"1\n\u001b[0m",\#(time)}"#
      ),
      (
        .taskFinished(host: "a", task: motd, outcome: .changed),
        #"{"event":"task_finished","host":"a","outcome":"changed",\#(task),\#(time)}"#
      ),
      (
        .hostFailed(
          host: "a",
          failure: HostFailure(.task, "no", task: motd, command: "false", status: 1, output: ["x"])),
        #"{"event":"host_failed","failure":{"command":"false","kind":"task","message":"no","output":["x"],"status":1,\#(task)},"host":"a",\#(time)}"#
      ),
      (.warning(host: nil, message: "odd"), #"{"event":"warning","message":"odd",\#(time)}"#),
      (
        .hostFinished(host: "a", recap: recap(ok: 1, changed: 2, exchanges: 3, seconds: 2.5)),
        #"{"event":"host_finished","host":"a","recap":{"changed":2,"exchanges":3,"failed":0,"ok":1,"seconds":2.5,"skipped":0,"unknown":0,"unreachable":false},\#(time)}"#
      ),
      (.runFinished(exitCode: 4), #"{"event":"run_finished","exit_code":4,\#(time)}"#),
    ]
    let written = lines(expected.map(\.0))
    #expect(written.count == expected.count)
    for (line, expectation) in zip(written, expected) { #expect(line == expectation.1) }
  }

  @Test func `Every line reads back as the record it was`() throws {
    let records = try lines(mixedRun).map { try JSONDecoder().decode(EventRecord.self, from: Data($0.utf8)) }
    #expect(records == mixedRun.map { EventRecord($0, time: "2026-03-01T12:00:00.125Z") })
  }

  @Test func `A number that JSON lacks doesn't lose the event`() {
    let line = lines([.hostFinished(host: "a", recap: recap(seconds: .infinity))])
    #expect(line.first?.contains(#""seconds":"inf""#) == true)
  }
}
