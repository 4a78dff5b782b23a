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
    for name in ["", "a b", "-x", "nginx.service"] {
      #expect(throws: InvalidTask.self) { try Service(name).validate() }
    }
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
