import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct ServiceTests {
  @Test func runningAndEnabled() {
    let task = Service("nginx")
    #expect(task.decide(given: ServiceState()).isUnchanged)
    let off = task.decide(given: ServiceState(active: "inactive", sub: "dead", enablement: "disabled"))
    #expect(off.changes == ["~ disabled → enabled", "~ inactive → active"])
    // One that is started again and again doesn't run.
    #expect(task.decide(given: ServiceState(active: "activating", sub: "auto-restart")).actions.count == 1)
    #expect(task.decide(given: ServiceState(isKnown: false)).failure != nil)
    #expect(task.decide(given: ServiceState(enablement: "masked")).failure?.contains("masked") == true)
    #expect(
      Service("x", isRunning: false, isEnabled: false).decide(given: ServiceState(isKnown: false)).isUnchanged
    )
    #expect(Service("x", isRunning: nil).decide(given: ServiceState(active: "inactive")).isUnchanged)
  }

  @Test func wrongArgumentsAreRefused() {
    for name in ["", "a b", "-x", "a/b", "getty@", "getty@.service", "é"] {
      #expect(throws: InvalidTask.self) { try Service(name).validate() }
    }
  }

  @Test func anyUnit() throws {
    #expect(Service("nginx.service").label == "service nginx")
    #expect(Service("ssh.socket").label == "unit ssh.socket")
    for name in [
      "apt-daily.timer", "ssh.socket", "srv-data.mount", "getty@tty1", "a@b.timer", "nginx.service",
    ] {
      #expect(throws: Never.self) { try Service(name).validate() }
    }
    let facts = ["ssh.socket", "getty@tty1", "srv-data.mount"].map(ServiceStatus.init)
    #expect(facts.map(\.unit) == ["ssh.socket", "getty@tty1.service", "srv-data.mount"])
    #expect(
      ServiceStatus.probe(facts, LookOptions()).text.contains(
        "'ssh.socket' 'getty@tty1.service' 'srv-data.mount'"))
    let text = facts.map { "Id=\($0.unit)\nNames=\($0.unit)\nLoadState=loaded\nActiveState=active\n\n" }
      .joined()
    #expect(
      try ServiceStatus.parse(ProbeOutput("systemd\n" + text), for: facts).values.allSatisfy(\.isRunning))
    let missing = Service("ssh.socket").decide(given: ServiceState(isKnown: false)).failure
    #expect(missing?.contains("no unit ssh.socket") == true)
  }

  @Test func whatSystemctlPrints() throws {
    let output = ProbeOutput(
      """
      systemd
      Id=nginx.service
      Names=nginx.service
      LoadState=loaded
      ActiveState=active
      SubState=running
      UnitFileState=enabled
      NeedDaemonReload=no

      Id=none.service
      Names=none.service
      LoadState=not-found
      ActiveState=inactive

      """)
    let facts = [ServiceStatus("nginx"), ServiceStatus("none")]
    let values = try ServiceStatus.parse(output, for: facts)
    #expect(values[facts[0]] == ServiceState())
    #expect(values[facts[1]]?.isKnown == false)
  }
}
