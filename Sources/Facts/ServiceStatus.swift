public import MartletCore

/// Whether a service of the system, or another unit of systemd, runs and starts with it: by systemctl(1), else by
/// service(8).
///
///     var observes: ServiceStatus { ServiceStatus("nginx") }
///     var observes: ServiceStatus { ServiceStatus("apt-daily.timer") }
public struct ServiceStatus: ProbedFact, CustomStringConvertible {
  public typealias Value = ServiceState

  /// The service's name, without `.service`; another unit's name with its ending.
  public let name: String

  public init(_ name: String) { self.name = name }

  /// The endings of units (systemd(1), "UNITS").
  private static let kinds = [
    ".service", ".socket", ".timer", ".mount", ".automount", ".path", ".target", ".slice", ".swap", ".device",
    ".scope",
  ]

  /// The unit's whole name, as systemd has it: `nginx.service`.
  public var unit: String { Self.kinds.contains(where: name.hasSuffix) ? name : name + ".service" }

  /// Whether it is a service, which is all that a system without systemd has.
  public var isService: Bool { unit.hasSuffix(".service") }

  public static let kind = "service"

  public var description: String { name }

  public var dependsOn: [Resource] { [.service(name), .packages, .named("systemd units")] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( if [ -d /run/systemd/system ]; then echo systemd
    systemctl show --no-pager --property=Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload,Names -- \
    \(facts.map(\.unit))
    else for _n in \(facts.map(\.unit)); do _s=${_n%.service}
    if [ -x "/etc/init.d/$_s" ]; then
    service "$_s" status >/dev/null 2>&1 && _a=active || _a=inactive
    _e=disabled; for _l in /etc/rc[2345].d/S*"$_s"; do [ -e "$_l" ] && _e=enabled; done
    printf 'Names=%s\\nLoadState=loaded\\nActiveState=%s\\nUnitFileState=%s\\n\\n' "$_n" "$_a" "$_e"
    else printf 'Names=%s\\nLoadState=not-found\\n\\n' "$_n"; fi
    done; fi ) 2>/dev/null </dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: ServiceState] {
    var values: [Self: ServiceState] = [:]
    var fields: [String: String] = [:]
    func finish() {
      let names = (fields["Names"] ?? "").split(separator: " ").map(String.init) + [fields["Id"] ?? ""]
      for fact in facts where names.contains(fact.unit) {
        values[fact] = ServiceState(
          isKnown: fields["LoadState"] == "loaded" || fields["LoadState"] == "masked",
          active: fields["ActiveState"] ?? "inactive", sub: fields["SubState"] ?? "",
          enablement: fields["UnitFileState"] ?? "", needsReload: fields["NeedDaemonReload"] == "yes")
      }
      fields = [:]
    }
    for line in output.lines {
      let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if pair.count == 2 { fields[String(pair[0])] = String(pair[1]) } else if line.isEmpty { finish() }
    }
    finish()
    return values
  }
}

/// What is known of a service.
public struct ServiceState: Sendable, Hashable {
  /// Whether there is such a service.
  public var isKnown: Bool
  /// systemd's `ActiveState`: `active`, `inactive`, `failed`, `activating`.
  public var active: String
  /// systemd's `SubState`: `running`, `auto-restart`; empty without systemd.
  public var sub: String
  /// systemd's `UnitFileState`: `enabled`, `disabled`, `static`, `masked`.
  public var enablement: String
  /// Whether a unit's file has changed since systemd read it.
  public var needsReload: Bool

  public init(
    isKnown: Bool = true, active: String = "active", sub: String = "running", enablement: String = "enabled",
    needsReload: Bool = false
  ) {
    self.isKnown = isKnown
    self.active = active
    self.sub = sub
    self.enablement = enablement
    self.needsReload = needsReload
  }

  /// Whether it runs; one that is started again and again does not.
  public var isRunning: Bool { active == "active" || active == "reloading" }
}
