import MartletCore
import MartletFacts
import Testing

@testable import MartletEngine

/// What a package that is about to be installed may bring is not known before (row 30 of the faults).
@Suite struct PendingPackageTests {
  private struct Install: HostTask {
    var label: String { "packages memcached" }
    var observes: Nothing { Nothing() }
    func decide(given facts: Void) -> Decision { [.run("true", touches: [.packages])] }
  }

  private struct Needs: HostTask {
    var path: RemotePath
    var label: String { "file \(path)" }
    var observes: All<FileState, FileText> { All(FileState(path), FileText(path)) }
    func decide(given facts: (FileStatus, FileTextValue)) -> Decision {
      [.run("true", touches: [.path(path)])]
    }
  }

  /// The decisions about a file that is there or not, after packages.
  private func decision(_ path: RemotePath, isThere: Bool) -> TaskDecision? {
    let steps = [
      Step(Install(), at: SourceLocation(file: "a", line: 1)),
      Step(Needs(path: path), at: SourceLocation(file: "a", line: 2)),
    ]
    var play = HostTasks.PlayTasks(name: "Test")
    for (index, step) in steps.enumerated() {
      var questions = Questions()
      step.task.observes.ask(&questions)
      play.items.append(
        HostTasks.Item(
          step: step, reference: TaskReference(index: index, label: step.label, location: step.location),
          facts: questions.facts, isFlush: false))
    }
    var answers = Answers()
    answers.set(FileState(path), to: isThere ? .file() : .absent)
    answers.set(FileText(path), to: isThere ? .text([0x61]) : .absent)
    return Decider(play: play, progress: PlayProgress()).decide(answers).decisions.last
  }

  @Test(arguments: [
    "/etc/memcached.conf", "/usr/share/x", "/var/lib/x/y", "/var/www/html/index.html", "/opt/x",
  ])
  func aFileThatAPackageMayBring(path: String) {
    guard case .unknown(let reason)? = decision(RemotePath(path), isThere: false) else {
      Issue.record("\(path) is not unknown")
      return
    }
    #expect(reason == "until packages memcached has run")
  }

  @Test(arguments: [
    "/srv/shop/app", "/home/deploy/x", "/root/.my.cnf", "/usr/local/bin/x", "/var/www/shop/x",
  ])
  func aFileThatNoPackageBringsCostsNoRound(path: String) {
    guard case .change? = decision(RemotePath(path), isThere: false) else {
      Issue.record("\(path) is not decided")
      return
    }
  }

  @Test func aFileThatIsThereIsKept() {
    guard case .change? = decision("/etc/memcached.conf", isThere: true) else {
      Issue.record("it is not decided")
      return
    }
  }
}
