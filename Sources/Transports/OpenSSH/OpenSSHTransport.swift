public import MartletCore
public import MartletEngine
package import MartletSSH
internal import Subprocess

#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif
#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Reaches hosts by the system's `ssh`: whatever `ssh HOST` reaches, this does.
///
/// For each host one `ssh` is started, as the master of a shared connection (ssh_config(5), ControlMaster), and all
/// commands go through it without a process of their own. What the inventory says of a host is given to it: address,
/// port, user, keys, known hosts. For the rest it reads its own configuration, so jump hosts, certificates,
/// hardware keys and GSSAPI are its business.
///
/// What it can't tell is different from ``SSHTransport``: a command that a signal ended has
/// ``ExitStatus/signal(_:)`` with the name ``unnamedSignal``.
public struct OpenSSHTransport: Transport {
  /// What stands for the name of a signal, because `ssh` keeps it to itself.
  public static let unnamedSignal = "unknown"

  private let connectTimeout: Duration
  private let configuration: String?
  private let questions: (any SSHQuestions)?

  /// - Parameters:
  ///   - connectTimeout: How long looking up, connecting and logging in may take together.
  ///   - configuration: The file that takes the place of `~/.ssh/config` and the system's; nil: those.
  public init(connectTimeout: Duration = .seconds(30), configuration: String? = nil) {
    self.init(connectTimeout: connectTimeout, configuration: configuration, questions: nil)
  }

  /// - Parameter questions: Who is asked what `ssh` asks: passphrases, passwords, host keys, the PIN of a hardware
  ///   key. Without, all that would have to be asked is an error, but for the password that the inventory has.
  package init(connectTimeout: Duration, configuration: String?, questions: (any SSHQuestions)?) {
    self.connectTimeout = connectTimeout
    self.configuration = configuration
    self.questions = questions
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    try await connect(to: host, nil)
  }

  /// - Parameter resolved: What is known of the host from the configuration.
  func connect(to host: InventoryHost, _ resolved: ResolvedHost?) async throws -> any TransportSession {
    OpenSSHSession(
      try await logIn(on: host, resolved), user: host.connection.user ?? resolved?.target.user,
      forwardsAgent: resolved?.forwardsAgent == true)
  }

  /// Opens a tunnel, likewise.
  func tunnel(to host: InventoryHost, _ resolved: ResolvedHost?) async throws -> OpenSSHTunnel {
    try await OpenSSHTunnel { try await logIn(on: host, resolved, logLevel: "INFO") }
  }

