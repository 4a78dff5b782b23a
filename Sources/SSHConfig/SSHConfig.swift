#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The user's SSH configuration, read as OpenSSH 9.2 reads it: ssh_config(5).
///
/// Files are read and checked once; a host's options are made from what was read. What `ssh` refuses is refused with
/// the line and the reason. Where the two differ:
///
/// - Keywords and `Match tagged` of later versions are accepted: a newer `ssh` would.
/// - `CanonicalizeHostname` is an error where a name server would have to be asked (see ``options(for:user:port:)``).
/// - A command of `Match exec` runs once for all hosts for which it is the same, must end within a deadline, and its
///   errors aren't shown.
public struct SSHConfig: Sendable {
  /// Which file is read.
  public enum FileChoice: Sendable, Hashable {
    /// ~/.ssh/config; of the system /etc/ssh/ssh_config, unless the user's file was chosen otherwise (`ssh -F`).
    case standard
    case file(String)
    case none
  }

  private let files: [(file: ConfigFile, isUsers: Bool)]
  private let overrides: [Statement]
  private let sources: ConfigSources
  private let machine: Machine
  private let commands: MatchCommands

  /// Reads the files.
  ///
  /// ssh_config(5): "ssh obtains configuration data from the following sources in the following order: command-line
  /// options, user's configuration file (~/.ssh/config), system-wide configuration file (/etc/ssh/ssh_config)."
  ///
  /// - Parameters:
  ///   - user: The user's file. With a file, or none, the system's is left out, as with `ssh -F FILE` and
  ///     `ssh -F none`.
  ///   - system: The system's file.
  ///   - overrides: What `-o` says, such as `Port=2222`; it wins over the files, the first over later ones.
  ///   - environment: Variables for `${NAME}`, `SHELL` and the commands of `Match exec`; by default this process's.
  ///   - homeDirectory: What `~` is; by default what the password database says, as for ssh, which doesn't ask HOME.
  ///   - matchDeadline: How long a command of `Match exec` may take.
  /// - Throws: ``SSHConfigError`` for what ssh refuses: a line that is wrong, in whatever block; a file that others can
  ///   write to.
  public static func load(
    user: FileChoice = .standard, system: FileChoice = .standard, overrides: [String] = [],
    environment: [String: String]? = nil, homeDirectory: String? = nil,
    matchDeadline: Duration = .seconds(10)
  ) throws(SSHConfigError) -> SSHConfig {
    let environment = environment ?? ProcessInfo.processInfo.environment
    let sources = try ConfigSources(environment: environment, home: homeDirectory)
    var parser = ConfigParser(sources: sources)
    var statements: [Statement] = []
    for text in overrides {
      if let statement = try parser.commandLine(text) { statements.append(statement) }
    }
    var files: [(ConfigFile, Bool)] = []
    switch user {
    case .none: break
    case .standard:
      let path = sources.home + "/.ssh/config"
      if let file = try parser.file(path, isUsers: true, checksPermissions: true) {
        files.append((file, true))
      }
    case .file(let path):
      guard let file = try parser.file(path, isUsers: true, checksPermissions: false) else {
        throw SSHConfigError("\(path) can't be opened: is it there, and may you read it?")
      }
      files.append((file, true))
    }
    switch system {
    case .standard where user == .standard:
      let path = "/etc/ssh/ssh_config"
      if let file = try parser.file(path, isUsers: false, checksPermissions: false) {
        files.append((file, false))
      }
    case .standard, .none: break
    case .file(let path):
      guard let file = try parser.file(path, isUsers: false, checksPermissions: false) else {
        throw SSHConfigError("\(path) can't be opened: is it there, and may you read it?")
      }
      files.append((file, false))
    }
    return SSHConfig(
      files: files, overrides: statements, sources: sources, machine: try Machine(),
      commands: MatchCommands(environment: environment, deadline: matchDeadline))
  }

