import MartletCore
import Synchronization

@testable import MartletReports

/// What a report has written.
final class Recording: Sendable {
  private let pieces = Mutex<[String]>([])
  var output: ReportOutput { ReportOutput { text in self.pieces.withLock { $0.append(text) } } }
  var text: String { pieces.withLock { $0.joined() } }
  /// What was written since the last call.
  func take() -> String {
    pieces.withLock { pieces in
      defer { pieces = [] }
      return pieces.joined()
    }
  }
}

let motd = TaskReference(
  index: 0, label: "file /etc/motd", location: SourceLocation(file: "Shop/S.swift", line: 7))
let nginx = TaskReference(index: 1, label: "nginx", location: SourceLocation(file: "Shop/S.swift", line: 9))
let reload = TaskReference(
  index: 2, label: "reload nginx", location: SourceLocation(file: "Shop/S.swift", line: 3), isHandler: true)

func recap(
  ok: Int = 0, changed: Int = 0, failed: Int = 0, unreachable: Bool = false, exchanges: Int = 1,
  seconds: Double = 1
) -> HostRecap {
  var recap = HostRecap()
  recap.ok = ok
  recap.changed = changed
  recap.failed = failed
  recap.unreachable = unreachable
  recap.exchanges = exchanges
  recap.seconds = seconds
  return recap
}

/// A run over three hosts: one is changed, one fails, one can't be reached.
let mixedRun: [Event] = [
  .runStarted(playbook: "Shop", hosts: ["web1", "web10", "db"], check: false),
  .connected(host: "web1"),
  .connected(host: "web10"),
  .playStarted(host: "web1", play: "Web servers"),
  .planned(
    host: "web1", task: motd,
    plan: .change(
      actions: ["write /etc/motd"],
      diff: [
        DiffLine(.header, "/etc/motd"), DiffLine(.header, "@@ -1 +1,2 @@"), DiffLine(.context, "hello"),
        DiffLine(.removed, "old"), DiffLine(.added, "new"), DiffLine(.modified, "mode 0600 → 0644"),
      ])),
  .planned(host: "web1", task: nginx, plan: .unknown("until nginx is installed")),
  .actionStarted(host: "web1", task: motd, action: "write /etc/motd"),
  .taskFinished(host: "web1", task: motd, outcome: .changed),
  .taskFinished(host: "web1", task: nginx, outcome: .ok),
  .taskFinished(host: "web1", task: reload, outcome: .changed),
  .taskFinished(host: "web10", task: motd, outcome: .skipped),
  .taskFinished(host: "web10", task: nginx, outcome: .failed),
  .hostFailed(
    host: "web10",
    failure: HostFailure(
      .task, "the command failed\nCorrect the name, then run again.", task: nginx,
      command: "apt-get install -y -- ngnix", status: 100,
      output: ["Reading package lists...", "\u{1b}[31mE: Unable to locate package ngnix\u{1b}[0m"])),
  .hostFailed(host: "db", failure: HostFailure(.unreachable, "192.0.2.1:22: connection timed out")),
  .warning(host: nil, message: "something odd"),
  .hostFinished(host: "db", recap: recap(unreachable: true, exchanges: 0, seconds: 10.04)),
  .hostFinished(host: "web1", recap: recap(ok: 1, changed: 2, exchanges: 3, seconds: 2.36)),
  .hostFinished(host: "web10", recap: recap(failed: 1, exchanges: 2)),
  .runFinished(exitCode: 4),
]
