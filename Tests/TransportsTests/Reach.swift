import Foundation
import MartletCore
import MartletEngine
import MartletTesting
import MartletTransports
import Synchronization
import TestSupport

/// A transport to this machine, ready to be tried.
final class Reach: Sendable {
  enum Way: String, CaseIterable, Sendable {
    case shell, ssh, openssh, local, podman, docker

    /// What can be tried here.
    static let all = allCases.filter { way in
      guard let engine = way.engine else { return true }
      return (try? ContainerBench.shared.get())?.clients[engine] != nil
    }
    /// Those with an sshd at the other end.
    static let overSSH = [Way.ssh, .openssh]

    var engine: ContainerEngine? {
      switch self {
      case .podman: .podman
      case .docker: .docker
      case .shell, .ssh, .openssh, .local: nil
      }
    }

    var isContainer: Bool { engine != nil }

    /// How a command is said to have ended that this signal has ended.
    func ending(by signal: String, number: Int32) -> ExitStatus {
      switch self {
      case .shell, .local, .ssh: .signal(signal)
      case .openssh: .signal(OpenSSHTransport.unnamedSignal)
      case .podman, .docker: .code(128 + number)
      }
    }
  }

  /// The sshd at the other end, where there is one.
  let server: LoopbackServer?
  private let transport: any Transport
  private let host: InventoryHost
  private let files: TemporaryFolder

  /// - Parameter options: Further lines of sshd_config, where there is an sshd.
  init(_ way: Way, options: [String] = []) throws {
    files = try TemporaryFolder()
    var host = InventoryHost(name: "here")
    var server: LoopbackServer?
    switch way {
    case .shell: transport = ShellTransport(state: files.path)
    case .local: transport = LocalTransport()
    case .ssh, .openssh:
      let there = try LoopbackServer(options: options)
      host.connection.address = there.address
      host.connection.port = there.port
      host.connection.user = currentUser
      host.connection.keys = [there.path("id")]
      host.connection.knownHosts = [there.path("known_hosts")]
      server = there
      transport = way == .ssh ? SSHTransport(configuration: "none") : OpenSSHTransport(configuration: "none")
    case .podman, .docker:
      let bench = try ContainerBench.shared.get()
      host.connection.address = bench.container
      let engine: ContainerEngine = way == .podman ? .podman : .docker
      guard let client = bench.clients[engine] else { throw TestFailure("there is no \(engine) here") }
      transport = ContainerTransport(engine, client: client)
    }
    self.server = server
    self.host = host
  }

  /// - Parameter port: Another port than the server's own.
  func connect(port: Int? = nil) async throws -> any TransportSession {
    var host = host
    if let port { host.connection.port = port }
    return Kept(session: try await transport.connect(to: host), reach: self)
  }

  /// A session whose server stays as long as it does.
  private struct Kept: TransportSession {
    let session: any TransportSession
    let reach: Reach

    var offersTerminals: Bool { session.offersTerminals }

    func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws -> ExitStatus
    {
      try await session.run(command, exchange: exchange, deadline: deadline)
    }

    func close() async { await session.close() }
  }

  /// Bytes that don't repeat with the size of a packet, in a file that both ends can read.
  func sample(_ count: Int) throws -> (path: String, bytes: [UInt8]) {
    let part = (0..<65_537).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += part }
    bytes.removeLast(bytes.count - count)
    let path = files.path + "/sample"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return (path, bytes)
  }
}

/// One command and what was said to it and by it.
final class Talk: ExchangeHandler {
  private struct State {
    var output: [UInt8] = []
    var errors: [UInt8] = []
    var inputs = 0
  }

  private let state = Mutex(State())
  private let next: @Sendable (Talk, Int) async throws -> [UInt8]?
  let wantsTerminal: Bool

  /// - Parameters:
  ///   - onTerminal: Whether the command wants a terminal.
  ///   - next: The piece of input with this number, from 0; nil for the end. It may look at the output so far, and
  ///     wait for it.
  init(
    onTerminal: Bool = false,
    _ next: @escaping @Sendable (Talk, Int) async throws -> [UInt8]? = { _, _ in nil }
  ) {
    wantsTerminal = onTerminal
    self.next = next
  }

  /// A command whose input is this, in pieces of a fixed size.
  convenience init(sending bytes: [UInt8], inPiecesOf size: Int) {
    self.init { _, number in
      let start = number * size
      return start < bytes.count ? Array(bytes[start..<min(start + size, bytes.count)]) : nil
    }
  }

  func input() async throws -> [UInt8]? {
    let number = state.withLock { state in
      state.inputs += 1
      return state.inputs - 1
    }
    return try await next(self, number)
  }

  func output(_ bytes: [UInt8]) { state.withLock { $0.output += bytes } }
  func errorOutput(_ bytes: [UInt8]) { state.withLock { $0.errors += bytes } }

  var bytes: [UInt8] { state.withLock { $0.output } }
  var text: String { String(decoding: bytes, as: UTF8.self) }
  var errors: String { String(decoding: state.withLock { $0.errors }, as: UTF8.self) }
  /// How often input was asked for.
  var inputs: Int { state.withLock { $0.inputs } }

  /// Waits until the command has said something.
  func hears(_ said: String) async throws {
    while !text.contains(said), !errors.contains(said) { try await Task.sleep(for: .milliseconds(5)) }
  }
}

extension TransportSession {
  /// Runs a command that has no hurry.
  func run(_ command: String, _ talk: Talk = Talk()) async throws -> ExitStatus {
    try await run(command, exchange: talk, deadline: .seconds(60))
  }
}

/// The error that a call ends with, and how long it took.
func failure(_ body: () async throws -> Void) async throws -> (error: any Error, after: Duration) {
  let start = ContinuousClock.now
  do {
    try await body()
  } catch {
    return (error, start.duration(to: .now))
  }
  throw TestFailure("no error was thrown")
}
