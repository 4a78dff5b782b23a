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
/// moment later; if it doesn't, the end of its journal is in the error.
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
    if isEnabled == true, state.enablement == "masked" {
      return .failed("the \(label) is masked: systemctl unmask \(name), if it is really wanted")
    }
    // Static and generated units have no switch: something else starts them.
    if let isEnabled, ["enabled", "disabled"].contains(state.enablement),
      (state.enablement == "enabled") != isEnabled
    {
      let verb = isEnabled ? "enable" : "disable"
      actions.append(
        .run(
          """
          if [ -d /run/systemd/system ]; then systemctl \(verb) -- \(name); else update-rc.d \(name) \(verb); fi
          """, summary: "\(verb) \(name)",
          changes: [.modified("\(state.enablement) → \(verb)d")], touches: [.service(name)]))
    }
    if let isRunning, state.isRunning != isRunning {
      actions.append(
        .run(
          Self.script(isRunning ? "start" : "stop", name), summary: "\(isRunning ? "start" : "stop") \(name)",
          changes: [.modified("\(state.active) → \(isRunning ? "active" : "inactive")")],
          touches: [.service(name)]))
    }
    return Decision(actions)
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
  static func script(_ verb: String, _ name: String) -> ShellCommand {
    let old = verb == "reload-or-restart" ? "reload" : verb
    var script: ShellCommand = """
      if [ -d /run/systemd/system ]; then
      systemctl daemon-reload
      systemctl \(verb) -- \(name) || { systemctl --no-pager -l -n 20 status -- \(name); exit 1; }

      """
    if verb != "stop" {
      script += """
        sleep 1
        systemctl is-active --quiet -- \(name) || {
        echo \("\(name) does not stay running")
        systemctl --no-pager -l -n 20 status -- \(name)
        exit 1
        }

        """
    }
    return script + "else service \(name) \(old); fi"
  }
}
