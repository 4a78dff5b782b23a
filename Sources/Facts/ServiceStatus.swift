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
    ( if [ -d /run/systemd/system ]; then
    IFS=' ' read -r _u _ </proc/uptime; printf 'Uptime=%s\\n' "$_u"
    systemctl show --no-pager --property=\(raw: properties.joined(separator: ",")) -- \(facts.map(\.unit))
    else for _n in \(facts.map(\.unit)); do _s=${_n%.service}
    if [ -x "/etc/init.d/$_s" ]; then
    service "$_s" status >/dev/null 2>&1 && _a=active || _a=inactive
    _e=disabled; for _l in /etc/rc[2345].d/S*"$_s"; do [ -e "$_l" ] && _e=enabled; done
    printf 'Names=%s\\nLoadState=loaded\\nActiveState=%s\\nUnitFileState=%s\\n\\n' "$_n" "$_a" "$_e"
    else printf 'Names=%s\\nLoadState=not-found\\n\\n' "$_n"; fi
    done; fi ) 2>/dev/null </dev/null
    """
  }

  private static let properties =
    [
      "Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "NeedDaemonReload", "Names", "NRestarts",
      "ActiveEnterTimestampMonotonic",
    ] + starters

  /// What lists the units that start this one, and the name on D-Bus that does (systemd.unit(5), org.freedesktop.systemd1(5)).
  private static let starters = ["WantedBy", "RequiredBy", "UpheldBy", "BoundBy", "TriggeredBy", "BusName"]

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: ServiceState] {
    var values: [Self: ServiceState] = [:]
    var fields: [String: String] = [:]
    var uptime: Double?
    func finish() {
      let names = (fields["Names"] ?? "").split(separator: " ").map(String.init) + [fields["Id"] ?? ""]
      // In microseconds; 0 if it never ran.
      let since = fields["ActiveEnterTimestampMonotonic"].flatMap { Double($0) }.flatMap { $0 > 0 ? $0 : nil }
      for fact in facts where names.contains(fact.unit) {
        values[fact] = ServiceState(
          isKnown: fields["LoadState"].map { $0 != "not-found" } ?? false,
          active: fields["ActiveState"] ?? "inactive", sub: fields["SubState"] ?? "",
          enablement: fields["UnitFileState"] ?? "", needsReload: fields["NeedDaemonReload"] == "yes",
          startedBy: starters.flatMap { fields[$0]?.split(separator: " ").map(String.init) ?? [] },
          restarts: fields["NRestarts"].flatMap { Int($0) } ?? 0,
          runsFor: since.flatMap { since in
            // A container's uptime may be its own, and the other time the machine's: then nothing is known. It may have
            // started since the uptime was read, too, which is less than a minute.
            uptime.flatMap { $0 < since / 1e6 - 60 ? nil : .milliseconds(Int(($0 - since / 1e6) * 1000)) }
          })
        if let load = fields["LoadState"], load == "bad-setting" || load == "error" {
          values[fact]?.enablement = "bad"
        }
      }
      fields = [:]
    }
    for line in output.lines {
      let pair = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if pair.count == 2, pair[0] == "Uptime" {
        uptime = Double(pair[1])
      } else if pair.count == 2 {
        fields[String(pair[0])] = String(pair[1])
      } else if line.isEmpty {
        finish()
      }
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
  /// systemd's `UnitFileState`: `enabled`, `disabled`, `static`, `masked`; `bad` if its file can't be read.
  public var enablement: String
  /// Whether a unit's file has changed since systemd read it.
  public var needsReload: Bool
  /// What starts it besides an administrator: the units that want it, its socket or timer, a name on D-Bus.
  public var startedBy: [String]
  /// How often systemd has started it again by itself, since somebody started it.
  public var restarts: Int
  /// For how long it has been as it is; nil where that isn't known.
  public var runsFor: Duration?

  public init(
    isKnown: Bool = true, active: String = "active", sub: String = "running", enablement: String = "enabled",
    needsReload: Bool = false, startedBy: [String] = [], restarts: Int = 0, runsFor: Duration? = nil
  ) {
    self.isKnown = isKnown
    self.active = active
    self.sub = sub
    self.enablement = enablement
    self.needsReload = needsReload
    self.startedBy = startedBy
    self.restarts = restarts
    self.runsFor = runsFor
  }

  /// Whether it is down, and stays so: one that is just being started, or falls and is started again, is neither running nor
  /// stopped.
  public var isStopped: Bool { active == "inactive" || active == "failed" }

  /// Whether it runs; one that is started again and again does not.
  public var isRunning: Bool { (active == "active" || active == "reloading") && !isFalling }

  /// Whether it runs only because systemd has just started it again, and not for the first time.
  public var isFalling: Bool { restarts >= 3 && runsFor.map { $0 < .seconds(60) } ?? false }
}
