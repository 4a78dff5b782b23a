#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The hosts that a playbook can speak of, their groups and their variables.
public struct Inventory: Sendable {
  /// All hosts, in the order of the inventory.
  public private(set) var hosts: [InventoryHost]
  /// The names of the hosts of each group, those of its children included.
  public private(set) var groups: [String: [String]]
  /// Where it was read from, for messages.
  public let source: String

  /// - Parameters:
  ///   - hosts: The hosts, each name once.
  ///   - groups: For each group the names of its hosts; `all` is added.
  ///   - source: Where it was read from.
  public init(hosts: [InventoryHost], groups: [String: [String]] = [:], source: String = "inventory") {
    self.hosts = hosts
    self.groups = groups
    self.groups["all"] = hosts.map(\.name)
    self.source = source
  }

  /// The host of that name.
  public func host(_ name: String) -> InventoryHost? { hosts.first { $0.name == name } }

  /// Adds the machine that Martlet runs on, if one of the patterns names it as `@local` and the inventory doesn't. It
  /// is in no group, not in `all` either.
  package mutating func addLocalHost(ifNamedBy patterns: some Sequence<HostPattern>) {
    let name = TransportChoice.localHost
    guard host(name) == nil, patterns.contains(where: { $0.parts.contains(name) }) else { return }
    var connection = ConnectionSettings(address: name)
    connection.transport = .local
    hosts.append(InventoryHost(name: name, connection: connection))
  }

  /// Replaces each host by what `change` makes of it; options of the command line come in this way.
  package mutating func updateHosts(_ change: (inout InventoryHost) -> Void) {
    for index in hosts.indices { change(&hosts[index]) }
  }
}

/// A host of an inventory: how to reach it, and its variables, those of its groups already merged in.
public struct InventoryHost: Sendable {
  /// The name that the inventory gives it.
  public let name: String
  /// The groups it is in, parents included, without `all`.
  public var groups: [String]
  /// How to reach it.
  public var connection: ConnectionSettings
  /// Its variables, without those that say how to reach it.
  public var vars: [String: InventoryVariable]
  /// Names without a prefix, as `port`, that say how to reach it here, and where they were set.
  package var bareSettings: [String: String] = [:]
  /// What of its connection settings can't be honoured: errors once the host is used, and nobody's business before.
  package var problems: [String] = []

  public init(
    name: String, groups: [String] = [], connection: ConnectionSettings? = nil,
    vars: [String: InventoryVariable] = [:]
  ) {
    self.name = name
    self.groups = groups
    self.connection = connection ?? ConnectionSettings(address: name)
    self.vars = vars
  }
}

/// A variable of a host with the place that it was set at.
public struct InventoryVariable: Sendable {
  /// What it was set to.
  public var value: InventoryValue
  /// The place, as in `inventory.yaml:12`.
  public var origin: String

  public init(_ value: InventoryValue, origin: String) {
    self.value = value
    self.origin = origin
  }
}

/// How to reach a host and whom to be there.
public struct ConnectionSettings: Sendable {
  /// A name or address that resolves; the host's name unless the inventory says otherwise.
  public var address: String
  /// The way to reach it; nil: whichever fits.
  public var transport: TransportChoice?
  /// The TCP port; nil where nobody names one: SSH's 22.
  public var port: Int?
  /// The user to log in as; nil for the one who runs the playbook.
  public var user: String?
  /// The private key files to offer; none for the agent's keys and `~/.ssh/id_ed25519` and its like.
  public var keys: [String] = []
  /// The files of known host keys; none for `~/.ssh/known_hosts` and the system's.
  public var knownHosts: [String] = []
  /// Whether an unknown host's key is taken and written down.
  public var acceptsNewHostKey = false
  /// The password to log in with, where the host takes one.
  public var password: Secret?
  /// The file that takes the place of `~/.ssh/config` and the system's; `none` for no file, nil for those.
  public var sshConfig: String?
  /// Options of ssh_config(5), each as `ssh -o` takes it: `ProxyJump=bastion`. They come before what ssh's files
  /// say.
  public var sshOptions: [String] = []
  /// Whether to become another user; nil if neither the inventory nor the command line says.
  public var become: Bool?
  /// Whom to become; nil for the one whom the play names, or root.
  public var becomeUser: String?
  /// How to become him; nil for sudo, or for su where root logs in.
  public var becomeMethod: BecomeMethod?
  /// The password that sudo, su or doas asks for.
  public var becomePassword: Secret?
  /// How long it may take to become him, a slow directory service included.
  public var becomeTimeout: Duration = .seconds(60)

  public init(address: String) { self.address = address }

  /// Its passwords.
  package var secrets: [Secret] { [password, becomePassword].compactMap(\.self) }

  /// What is wrong with the password to log in with, where one is used.
  package var passwordProblem: String? {
    switch transport {
    case .local, .container: nil
    default: password?.problem.map { "the password to log in with: \($0)" }
    }
  }

  /// The user to log in as, the one who runs the playbook if nobody is named.
  public var loginUser: String { user ?? ProcessInfo.processInfo.userName }
}
