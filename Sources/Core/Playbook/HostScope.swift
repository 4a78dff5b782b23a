internal import Synchronization

/// The host that a play's body is evaluated for.
///
///     Play("Web servers", on: "web", vars: Vars.self) { host in
///       if host.os.isDebian { AptPackages("nginx") }
///       File("/etc/motd", content: "This is \(host.name)\n")
///     }
///
/// The body is a function of the host alone: it may run more than once, and must have no effects of its own.
public struct HostScope<Vars: HostVars>: Sendable {
  /// The name that the inventory gives the host.
  public let name: String
  /// The groups that it is in.
  public let groups: [String]
  /// What the inventory calls its address.
  public let address: String
  /// The play's variables, for this host.
  public var vars: Vars {
    get { given }
    @available(*, unavailable, message: "variables are set in the inventory, and the same for a whole run")
    nonmutating set { fatalError("not available") }
  }
  private let given: Vars
  /// The whole inventory, for what one host must know of the others.
  public let inventory: Inventory
  private let facts: FactsInBody

  package init(_ host: InventoryHost, vars: Vars, inventory: Inventory, facts: FactsInBody) {
    name = host.name
    groups = host.groups
    address = host.connection.address
    given = vars
    self.inventory = inventory
    self.facts = facts
  }

  /// The host's operating system. Reading it costs the host one more exchange, before all others.
  public var os: OperatingSystem { facts.operatingSystem() }
}

/// What a play's body reads of the host's facts.
///
/// The body is evaluated first without any. If it asks for one, what it built is thrown away, the host is
/// asked, and the body runs again: so only playbooks that use facts pay for them, and none has to say so.
package final class FactsInBody: Sendable {
  private let known: OperatingSystem?
  private let asked = Mutex(false)

  package init(known: OperatingSystem?) { self.known = known }

  package var wereMissing: Bool { asked.withLock { $0 } }

  func operatingSystem() -> OperatingSystem {
    if let known { return known }
    asked.withLock { $0 = true }
    return .unknown
  }
}

/// Which system a host runs, from its os-release(5).
public struct OperatingSystem: Sendable, Hashable {
  /// `ID`: `debian`, `ubuntu`, `rocky`, `alpine`; empty if the host doesn't say.
  public var id: String
  /// `ID_LIKE`: the systems that it is made from.
  public var like: [String]
  /// `VERSION_ID`: `12`, `24.04`.
  public var version: String
  /// `VERSION_CODENAME`: `bookworm`.
  public var codename: String

  public init(id: String, like: [String] = [], version: String = "", codename: String = "") {
    self.id = id
    self.like = like
    self.version = version
    self.codename = codename
  }

  static let unknown = OperatingSystem(id: "")

  /// Debian, Ubuntu, and what is made from them.
  public var isDebian: Bool { id == "debian" || like.contains("debian") }
  /// Fedora, RHEL, Rocky, Alma and their like.
  public var isRedHat: Bool { ["rhel", "fedora"].contains { id == $0 || like.contains($0) } }
  /// Alpine Linux.
  public var isAlpine: Bool { id == "alpine" }

  /// Reads a file in the format of os-release(5).
  public init(osRelease text: String) {
    var fields: [Substring: String] = [:]
    for line in text.split(separator: "\n") {
      let pair = line.split(separator: "=", maxSplits: 1)
      guard pair.count == 2 else { continue }
      fields[pair[0]] = pair[1].trimmed.filter { $0 != "\"" && $0 != "'" }
    }
    self.init(
      id: fields["ID"] ?? "", like: (fields["ID_LIKE"] ?? "").split(separator: " ").map(String.init),
      version: fields["VERSION_ID"] ?? "", codename: fields["VERSION_CODENAME"] ?? "")
  }
}
