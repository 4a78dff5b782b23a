public import MartletCore
public import MartletEngine
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
  private let forwardsAgent: Bool
  private let gate: Gate?

  /// - Parameters:
  ///   - connectTimeout: How long looking up, connecting and logging in may take together.
  ///   - configuration: The file that takes the place of `~/.ssh/config` and the system's; nil: those.
  ///   - forwardsAgent: Whether the commands may use the keys of this machine's agent, whatever the configuration
  ///     says.
  ///   - asksOnTerminal: Whether `ssh` may ask for a passphrase, a password or a host key, one host at a time; it
  ///     then has five minutes. Otherwise whatever would have to be asked for is an error.
  public init(
    connectTimeout: Duration = .seconds(30), configuration: String? = nil, forwardsAgent: Bool = false,
    asksOnTerminal: Bool = false
  ) {
    self.connectTimeout = connectTimeout
    self.configuration = configuration
    self.forwardsAgent = forwardsAgent
    gate = asksOnTerminal ? Gate() : nil
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    let settings = host.connection
    let place = OpenSSHPlace(settings)
    let folder = try ControlFolder()
    let options = self.options(for: settings, folder: folder)
    await gate?.enter()
    let outcome: Result<Void, any Error>
    do {
      outcome = .success(try await startMaster(options, folder: folder, place: place))
    } catch {
      outcome = .failure(error)
    }
    await gate?.leave()
    try outcome.get()
    guard let master = await MuxConnection.open(folder.socket), let process = await master.process() else {
      throw TransportError("\(place): ssh ended as soon as it had logged in\(folder.complaint)")
    }
    return OpenSSHSession(place: place, folder: folder, master: master, process: process, user: settings.user)
  }

  /// Starts a master, which puts itself into the background once it has logged in.
  private func startMaster(_ words: [String], folder: ControlFolder, place: OpenSSHPlace) async throws {
    var options = PlatformOptions()
    // Out of reach of a Ctrl-C; but who is to answer it needs the terminal.
    options.createSession = gate == nil
    let limit = gate == nil ? connectTimeout : .seconds(300)
    let platform = options
    // What a ProxyCommand says goes to the log too, though it keeps the log open for as long as it runs.
    let log = try folder.openLog()
    defer { try? log.close() }
    let status = try await withThrowingTaskGroup(of: TerminationStatus?.self) { group in
      group.addTask {
        try await Subprocess.run(
          .name("ssh"), arguments: Arguments(words), platformOptions: platform,
          output: .discarded, error: .fileDescriptor(log, closeAfterSpawningProcess: false)
        ).terminationStatus
      }
      group.addTask {
        try await Task.sleep(for: limit)
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
  private func options(for settings: ConnectionSettings, folder: ControlFolder) -> [String] {
    let seconds = max(1, connectTimeout.components.seconds)
    var words = configuration.map { ["-F", $0] } ?? []
    words += [
      "-M", "-N", "-f", "-T", "-x", "-e", "none", "-S", Self.escaped(folder.socket), "-E", folder.log,
    ]
    words += [
      // The master waits so long for a new command before it ends, if this process has ended without saying so.
      "ControlPersist=10", "BatchMode=\(gate == nil ? "yes" : "no")", "ConnectTimeout=\(seconds)",
      // A host that has vanished is noticed while it runs a command.
      "ServerAliveInterval=15", "ServerAliveCountMax=3",
      "ClearAllForwardings=yes", "RemoteCommand=none", "LogLevel=ERROR",
    ].flatMap { ["-o", $0] }
    words += settings.sshOptions.flatMap { ["-o", $0] }
    if settings.acceptsNewHostKey { words += ["-o", "StrictHostKeyChecking=accept-new"] }
    if !settings.knownHosts.isEmpty {
      let files = settings.knownHosts.map(Self.quoted).joined(separator: " ")
      words += ["-o", "UserKnownHostsFile=\(files)", "-o", "GlobalKnownHostsFile=/dev/null"]
    }
    if !settings.keys.isEmpty {
      words += ["-o", "IdentitiesOnly=yes"] + settings.keys.flatMap { ["-i", Self.escaped($0)] }
    }
    if forwardsAgent { words.append("-A") }
    if let port = settings.port { words += ["-p", "\(port)"] }
    if let user = settings.user { words += ["-l", user] }
    return words + ["--", settings.address]
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

/// Lets one after the other through.
private actor Gate {
  private var isTaken = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  func enter() async {
    guard isTaken else {
      isTaken = true
      return
    }
    await withCheckedContinuation { waiters.append($0) }
  }

  func leave() {
    guard waiters.isEmpty else { return waiters.removeFirst().resume() }
    isTaken = false
  }
}
