internal import MartletEngine

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A session over a master `ssh`.
final class OpenSSHSession: TransportSession {
  private let master: OpenSSHMaster

  let user: String?
  let forwardsAgent: Bool
  let offersTerminals = true

  init(_ master: OpenSSHMaster, user: String?, forwardsAgent: Bool) {
    self.master = master
    self.user = user
    self.forwardsAgent = forwardsAgent
  }

  func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws
    -> MartletEngine.ExitStatus
  {
    let start = ContinuousClock.now
    let pipes = try CommandPipes()
    let connection = try await master.place.withLimit(deadline) {
      try await self.start(command, Self.environment, pipes, onTerminal: exchange.wantsTerminal)
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
  private func start(
    _ command: String, _ environment: [String], _ pipes: CommandPipes, onTerminal: Bool = false
  ) async throws -> MuxConnection {
    guard let connection = await master.connect() else { throw try master.lost() }
    let answer = await connection.startSession(
      command, onTerminal: onTerminal, environment: environment, descriptors: pipes.commandsEnds)
    switch answer {
    case .sessionOpened: return connection
    case .refused(let reason):
      throw TransportError(
        "\(master.place): the server refuses to start a command (\(reason)); sshd's MaxSessions limits how many run at once"
      )
    case nil: throw try master.lost()
    default: throw master.isUnknown
    }
  }

  private func status(on connection: MuxConnection) async throws -> MartletEngine.ExitStatus {
    while let message = await connection.receive() {
      if case .exit(let code) = message { return .code(Int32(truncatingIfNeeded: code)) }
    }
    try Task.checkCancellation()
    // The master says nothing of a command that a signal ended, and closes the connection as when it ends itself.
    guard await master.isAlive() else { throw try master.lost() }
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

  func close() async { await master.close() }

  /// The variables of this process, of which the master sends those that `SendEnv` names: but not those of the
  /// language, in which nobody here reads.
  private static var environment: [String] {
    ProcessInfo.processInfo.environment
      .filter { $0.key != "LANG" && $0.key != "LANGUAGE" && !$0.key.hasPrefix("LC_") }
      .map { "\($0.key)=\($0.value)" }
  }
}
