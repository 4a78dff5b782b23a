internal import MartletCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// How a variable of an inventory bears on reaching a host.
enum ConnectionVariable {
  /// A part of `ConnectionSettings`, in the order in which they are applied.
  enum Setting: Int, Hashable {
    case address, port, user, keys, knownHosts, acceptsNewHostKey, password
    case become, becomePassword, becomeUser, becomeMethod, becomeTimeout
    case sshConfig, sshOptions, sshCommonArguments, sshExtraArguments, transport
  }

  /// A variable of the playbook.
  case ordinary
  /// It says this.
  case setting(Setting, (inout ConnectionSettings) -> Void)
  /// It says so once the variables that it names are known: those of a host.
  case template(Setting, (InventoryValue) throws -> ConnectionVariable)
  /// It has no meaning here, and its absence does no harm.
  case irrelevant
  /// It can't be honoured; the text says why and what to do. To go on would reach the host in another way than
  /// the inventory says.
  case unsupported(String)
  /// A name in Ansible's space that isn't known.
  case unknown

  private static let settings: [String: Setting] = [
    "address": .address, "port": .port, "user": .user, "key": .keys, "known_hosts": .knownHosts,
    "accept_new": .acceptsNewHostKey, "password": .password, "ssh_config": .sshConfig,
    "ssh_options": .sshOptions,
    "become": .become,
    "become_user": .becomeUser, "become_method": .becomeMethod, "become_password": .becomePassword,
    "become_timeout": .becomeTimeout, "transport": .transport,
  ]

  private static let ansible: [String: Setting] = [
    "host": .address, "ssh_host": .address, "port": .port, "ssh_port": .port, "user": .user,
    "ssh_user": .user, "connection": .transport,
    "ssh_private_key_file": .keys, "private_key_file": .keys, "become": .become,
    "become_password": .becomePassword, "become_pass": .becomePassword, "sudo_pass": .becomePassword,
    "password": .password, "ssh_pass": .password, "ssh_password": .password,
    "ssh_common_args": .sshCommonArguments, "ssh_extra_args": .sshExtraArguments,
    "become_user": .becomeUser, "become_method": .becomeMethod,
  ]

  /// What Ansible needs on the host, or does on it in its own way, and Martlet doesn't.
  private static let withoutEffect: Set<String> = [
    "python_interpreter", "pipelining", "ssh_pipelining", "remote_tmp", "interpreter_python", "become_exe",
    "ssh_transfer_method", "sftp_batch_mode", "scp_if_ssh", "timeout", "ssh_timeout", "ssh_retries",
  ]

  private static let unsupported: [String: String] = [
    "ssh_args": "put them into ansible_ssh_common_args, or into ~/.ssh/config",
    "host_key_checking": "keys are always checked; accept_new: true takes those of new hosts",
    "ssh_host_key_checking": "keys are always checked; accept_new: true takes those of new hosts",
    "become_flags": "flags of sudo are not supported yet",
    "group_priority": "priorities of groups are not supported yet; make one the child of the other",
    "shell_type": "only hosts with a POSIX sh are supported",
  ]

  /// - Parameters:
  ///   - isBareName: Whether names without a prefix say how to reach a host in this file.
  ///   - folder: The folder that relative paths start from.
  /// - Throws: ``InventoryError`` without a place, if the value is not of the right kind.
  init(_ name: String, _ value: InventoryValue, allowingBareNames: Bool, folder: String) throws {
    if name.hasPrefix("ansible_") {
      let short = String(name.dropFirst("ansible_".count))
      if let setting = Self.ansible[short] {
        self = try Self.setting(orTemplate: setting, name, value, folder)
      } else if Self.withoutEffect.contains(short) {
        self = .irrelevant
      } else if let why = Self.unsupported[short] {
        self = .unsupported("\(name): \(why)")
      } else {
        self = .unknown
      }
    } else if name.hasPrefix("martlet_"), let setting = Self.settings[String(name.dropFirst(8))] {
      self = try Self.setting(orTemplate: setting, name, value, folder)
    } else if name.hasPrefix("martlet_") {
      throw InventoryError(
        "\(name) is not known\(suggestion(for: name, among: Self.settings.keys.map { "martlet_" + $0 }))")
    } else if let setting = Self.settings[name], setting != .password,
      allowingBareNames || Self.isAlwaysSetting(setting)
    {
      // A bare `password` is more likely the application's.
      self = try Self.setting(orTemplate: setting, name, value, folder)
    } else {
      self = .ordinary
    }
  }

  /// Names that no playbook is likely to use for something else.
  private static func isAlwaysSetting(_ setting: Setting) -> Bool {
    [.knownHosts, .acceptsNewHostKey, .becomeUser, .becomeMethod, .becomePassword, .becomeTimeout]
      .contains(setting)
  }

  /// The path of an ssh configuration; `none` is none, as for `ssh -F`.
  private static func configuration(_ path: String, _ folder: String) -> String {
    path.lowercased() == "none" ? "none" : LocalPath.resolve(path, in: folder)
  }

  /// Whether a name tells by itself that it is no variable of a playbook.
  static func isPrefixed(_ name: String) -> Bool {
    name.hasPrefix("ansible_") || name.hasPrefix("martlet_")
  }