  /// - Parameter logLevel: How much the master is to write down (ssh_config(5), LogLevel).
  private func logIn(
    on host: InventoryHost, _ resolved: ResolvedHost?, logLevel: String = "ERROR"
  ) async throws -> OpenSSHMaster {
    let settings = host.connection
    let place = OpenSSHPlace(settings)
    let folder = try ControlFolder()
    var askpass: Askpass?
    if questions != nil || settings.password != nil {
      let names = [settings.address, resolved?.target.host, resolved?.target.hostKeyAlias]
      askpass = try Askpass(
        folder: folder, questions: resolved.map(\.target.questions) ?? questions,
        password: settings.password, names: names.compactMap(\.self))
    }
    let limit = resolved?.target.connectTimeout ?? connectTimeout
    var words = options(for: settings, folder: folder, asks: askpass != nil, limit, logLevel: logLevel)
    // A host that has vanished is noticed while it runs a command.
    if resolved?.target.serverAlive == nil {
      words += ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]
    }
    words += ["--", settings.address]
    do {
      try await startMaster(words, folder: folder, place: place, askpass, limit)
      if let master = await OpenSSHMaster(place, folder) { return master }
      try Task.checkCancellation()
    } catch  where Task.isCancelled {
      // It may have logged in at this very moment.
      await Task { await OpenSSHMaster(place, folder)?.close() }.value
      throw CancellationError()
    }
    throw TransportError("\(place): ssh ended as soon as it had logged in\(folder.complaint)")
  }

  /// Starts a master, which puts itself into the background once it has logged in.
  private func startMaster(
    _ words: [String], folder: ControlFolder, place: OpenSSHPlace, _ askpass: Askpass?, _ limit: Duration
  ) async throws {
    let environment = Environment.inherit.updating(askpass?.environment ?? [:])
    var options = PlatformOptions()
    // Out of reach of a Ctrl-C, and of the terminal.
    options.createSession = true
    let platform = options
    // What a ProxyCommand says goes to the log too, though it keeps the log open for as long as it runs.
    let log = try folder.openLog()
    defer { try? log.close() }
    let status = try await withThrowingTaskGroup(of: TerminationStatus?.self) { group in
      group.addTask {
        try await Subprocess.run(
          .name("ssh"), arguments: Arguments(words), environment: environment, platformOptions: platform,
          output: .discarded, error: .fileDescriptor(log, closeAfterSpawningProcess: false)
        ).terminationStatus
      }
      group.addTask {
        if let askpass {
          try await askpass.serve(for: limit)
        } else {
          try await Task.sleep(for: limit)
        }
        return nil
      }
      defer { group.cancelAll() }
      do {
        return try await group.next() ?? nil
      } catch let error as SubprocessError where error.code == .executableNotFound {
        throw TransportError("\(place): there is no program ssh on this machine; install openssh-client")
      } catch let error as SubprocessError {
        throw TransportError("\(place): ssh can't be started: \(error)")
      }
    }
    try Task.checkCancellation()
    guard let status else {
      throw TransportError("\(place): gave up after \(limit.inSeconds) while logging in\(folder.complaint)")
    }
    if case .exited(0) = status { return }
    let complaint = folder.said
    throw TransportError("\(place): \(complaint.isEmpty ? "ssh ended with \(status)" : complaint)")
  }

  /// Nothing in them is secret: other users of this machine can read them.
  private func options(
    for settings: ConnectionSettings, folder: ControlFolder, asks: Bool, _ limit: Duration, logLevel: String
  ) -> [String] {
    var words = (settings.sshConfig ?? configuration).map { ["-F", $0] } ?? []
    words += [
      "-M", "-N", "-f", "-T", "-x", "-e", "none", "-S", Self.escaped(folder.socket), "-E", folder.log,
    ]
    // The first value counts: what a session can't do without, what the inventory says, and the rest.
    var options = [
      // The master waits so long for a new command before it ends, if this process has ended without saying so.
      "ControlPersist=10", "ClearAllForwardings=yes", "RemoteCommand=none",
      "LogLevel=\(logLevel)",
    ]
    if settings.acceptsNewHostKey { options.append("StrictHostKeyChecking=accept-new") }
    if !settings.knownHosts.isEmpty {
      let files = settings.knownHosts.map(Self.quoted).joined(separator: " ")
      options += ["UserKnownHostsFile=\(files)", "GlobalKnownHostsFile=/dev/null"]
    }
    if !settings.keys.isEmpty { options.append("IdentitiesOnly=yes") }
    words += options.flatMap { ["-o", $0] }
    words += settings.keys.flatMap { ["-i", Self.escaped($0)] }
    if let port = settings.port { words += ["-p", "\(port)"] }
    if let user = settings.user { words += ["-l", user] }
    options = settings.sshOptions
    // Nobody can be asked: not to ask is the user's right, to ask isn't ours.
    if !asks { options.append("BatchMode=yes") }
    options.append("ConnectTimeout=\(max(1, limit.components.seconds))")
    return words + options.flatMap { ["-o", $0] }
  }

  /// A path for where ssh knows tokens (ssh_config(5), TOKENS).
  private static func escaped(_ path: String) -> String { path.replacing("%", with: "%%") }

  /// A path of a list of them.
  private static func quoted(_ path: String) -> String {
    "\"\(escaped(path).replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
  }
}

/// A host as messages name it.
struct OpenSSHPlace: CustomStringConvertible {
  let description: String

  init(_ settings: ConnectionSettings) {
    let address = settings.address.contains(":") ? "[\(settings.address)]" : settings.address
    description = settings.port.map { "\(address):\($0)" } ?? address
  }
}
