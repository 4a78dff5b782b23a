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

  @Test func startsWithTheSystem() {
    func decide(_ state: String, _ startedBy: [String] = [], isEnabled: Bool = true) -> Decision {
      Service("x", isEnabled: isEnabled).decide(given: ServiceState(enablement: state, startedBy: startedBy))
    }
    for state in ["enabled", "alias"] { #expect(decide(state).isUnchanged) }
    for state in ["static", "indirect", "generated"] { #expect(decide(state, ["x.socket"]).isUnchanged) }
    for state in ["disabled", "linked", "linked-runtime", "enabled-runtime", "generated"] {
      #expect(decide(state).changes == ["~ \(state) → enabled"])
    }
    // What would not start with the system isn't told to be right.
    #expect(decide("static").failure?.contains("no [Install] section") == true)
    #expect(decide("indirect").failure?.contains("Also=") == true)
    for state in ["masked", "masked-runtime", "bad", "transient"] { #expect(decide(state).failure != nil) }
    for state in ["enabled", "enabled-runtime"] {
      #expect(decide(state, isEnabled: false).changes == ["~ \(state) → disabled"])
    }
    for state in ["disabled", "static", "masked"] { #expect(decide(state, isEnabled: false).isUnchanged) }
    let wanted = ServiceState(enablement: "static", startedBy: ["b.timer", "a.socket"])
    #expect(
      Service("x", isEnabled: false).warnings(given: wanted).first?.contains("a.socket, b.timer") == true)
    #expect(Service("x").warnings(given: wanted) == [])
    // As Docker's, whose socket starts it again.
    let socket = ServiceState(active: "inactive", enablement: "disabled", startedBy: ["x.socket"])
    #expect(Service("x", isRunning: false, isEnabled: false).warnings(given: socket).count == 1)
  }

  @Test func `What systemd starts again and again doesn't run, though it is up now and then`() {
    let falling = ServiceState(restarts: 12, runsFor: .seconds(2))
    let decision = Service("x").decide(given: falling)
    #expect(decision.changes == ["~ active, after 12 restarts → active"])
    #expect(decision.actions.map(\.summary) == ["restart x"])
    // Nor is it stopped, whatever systemd is at with it just now.
    for state in [falling, ServiceState(active: "activating", sub: "auto-restart")] {
      let stop = Service("x", isRunning: false, isEnabled: nil).decide(given: state)
      #expect(stop.actions.map(\.summary) == ["stop x"])
    }
    for active in ["inactive", "failed"] {
      #expect(
        Service("x", isRunning: false, isEnabled: nil).decide(given: ServiceState(active: active)).isUnchanged
      )
    }
    #expect(Service("x").decide(given: ServiceState(restarts: 12, runsFor: .seconds(61))).isUnchanged)
    #expect(Service("x").decide(given: ServiceState(restarts: 2, runsFor: .seconds(2))).isUnchanged)
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
      try ServiceStatus.parse(ProbeOutput("Uptime=1.0\n" + text), for: facts).values.allSatisfy(\.isRunning))
    let missing = Service("ssh.socket").decide(given: ServiceState(isKnown: false)).failure
    #expect(missing?.contains("no unit ssh.socket") == true)
  }

  @Test func whatSystemctlPrints() throws {
    let output = ProbeOutput(
      """
      Uptime=100.25
      Id=nginx.service
      Names=nginx.service
      LoadState=loaded
      ActiveState=active
      SubState=running
      UnitFileState=enabled
      NeedDaemonReload=no
      NRestarts=1
      ActiveEnterTimestampMonotonic=90250000
      WantedBy=multi-user.target
      TriggeredBy=a.timer b.socket

      Id=none.service
      Names=none.service
      LoadState=not-found
      ActiveState=inactive

      """)
    let facts = [ServiceStatus("nginx"), ServiceStatus("none")]
    let values = try ServiceStatus.parse(output, for: facts)
    #expect(
      values[facts[0]]
        == ServiceState(
          startedBy: ["multi-user.target", "a.timer", "b.socket"], restarts: 1, runsFor: .seconds(10)))
    #expect(values[facts[1]]?.isKnown == false)
    // Clocks that don't belong together are no reason to restart what runs.
    let other = try ServiceStatus.parse(
      ProbeOutput(
        "Uptime=9\nNames=a.service\nActiveState=active\nNRestarts=5\n"
          + "ActiveEnterTimestampMonotonic=90250000\n"),
      for: [ServiceStatus("a")])
    #expect(other[ServiceStatus("a")]?.runsFor == nil && other[ServiceStatus("a")]?.isRunning == true)
  }
}
