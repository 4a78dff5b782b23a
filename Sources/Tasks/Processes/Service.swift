public import MartletCore
public import MartletFacts

/// A service of the system, or another unit of systemd, that runs, or doesn't, and starts with the system, or doesn't.
///
///     Service("nginx")
///     Service("apt-daily.timer", isRunning: false, isEnabled: false)
///     Service("getty@tty2")
///     Service("apache2", isRunning: false, isEnabled: false)
///
/// systemd is asked and told where there is one, else service(8). After a start the service must still run a
/// moment later; if it doesn't, the end of its journal is in the error. One that systemd had to start again three times and
/// that has run for less than a minute doesn't run: it is restarted, and must then stay up for ten seconds.
public struct Service: HostTask {
  let name: String
  let isRunning: Bool?
  let isEnabled: Bool?

  /// - Parameters:
  ///   - name: What the system calls it, without `.service`; another unit with its ending, as in `"ssh.socket"`, an
  ///     instance of a template as `"name@instance"`.
  ///   - isRunning: Whether it is to run; nil leaves it alone.
  ///   - isEnabled: Whether it is to start with the system; nil leaves that alone.
  public init(_ name: String, isRunning: Bool? = true, isEnabled: Bool? = true) {
    self.name = name.hasSuffix(".service") ? String(name.dropLast(".service".count)) : name
    self.isRunning = isRunning
    self.isEnabled = isEnabled
  }

  /// A handler that restarts a service.
  public static func restart(_ name: String) -> Handler {
    Handler("restart service \(name)", [.run(Self.script("restart", name), touches: [.service(name)])])
  }

  /// A handler that makes a service read its configuration again; one that can't is restarted.
  public static func reload(_ name: String) -> Handler {
    Handler(
      "reload service \(name)", [.run(Self.script("reload-or-restart", name), touches: [.service(name)])])
  }

  public var label: String { (observes.isService ? "service " : "unit ") + name }

  public var observes: ServiceStatus { ServiceStatus(name) }

  public func decide(given state: ServiceState) -> Decision {
    guard state.isKnown else {
      if isRunning != true, isEnabled != true { return .unchanged }
      return .failed(
        observes.isService
          ? "there is no service \(name): install the package that it is in first"
          : "there is no unit \(name): it needs systemd, and the package or the File that brings it, before this task"
      )
    }
    var actions: [Action] = []
    switch enablement(given: state) {
    case .change(let change): actions += change
    case .failed(let problem): return .failed(problem)
    default: break
    }
    if let isRunning, isRunning ? !state.isRunning : !state.isStopped {
      // A start does nothing for one that happens to be up between two falls.
      let verb = isRunning ? state.isFalling ? "restart" : "start" : "stop"
      let old = state.isFalling ? "\(state.active), after \(state.restarts) restarts" : state.active
      actions.append(
        .run(
          Self.script(verb, name, watch: state.isFalling ? 10 : 1), summary: "\(verb) \(name)",
          changes: [.modified("\(old) → \(isRunning ? "active" : "inactive")")], touches: [.service(name)]))
    }
    return Decision(actions)
  }

  /// What is to be done so that it starts with the system, or doesn't (systemctl(1), "is-enabled").
  private func enablement(given state: ServiceState) -> Decision {
    let isOnItsOwn = state.startedBy.isEmpty
    switch (isEnabled, state.enablement) {
    case (nil, _): return .unchanged
    case (true, "masked"), (true, "masked-runtime"):
      return .failed("the \(label) is masked: systemctl unmask \(name), if it is really wanted")
    case (true, "bad"):
      return .failed(
        "systemd can't read the file of the \(label): systemd-analyze verify \(observes.unit) says why")
    case (true, "transient"):
      return .failed(
        "the \(label) is transient: it is gone when the system starts again. Write a unit file, or isEnabled: nil"
      )
    case (true, "static") where isOnItsOwn:
      return .failed(
        "the \(label) would not start with the system: its file has no [Install] section, and nothing that systemd "
          + "knows starts it. Give it one (WantedBy=multi-user.target), or write isEnabled: nil")
    case (true, "indirect") where isOnItsOwn:
      return .failed(
        "the \(label) starts with what Also= in its file names: write a Service of that, and isEnabled: nil here"
      )
    case (true, "disabled"), (true, "linked"), (true, "linked-runtime"), (true, "enabled-runtime"):
      return switching("enable", state)
    case (true, "generated") where isOnItsOwn: return switching("enable", state)
    case (false, "enabled"), (false, "enabled-runtime"): return switching("disable", state)
    case (false, "generated") where !isOnItsOwn: return switching("disable", state)
    case (false, "alias"):
      return .failed("\(name) is another name of a unit: write the unit's own (systemctl show -p Id \(name))")
    default: return .unchanged
    }
  }

  private func switching(_ verb: String, _ state: ServiceState) -> Decision {
    // It may be enabled for good and until the next start at once: each has links of its own.
    let also: ShellCommand = verb == "disable" ? " && systemctl disable --runtime -- \(name)" : ""
    return [
      .run(
        """
        if [ -d /run/systemd/system ]; then systemctl \(verb) -- \(name)\(splice: also)
        else update-rc.d \(name) \(verb); fi
        """, summary: "\(verb) \(name)",
        changes: [.modified("\(state.enablement) → \(verb)d")], touches: [.service(name)])
    ]
  }

  public func warnings(given state: ServiceState) -> [String] {
    guard isEnabled == false, ["static", "indirect", "disabled"].contains(state.enablement),
      !state.startedBy.isEmpty
    else {
      return []
    }
    return [
      "it is started by \(state.startedBy.sorted().joined(separator: ", ")) all the same: switch that off, or mask it"
    ]
  }

  public func validate() throws {
    let isAllowed = { (scalar: Unicode.Scalar) in
      scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
    }
    let isName =
      name.unicodeScalars.first.map { isAllowed($0) || $0 == "_" } == true
      && name.unicodeScalars.allSatisfy { isAllowed($0) || "_.@:\\-".unicodeScalars.contains($0) }
    if !isName { throw InvalidTask("\(name.debugDescription) can't be a service's name") }
    if name.hasSuffix("@") || name.contains("@.") {
      throw InvalidTask("\"\(name)\" is a template: write which instance of it, as in \"name@instance\"")
    }
  }

  /// systemd calls a simple service started before its program has read its configuration, so one look more
  /// follows.
  ///
  /// - Parameter watch: For how many seconds it must run, without falling.
  static func script(_ verb: String, _ name: String, watch: Int = 1) -> ShellCommand {
    let old = verb == "reload-or-restart" ? "reload" : verb
    var script: ShellCommand = """
      if [ -d /run/systemd/system ]; then
      systemctl daemon-reload
      systemctl \(verb) -- \(name) || { systemctl --no-pager -l -n 20 status -- \(name); exit 1; }

      """
    if verb != "stop" {
      script += """
        _n=$(systemctl show -p NRestarts -- \(name)); _i=0
        while [ $_i -lt \(watch) ]; do
        sleep 1; _i=$((_i + 1))
        systemctl is-active --quiet -- \(name) && [ "$(systemctl show -p NRestarts -- \(name))" = "$_n" ] || {
        echo \("\(name) does not stay running")
        systemctl --no-pager -l -n 20 status -- \(name)
        exit 1
        }
        done

        """
    }
    return script + "else service \(name) \(old); fi"
  }
}
