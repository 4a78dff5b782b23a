public import MartletCore
public import MartletFacts

/// A service of the system that runs, or doesn't, and starts with the system, or doesn't.
///
///     Service("nginx")
///     Service("apache2", isRunning: false, isEnabled: false)
///
/// systemd is asked and told where there is one, else service(8). After a start the service must still run a
/// moment later; if it doesn't, the end of its journal is in the error.
public struct Service: HostTask {
  let name: String
  let isRunning: Bool?
  let isEnabled: Bool?

  /// - Parameters:
  ///   - name: What the system calls it, without `.service`.
  ///   - isRunning: Whether it is to run; nil leaves it alone.
  ///   - isEnabled: Whether it is to start with the system; nil leaves that alone.
  public init(_ name: String, isRunning: Bool? = true, isEnabled: Bool? = true) {
    self.name = name
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

  public var label: String { "service \(name)" }

  public var observes: ServiceStatus { ServiceStatus(name) }

  public func decide(given state: ServiceState) -> Decision {
    guard state.isKnown else {
      if isRunning != true, isEnabled != true { return .unchanged }
      return .failed("there is no service \(name): install the package that it is in first")
    }
    var actions: [Action] = []
    if isEnabled == true, state.enablement == "masked" {
      return .failed("the service \(name) is masked: systemctl unmask \(name), if it is really wanted")
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
    let isName =
      name.first?.isLetter == true
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.@:-".contains($0)) }
    if !isName { throw InvalidTask("\"\(name)\" can't be a service's name") }
    if name.hasSuffix(".service") {
      throw InvalidTask(
        "write the service \"\(name)\" without its ending: \"\(name.dropLast(".service".count))\"")
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
