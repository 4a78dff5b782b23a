internal import MartletEngine
internal import MartletSSH
internal import Synchronization

/// An exchange with a command over pipes: feeds it while both its outputs are read, until it has ended.
///
/// No more than one piece of each output is held: whoever takes it slowly slows the command down.
struct Conversation: Sendable {
  let pipes: CommandPipes
  let exchange: any ExchangeHandler
  /// How long it may still take.
  let deadline: Duration
  /// How long it might have taken altogether, for the message.
  var limit: Duration

  init(pipes: CommandPipes, exchange: any ExchangeHandler, deadline: Duration, named limit: Duration? = nil) {
    self.pipes = pipes
    self.exchange = exchange
    self.deadline = deadline
    self.limit = limit ?? deadline
  }

  private enum Event: Sendable {
    case fed
    case outputEnded
    case ended(MartletEngine.ExitStatus)
    case settled
    case tooLate
  }

  /// Carries it out, and closes the controller's ends of the pipes.
  ///
  /// - Parameters:
  ///   - status: Waits for the command's end.
  ///   - settle: Called when the command has ended while a process that it left behind still holds an output:
  ///     returns once no more is to be expected.
  /// - Throws: ``TransportError`` at the deadline or if the input can't be had, `CancellationError` if the task
  ///   is cancelled, and what `status` throws.
  func run(
    status: @escaping @Sendable () async throws -> MartletEngine.ExitStatus,
    settle: @escaping @Sendable () async throws -> Void
  ) async throws -> MartletEngine.ExitStatus {
    defer { pipes.closeNearEnds() }
    return try await withThrowingTaskGroup(of: Event.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        try await feed()
        return .fed
      }
      group.addTask {
        while let bytes = await pipes.output.read() { exchange.output(bytes) }
        return .outputEnded
      }
      group.addTask {
        while let bytes = await pipes.errors.read() { exchange.errorOutput(bytes) }
        return .outputEnded
      }
      group.addTask { .ended(try await status()) }
      group.addTask {
        try await Task.sleep(for: deadline)
        return .tooLate
      }
      var (openOutputs, status) = (2, MartletEngine.ExitStatus?.none)
      while let event = try await group.next() {
        // Cancelled waits look like the end of an output.
        try Task.checkCancellation()
        switch event {
        case .fed: break
        case .outputEnded: openOutputs -= 1
        case .ended(let how):
          status = how
          if openOutputs > 0 {
            group.addTask {
              try await settle()
              return .settled
            }
          }
        case .settled:
          pipes.output.endWithWhatIsThere()
          pipes.errors.endWithWhatIsThere()
        case .tooLate:
          throw TransportError("the command did not end within \(limit.inSeconds)")
        }
        if let status, openOutputs == 0 { return status }
      }
      throw CancellationError()
    }
  }

  /// Writes all of the input and ends it. What a command leaves unread is no failure: how it ends says enough.
  private func feed() async throws {
    do {
      while let bytes = try await exchange.input() {
        guard await pipes.input.write(bytes) else { break }
      }
    } catch  where !(error is CancellationError) {
      throw TransportError("the command's input can't be read: \(error)")
    }
    pipes.input.close()
  }
}

extension Duration {
  /// For messages: `30 s`, `0.5 s`.
  var inSeconds: String {
    let milliseconds = components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    if milliseconds % 1000 == 0 { return "\(milliseconds / 1000) s" }
    return "\(Double(milliseconds) / 1000) s"
  }
}