  private static func setting(
    orTemplate setting: Setting, _ name: String, _ value: InventoryValue, _ folder: String
  ) throws -> ConnectionVariable {
    guard ConnectionTemplate.isIn(value) else { return try Self.setting(setting, name, value, folder) }
    return .template(setting) { try Self.setting(setting, name, $0, folder) }
  }

  private static func setting(
    _ setting: Setting, _ name: String, _ value: InventoryValue, _ folder: String
  ) throws -> ConnectionVariable {
    func expected(_ what: String) -> InventoryError {
      let isSecret = setting == .becomePassword || setting == .password
      return InventoryError("\(name): expected \(what), found \(isSecret ? "another value" : value.kind)")
    }
    func text(_ value: InventoryValue) throws -> String {
      switch value {
      case .string(let text) where !text.isEmpty: return text
      case .int(let number): return String(number)
      default: throw expected("a text")
      }
    }
    func truth() throws -> Bool {
      switch value {
      case .bool(let truth): return truth
      // Ansible takes the words in quotes too.
      case .string(let text):
        if case .bool(let truth) = YAMLReader.scalar(text) { return truth }
        throw expected("true or false")
      default: throw expected("true or false")
      }
    }
    func words(_ what: String = "a text, or a list of texts") throws -> [String] {
      let values = if case .list(let values) = value { values } else { [value] }
      return try values.map { value in
        guard case .string(let word) = value, !word.isEmpty else { throw expected(what) }
        return word
      }
    }
    func paths() throws -> [String] {
      try words("a path, or a list of paths").map { LocalPath.resolve($0, in: folder) }
    }
    // A password that can't be had is needed for a host that is used, and for no other.
    func secret(_ apply: @escaping (inout ConnectionSettings, Secret) -> Void) throws -> ConnectionVariable {
      let word = try text(value)
      if word.hasPrefix("$ANSIBLE_VAULT;") {
        return .unsupported(
          "\(name): values encrypted by Ansible's vault are not read; write env:NAME or file:PATH and have the secret there"
        )
      }
      let secret = try JSONDecoder().decode(Secret.self, from: JSONEncoder().encode(word))
      if let problem = secret.problem { return .unsupported("\(name): \(problem)") }
      return .setting(setting) { apply(&$0, secret) }
    }
    switch setting {
    case .address:
      let address = try text(value)
      if let problem = HostName.problem(address) { throw InventoryError("\(name): \(problem)") }
      return .setting(setting) { $0.address = address }
    case .port:
      guard let port = Int(try text(value)), (1...65535).contains(port) else {
        throw expected("a port from 1 to 65535")
      }
      return .setting(setting) { $0.port = port }
    case .user:
      let user = try text(value)
      return .setting(setting) { $0.user = user }
    case .keys:
      let keys = try paths()
      return .setting(setting) { $0.keys = keys }
    case .knownHosts:
      let files = try paths()
      return .setting(setting) { $0.knownHosts = files }
    case .acceptsNewHostKey:
      let accepts = try truth()
      return .setting(setting) { $0.acceptsNewHostKey = accepts }
    case .become:
      let become = try truth()
      return .setting(setting) { $0.become = become }
    case .becomeUser:
      let user = try text(value)
      if let problem = PlayUser.problem(withName: user) { throw InventoryError("\(name): \(problem)") }
      return .setting(setting) { $0.becomeUser = user }
    case .becomeMethod:
      guard let method = BecomeMethod(rawValue: try text(value)) else {
        // Network devices have their own (`enable`), and stand in the same inventory as the servers.
        return .unsupported(expected("sudo, su or doas").description)
      }
      return .setting(setting) { $0.becomeMethod = method }
    case .becomeTimeout:
      guard let seconds = Int(try text(value)), (1...86_400).contains(seconds) else {
        throw expected("a number of seconds from 1 to 86400")
      }
      return .setting(setting) { $0.becomeTimeout = .seconds(seconds) }
    case .becomePassword:
      return try secret { $0.becomePassword = $1 }
    case .password:
      return try secret { $0.password = $1 }
    case .sshConfig:
      let file = Self.configuration(try text(value), folder)
      return .setting(setting) { $0.sshConfig = file }
    case .sshOptions:
      let options = try words()
      if let wrong = options.first(where: { !$0.contains("=") && !$0.contains(" ") }) {
        throw InventoryError("\(name): expected options such as ProxyJump=bastion, found \(wrong)")
      }
      return .setting(setting) { $0.sshOptions = options + $0.sshOptions }
    case .sshCommonArguments, .sshExtraArguments:
      do {
        let arguments = try SSHArguments(try text(value))
        let file = arguments.configuration.map { Self.configuration($0, folder) }
        return .setting(setting) {
          $0.sshOptions += arguments.options
          if let file { $0.sshConfig = file }
        }
      } catch let error as InventoryError {
        throw InventoryError("\(name): \(error.description)")
      }
    case .transport:
      return try TransportName.setting(try text(value), of: name)
    }
  }
}

/// Paths on the machine that runs the playbook.
package enum LocalPath {
  /// The path with `~` replaced by the home folder and, if it is relative, seen from a folder.
  package static func resolve(_ path: String, in folder: String) -> String {
    if path == "~" || path.hasPrefix("~/") {
      let home = ProcessInfo.processInfo.environment["HOME"] ?? "/"
      return home + path.dropFirst()
    }
    if path.hasPrefix("/") || folder.isEmpty { return path }
    return folder + "/" + path
  }

  /// The folder that a path is in; empty for a path without one.
  package static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