  /// The options of a host.
  ///
  /// - Parameters:
  ///   - host: The name as the user writes it, which `Host` lines are compared with.
  ///   - user: Who to log in as; wins over the files.
  ///   - port: The port; wins over the files.
  /// - Throws: ``SSHConfigError`` for what ssh refuses of this host; for a command of `Match exec` that fails or doesn't
  ///   end; for `CanonicalizeHostname` if the name isn't full and would have to be looked up.
  public func options(
    for host: String, user: String? = nil, port: Int? = nil
  ) async throws(SSHConfigError) -> SSHHostOptions {
    try SSHHostOptions(try await resolve(host, user: user, port: port))
  }

  /// What `ssh -G HOST` prints. It succeeds where `ssh -G` does, also if a value that isn't printed in full, such as the
  /// name of a key, is one that ``options(for:user:port:)`` and `ssh` itself would refuse.
  public func dump(
    for host: String, user: String? = nil, port: Int? = nil
  ) async throws(SSHConfigError) -> String {
    let options = try await resolve(host, user: user, port: port)
    if options.flag(.forkAfterAuthentication), options.text(.remoteCommand) == nil,
      options.number(.sessionType, 2) != 0
    {
      throw options.error(.forkAfterAuthentication, "needs a command")
    }
    if options.number(.sessionType) == 1, options.settings.origin(of: .sessionType) == .commandLine {
      throw options.error(.sessionType, "subsystem needs the name of one")
    }
    return Dump.text(options)
  }

  private func resolve(_ host: String, user: String?, port: Int?) async throws(SSHConfigError) -> Resolution {
    var settings = Settings()
    if let user, !user.isEmpty {
      settings.texts[.user] = user
      settings.setOptions.append(SetOption(keyword: "User", value: user, origin: .commandLine))
    }
    if let port {
      guard (1...65535).contains(port) else { throw SSHConfigError("\(port) is no port: it is 1 to 65535") }
      settings.numbers[.port] = port
      settings.setOptions.append(SetOption(keyword: "Port", value: "\(port)", origin: .commandLine))
    }
    for statement in overrides { try settings.apply(statement, isActive: true, isUsers: true) }
    if let user = settings.texts[.user], !Destination.isSafe(user: user) {
      throw SSHConfigError("the user name “\(user)” has characters that ssh refuses")
    }
    guard !host.isEmpty, Destination.isSafe(host: host) else {
      throw SSHConfigError("“\(host)” is no host name that ssh takes")
    }
    try await read(into: &settings, host: host, original: host, isFinal: false)
    var name = host
    if let hostName = settings.texts[.hostName] {
      do {
        name = try Tokens(values: [UInt8(ascii: "h"): host]).expand(hostName)
      } catch {
        throw SSHConfigError("HostName \(hostName): \(error.message)", at: settings.origin(of: .hostName))
      }
    }
    name = try Canonical.name(name, settings)
    if settings.wantsFinalPass || settings.numbers[.canonicalizeHostname] ?? 0 != 0 {
      settings.texts[.hostName] = name
      // OpenSSH has filled in these by then: what only the second reading says of them comes too late.
      for (keyword, standard) in [
        (Keyword.canonicalizeMaxDots, 1), (.canonicalizeFallbackLocal, 1), (.canonicalizeHostname, 0),
      ] where settings.numbers[keyword] == nil { settings.numbers[keyword] = standard }
      try await read(into: &settings, host: name, original: host, isFinal: true)
    }
    return try Resolution(settings, sources: sources, machine: machine, original: host, hostName: name)
  }

  private func read(
    into settings: inout Settings, host: String, original: String, isFinal: Bool
  ) async throws(SSHConfigError) {
    let evaluation = Evaluation(
      sources: sources, commands: commands, machine: machine, host: host, original: original, isFinal: isFinal
    )
    for (file, isUsers) in files { try await evaluation.read(file, into: &settings, isUsers: isUsers) }
  }

  /// Takes `user@host` or `ssh://user@host:port` apart, as `ssh` does with its argument.
  ///
  /// - Returns: nil if it is neither.
  public static func destination(_ text: String) -> (user: String?, host: String, port: Int?)? {
    if text.hasPrefix("ssh://") {
      return Destination(uri: text).map { ($0.user, $0.host, $0.port) }
    }
    guard let at = text.lastIndex(of: "@") else { return (nil, text, nil) }
    guard at > text.startIndex else { return nil }
    return (String(text[..<at]), String(text[text.index(after: at)...]), nil)
  }
}
