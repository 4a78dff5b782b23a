internal import MartletEngine
internal import MartletSSH
internal import Synchronization

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// A session over a master `ssh`.
final class OpenSSHSession: TransportSession {
  private let place: OpenSSHPlace
  private let folder: ControlFolder
  /// As long as it is open the master stays; when this process ends, however it does, the master soon ends too.
  private let master: MuxConnection
  private let process: UInt32
  private let isClosed = Atomic<Bool>(false)

  let user: String?

  init(place: OpenSSHPlace, folder: ControlFolder, master: MuxConnection, process: UInt32, user: String?) {
    self.user = user
    self.place = place
    self.folder = folder
    self.master = master
    self.process = process
  }

  func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws
    -> MartletEngine.ExitStatus
  {
    let start = ContinuousClock.now
    let pipes = try CommandPipes()
    let connection = try await withLimit(deadline) {
      try await self.start(command, Self.environment, pipes)
    }
    defer { connection.close() }
    pipes.closeFarEnds()
    let rest = deadline - start.duration(to: .now)
    return try await Conversation(pipes: pipes, exchange: exchange, deadline: rest, named: deadline).run {
      try await self.status(on: connection)
    } settle: {
      try await self.settle(pipes)
    }
  }

  /// Starts a command with the far ends of the pipes.
  private func start(_ command: String, _ environment: [String], _ pipes: CommandPipes) async throws
    -> MuxConnection
  {
    guard !isClosed.load(ordering: .relaxed) else { throw TransportError("\(place): the session was closed") }
    guard let connection = await MuxConnection.open(folder.socket) else { throw try lost() }
    let answer = await connection.startSession(
      command, environment: environment, descriptors: pipes.commandsEnds)
    switch answer {
    case .sessionOpened: return connection
    case .refused(let reason):
      throw TransportError(
        "\(place): the server refuses to start a command (\(reason)); sshd's MaxSessions limits how many run at once"
      )
    case nil: throw try lost()
    default:
      throw TransportError("\(place): ssh's master answers in a way that isn't known: its version is too new")
    }
  }

  private func status(on connection: MuxConnection) async throws -> MartletEngine.ExitStatus {
    while let message = await connection.receive() {
      if case .exit(let code) = message { return .code(Int32(truncatingIfNeeded: code)) }
    }
    try Task.checkCancellation()
    // The master says nothing of a command that a signal ended, and closes the connection as when it ends itself.
    guard let again = await MuxConnection.open(folder.socket), await again.process() != nil else {
      throw try lost()
    }
    return .signal(OpenSSHTransport.unnamedSignal)
  }

  /// Waits until nothing is to be expected from the outputs of a command that has ended.
  ///
  /// What it has written may still be on its way when its status is here. What comes over one connection comes in
  /// order; so once the outputs have been silent for a moment, and the server has answered a question that was asked
  /// after that, all has come.
  private func settle(_ pipes: CommandPipes) async throws {
    while true {
      let before = pipes.received
      try await Task.sleep(for: LocalProgram.grace)
      guard pipes.received == before, pipes.areWaitedFor else { continue }
      // To open a session takes the server's word.
      let probe = try CommandPipes()
      let connection = try? await start(":", [], probe)
      connection?.close()
      try Task.checkCancellation()
      if pipes.received == before, pipes.areWaitedFor { return }
    }
  }

  func close() async {
    guard !isClosed.exchange(true, ordering: .relaxed) else { return }
    let isEnded = (try? await withLimit(.seconds(1)) { await self.master.endMaster() }) != nil
    if !isEnded, let again = await MuxConnection.open(folder.socket), await again.process() == process {
      kill(pid_t(process), SIGKILL)
    }
    master.close()
    folder.remove()
  }

  private func lost() throws -> TransportError {
    try Task.checkCancellation()
    if isClosed.load(ordering: .relaxed) { return TransportError("\(place): the session was closed") }
    return TransportError("\(place): the connection is lost\(folder.complaint)")
  }

  private func withLimit<T: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: limit)
        throw TransportError("\(self.place): no answer within \(limit.inSeconds)")
      }
      guard let result = try await group.next() else { throw CancellationError() }
      try Task.checkCancellation()
      return result
    }
  }

  /// The variables of this process, of which the master sends those that `SendEnv` names: but not those of the
  /// language, in which nobody here reads.
  private static var environment: [String] {
    ProcessInfo.processInfo.environment
      .filter { $0.key != "LANG" && $0.key != "LANGUAGE" && !$0.key.hasPrefix("LC_") }
      .map { "\($0.key)=\($0.value)" }
  }
}
