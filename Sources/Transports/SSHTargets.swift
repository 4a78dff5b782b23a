internal import MartletCore
internal import MartletEngine
internal import MartletSSH
internal import MartletSSHConfig
internal import Synchronization

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Finds out how a host is connected to: as the inventory says, and for the rest as ssh's configuration says.
///
/// Configurations are read once, for each set of options that an inventory lays over them.
final class SSHTargets: Sendable {
  private let file: String?
  private let connectTimeout: Duration
  private let questions: (any SSHQuestions)?
  private let asksAboutHostKeys: Bool
  private let configurations = Mutex<[Sources: SSHConfig]>([:])
  /// What is found out stays for the run: a configuration may have programs run (Match exec).
  private let found = Mutex<[Key: ResolvedHost]>([:])

  /// What a configuration is made of.
  private struct Sources: Hashable {
    let file: String?
    let overrides: [String]
  }

  /// All that the answer depends on.
  private struct Key: Hashable {
    let address: String
    let user: String?
    let port: Int?
    let file: String?
    let options: [String]
    let keys: [String]
    let knownHosts: [String]
    let acceptsNewHostKey: Bool
    let password: Secret?

    init(_ settings: ConnectionSettings) {
      address = settings.address
      user = settings.user
      port = settings.port
      file = settings.sshConfig
      options = settings.sshOptions
      keys = settings.keys
      knownHosts = settings.knownHosts
      acceptsNewHostKey = settings.acceptsNewHostKey
      password = settings.password
    }
  }

  /// Jump hosts that need jump hosts; more is a loop.
  private static let hopLimit = 8

  /// - Parameters:
  ///   - file: What is read in place of `~/.ssh/config` and the system's; `none` for nothing.
  ///   - connectTimeout: Where the configuration has no ConnectTimeout.
  ///   - questions: Who is asked for passwords and passphrases.
  ///   - asksAboutHostKeys: Whether someone can be asked about keys of unknown hosts.
  init(
    file: String?, connectTimeout: Duration, questions: (any SSHQuestions)?, asksAboutHostKeys: Bool
  ) {
    self.file = file
    self.connectTimeout = connectTimeout
    self.questions = questions
    self.asksAboutHostKeys = asksAboutHostKeys
  }

  /// - Throws: ``TransportError`` for what is wrong in the configuration.
  func resolve(_ host: InventoryHost) async throws -> ResolvedHost {
    let key = Key(host.connection)
    if let known = found.withLock({ $0[key] }) { return known }
    let resolved = try await resolve(host.connection, depth: 0)
    found.withLock { $0[key] = resolved }
    return resolved
  }

  private func resolve(_ settings: ConnectionSettings, depth: Int, through: [JumpHop]? = nil) async throws
    -> ResolvedHost
  {
    guard depth <= Self.hopLimit else {
      throw TransportError("\(settings.address): its jump hosts lead through each other (ProxyJump)")
    }
    let options: SSHHostOptions
    do {
      options = try await configuration(
        Sources(file: settings.sshConfig ?? file, overrides: settings.sshOptions)
      )
      .options(for: settings.address, user: settings.user, port: settings.port)
    } catch {
      throw TransportError("\(settings.address): ssh's configuration: \(error)")
    }
    var target = SSHTarget(host: options.hostName, port: options.port, user: options.user)
    setLogin(of: &target, options, settings)
    setHostKeys(of: &target, options, settings)
    setConnection(of: &target, options)
    var reason = reasonForSystemSSH(target, options)
    if let hops = through {
      try await setRoute(of: &target, hops, settings, depth: depth, reason: &reason)
    } else if let command = options.proxyCommand {
      target.route = .command(command)
    } else {
      try await setRoute(of: &target, options.proxyJump, settings, depth: depth, reason: &reason)
    }
    return ResolvedHost(
      target: target, reasonForSystemSSH: reason, ignored: SSHOptionSupport.ignored(options.setOptions),
      allowsGSSAPI: options.gssapiAuthentication, forwardsAgent: options.forwardAgent != .no)
  }

  /// `ProxyJump a,b` leads through a to b, and from b to the host. What the first one's own configuration says of
  /// its way counts, that of the others doesn't: ssh.c, "ProxyJump".
  private func setRoute(
    of target: inout SSHTarget, _ hops: [JumpHop], _ outer: ConnectionSettings, depth: Int,
    reason: inout String?
  ) async throws {
    guard let hop = hops.last else { return }
    var settings = ConnectionSettings(address: hop.host)
    settings.user = hop.user
    settings.sshConfig = outer.sshConfig
    // Who takes the host's key unseen takes that of the way to it.
    settings.acceptsNewHostKey = outer.acceptsNewHostKey
    settings.port = hop.port
    let before = Array(hops.dropLast())
    let resolved = try await resolve(settings, depth: depth + 1, through: before.isEmpty ? nil : before)
    target.route = .jump(through: resolved.target)
    reason = reason ?? resolved.reasonForSystemSSH.map { "its jump host \(hop.host): \($0)" }
  }

  private func configuration(_ sources: Sources) throws(SSHConfigError) -> SSHConfig {
    if let known = configurations.withLock({ $0[sources] }) { return known }
    let choice: SSHConfig.FileChoice =
      switch sources.file {
      case nil: .standard
      case "none": .none
      case let path?: .file(path)
      }
    let configuration = try SSHConfig.load(user: choice, overrides: sources.overrides)
    configurations.withLock { $0[sources] = configuration }
    return configuration
  }

