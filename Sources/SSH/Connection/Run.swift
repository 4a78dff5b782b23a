/// What a command reads on its standard input.
public enum CommandInput: Sendable {
  /// Nothing: it finds the end at once.
  case none
  /// These bytes.
  case bytes([UInt8])
  /// What the closure gives, until it gives nil: a large file in fixed memory. It isn't called on the
  /// reactor's thread, so it may block for a short while, as a read from a disk does.
  case pull(@Sendable () async throws -> [UInt8]?)
}

extension SSHConnection {
  /// Runs a command from its start to its exit, writing its input while reading its output.
  ///
  ///     let status = try await connection.run("sh", stdin: .bytes(script), limits: limits) { chunk in
  ///       parser.take(chunk)
  ///     }
  ///
  /// When the task is cancelled, or a limit is passed, the command is let go of (see ``SSHCommand/close()``)
  /// and the connection stays usable. A command that leaves a process behind which holds its output open ends
  /// with that process, or at the deadline.
  ///
  /// - Parameters:
  ///   - command: What the user's login shell runs on the host.
  ///   - stdin: What the command reads.
  ///   - limits: How long it may take.
  ///   - onTerminal: Whether it has a terminal, which echoes and changes nothing.
  ///   - output: Is given the output as it comes. It is called on the thread that serves all connections, and
  ///     no further output is read until it returns.
  /// - Returns: How the command ended.
  public nonisolated func run(
    _ command: String, stdin: CommandInput = .none, limits: CommandLimits, onTerminal: Bool = false,
    output: @escaping @Sendable (OutputChunk) async -> Void = { _ in }
  ) async throws(SSHError) -> ExitStatus {
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await runIsolated(command, stdin, limits, onTerminal, output)
    }
  }

  private func runIsolated(
    _ command: String, _ stdin: CommandInput, _ limits: CommandLimits, _ onTerminal: Bool,
    _ output: @Sendable (OutputChunk) async -> Void
  ) async throws(SSHError) -> ExitStatus {
    let id = try await begin(command, limits, onTerminal: onTerminal)
    guard let channel = channels[id] else { throw SSHError(.closed, target, "the command was closed") }
    do throws(SSHError) {
      let status = try await withScope(parent: channel.scope) { scope throws(SSHError) in
        try await converse(channel, scope, stdin, output)
      }
      await release(channel)
      return status
    } catch {
      await release(channel)
      throw error
    }
  }

  /// Feeds the command while it is read from, until it has ended.
  private func converse(
    _ channel: Channel, _ scope: Scope, _ stdin: CommandInput,
    _ output: @Sendable (OutputChunk) async -> Void
  ) async throws(SSHError) -> ExitStatus {
    let id = channel.id
    let result = await withTaskGroup(of: Void.self) { group -> Result<ExitStatus, SSHError> in
      group.addTask { await self.feed(stdin, id) }
      // What the command has not read no longer matters once it is over, and nobody waits for more of it.
      defer { group.cancelAll() }
      do throws(SSHError) {
        while let chunk = try await readOutput(channel, scope) { await output(chunk) }
        let status = try await awaitExit(channel, scope)
        if let failure = channel.scope.failure, failure.kind == .inputFailed { throw failure }
        channel.scope.end(SSHError(.closed, target, "the command has ended"))
        wake()
        return .success(status)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Writes all of the input and ends it. An input that can't be had ends the command.
  private func feed(_ input: CommandInput, _ id: Int) async {
    do throws(SSHError) {
      switch input {
      case .none: break
      case .bytes(let bytes): _ = try await write(bytes, to: id)
      case .pull(let pull):
        while let bytes = try await next(pull) {
          guard try await write(bytes, to: id) else { return }
        }
      }
      try await closeInput(of: id)
    } catch {
      guard error.kind == .inputFailed, let channel = channels[id] else { return }
      channel.scope.end(error)
      wake()
    }
  }

  private func next(_ pull: @Sendable () async throws -> [UInt8]?) async throws(SSHError) -> [UInt8]? {
    do {
      return try await withTaskExecutorPreference(globalConcurrentExecutor) { try await pull() }
    } catch {
      throw SSHError(.inputFailed, target, "the command's input can't be read: \(error)")
    }
  }
}
