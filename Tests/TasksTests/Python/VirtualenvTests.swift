import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct VirtualenvTests {
  private let good = VirtualEnvironmentState(
    exists: true, version: "3.11.2", interpreter: "/usr/bin/python3.11", libraries: ["3.11"], owner: "shop",
    wantedInterpreter: "/usr/bin/python3.11")

  @Test func oneThatWorksIsLeftAlone() {
    #expect(Virtualenv("/srv/venv").decide(given: good).isUnchanged)
    #expect(Virtualenv("/srv/venv", user: "shop").decide(given: good).isUnchanged)
    #expect(Virtualenv("/srv/venv", user: "web").decide(given: good).changes == ["~ owner shop → web"])
  }

  @Test func brokenOnesAreRebuilt() {
    let task = Virtualenv("/srv/venv")
    #expect(
      task.decide(given: .init(wantedInterpreter: "/usr/bin/python3.11")).changes
        == ["+ /srv/venv with /usr/bin/python3.11"])
    var gone = good
    gone.interpreter = nil
    #expect(task.decide(given: gone).changes == ["~ rebuilt: its interpreter is gone"])
    var upgraded = good
    upgraded.interpreter = "/usr/bin/python3.13"
    upgraded.wantedInterpreter = "/usr/bin/python3.13"
    #expect(
      task.decide(given: upgraded).changes
        == ["~ rebuilt: it was made with Python 3.11, and its interpreter is now python3.13"])
    var other = good
    other.wantedInterpreter = "/opt/python3.12"
    #expect(task.decide(given: other).changes.count == 1)
    // A shim is not the interpreter that it starts: what counts is what the environment was made with.
    other.madeWith = "/opt/python3.12"
    #expect(task.decide(given: other).isUnchanged)
  }

  @Test func withoutPython() {
    #expect(Virtualenv("/srv/venv").decide(given: .init()).failure?.contains("InstallPython()") == true)
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try Virtualenv("/srv/my venv").validate() }
    #expect(throws: InvalidTask.self) { try Virtualenv("/").validate() }
    #expect(throws: InvalidTask.self) { try Virtualenv("/srv/venv", python: "-c").validate() }
  }
}