  private func setLogin(
    of target: inout SSHTarget, _ options: SSHHostOptions, _ settings: ConnectionSettings
  ) {
    var files = settings.keys.isEmpty ? options.identityFiles : settings.keys
    if settings.keys.isEmpty, options.areIdentityFilesDefaults {
      // Those that ssh tries by default are no one's wish: a missing one is nothing to report.
      files = files.filter { FileManager.default.isReadableFile(atPath: $0) }
    }
    target.identities = files.map { .file($0) }
    target.identitiesOnly = options.identitiesOnly
    target.certificates = options.certificateFiles
    target.agentSocket =
      switch options.identityAgent {
      case .none: nil
      case .path(let path): path
      case .environment:
        ProcessInfo.processInfo.environment["SSH_AUTH_SOCK"].flatMap { $0.isEmpty ? nil : $0 }
      }
    let preferred = options.preferredAuthentications
    let methods =
      preferred.isEmpty
      ? [.publicKey, .keyboardInteractive, .password]
      : preferred.compactMap { AuthenticationMethod(rawValue: $0) }
    target.methods =
      methods
      .filter { method in
        switch method {
        case .publicKey: options.pubkeyAuthentication
        case .keyboardInteractive: options.kbdInteractiveAuthentication
        case .password: options.passwordAuthentication
        }
      }
    target.numberOfPasswordPrompts = options.numberOfPasswordPrompts
    target.password = settings.password.map { SSHSecret($0.reveal()) }
    target.questions = options.batchMode ? nil : questions
  }

  private func setHostKeys(
    of target: inout SSHTarget, _ options: SSHHostOptions, _ settings: ConnectionSettings
  ) {
    target.hostKeyAlias = options.hostKeyAlias
    let mode: KnownHostsPolicy.Mode =
      switch options.strictHostKeyChecking {
      case _ where settings.acceptsNewHostKey: .acceptNew
      case .yes: .strict
      case .acceptNew: .acceptNew
      case .no: .off
      case .ask: asksAboutHostKeys && !options.batchMode ? .ask : .strict
      }
    let isNamed = !settings.knownHosts.isEmpty
    target.knownHosts = KnownHostsPolicy(
      files: isNamed ? settings.knownHosts : options.userKnownHostsFiles,
      globalFiles: isNamed ? [] : options.globalKnownHostsFiles, mode: mode,
      hashesNames: options.hashKnownHosts)
  }

  private func setConnection(of target: inout SSHTarget, _ options: SSHHostOptions) {
    func names(_ list: AlgorithmList?, _ purpose: SSHAlgorithms.Purpose) -> [String]? {
      guard let list else { return nil }
      let supported = SSHAlgorithms.supported(purpose)
      let names = list.applied(to: SSHAlgorithms.standard(purpose), supported: supported)
      // Nothing of what is wanted: the names themselves say what it was.
      return names.isEmpty ? list.names : names
    }
    target.algorithms = SSHAlgorithms(
      kex: names(options.kexAlgorithms, .kex), ciphers: names(options.ciphers, .ciphers),
      macs: names(options.macs, .macs), hostKeys: names(options.hostKeyAlgorithms, .hostKeys))
    target.connectTimeout = options.connectTimeout ?? connectTimeout
    target.connectionAttempts = options.connectionAttempts
    if options.serverAliveInterval > .zero {
      target.serverAlive = ServerAlive(
        interval: options.serverAliveInterval, countMax: options.serverAliveCountMax)
    }
    target.addressFamily =
      switch options.addressFamily {
      case .any: .any
      case .inet: .inet
      case .inet6: .inet6
      }
    target.bindAddress = options.bindAddress
    target.bindInterface = options.bindInterface
    target.environment = environment(options)
  }

  /// The variables of SetEnv and SendEnv. LANG and LC_*, which Debian's configuration sends, are left out: programs run
  /// with LC_ALL=C, and each variable costs a round trip.
  private func environment(_ options: SSHHostOptions) -> [(name: String, value: String)] {
    var variables = options.setEnv
    let removed = options.sendEnv.filter { $0.hasPrefix("-") }.map { String($0.dropFirst()) }
    let patterns = options.sendEnv.filter { !$0.hasPrefix("-") && $0 != "LANG" && !$0.hasPrefix("LC_") }
    guard !patterns.isEmpty else { return variables }
    for (name, value) in ProcessInfo.processInfo.environment.sorted(by: { $0.key < $1.key }) {
      guard patterns.contains(where: { fnmatch($0, name, 0) == 0 }),
        !removed.contains(where: { fnmatch($0, name, 0) == 0 }),
        !variables.contains(where: { $0.name == name })
      else { continue }
      variables.append((name, value))
    }
    return variables
  }

  private func reasonForSystemSSH(_ target: SSHTarget, _ options: SSHHostOptions) -> String? {
    if let purpose = target.algorithms.impossible.first {
      let library = "libssh2 \(SSHAlgorithms.libraryVersion)"
      return "\(library) has no \(purpose.rawValue) that the configuration allows"
    }
    if let reason = target.unsupportedReason { return reason }
    if let reason = try? target.knownHostKeys().reasonForSystemSSH { return reason }
    if options.forwardAgent != .no, !SSHCapabilities.canForwardAgent { return "it forwards the agent" }
    if options.pkcs11Provider != nil { return "its keys are on a smart card (PKCS11Provider)" }
    if target.methods.isEmpty {
      return "its configuration leaves no key and no password to log in with (PreferredAuthentications)"
    }
    return nil
  }
}
