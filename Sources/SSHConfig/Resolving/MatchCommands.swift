import Subprocess

#if canImport(System)
  import System
#else
  import SystemPackage
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Runs the commands of `Match exec`, each once.
///
/// ssh_config(5): "The exec keyword executes the specified command under the user's shell. If the command returns a
/// zero exit status then the condition is considered true."
///
/// `ssh` asks anew for every connection; here a command whose text, tokens replaced, is the same for several hosts is
/// asked once for all of them, and few run at the same time: a thousand hosts aren't a thousand shells.
actor MatchCommands {
  private let environment: [String: String]
  private let deadline: Duration
  private var results: [String: Task<Bool, any Error>] = [:]
  private var running = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []
  private static let mostAtOnce = 8

  init(environment: [String: String], deadline: Duration) {
    self.environment = environment
    self.deadline = deadline
  }

  /// Whether the command ends with status 0.
  func succeeds(_ command: String, at origin: ConfigOrigin) async throws(SSHConfigError) -> Bool {
    let task = results[command] ?? Task { try await run(command, at: origin) }
    results[command] = task
    do {
      return try await task.value
    } catch let error as SSHConfigError {
      throw error
    } catch {
      throw SSHConfigError("Match exec \"\(command)\" can't be run: \(error)", at: origin)
    }
  }

  private func run(_ command: String, at origin: ConfigOrigin) async throws -> Bool {
    let shell = environment["SHELL"] ?? "/bin/sh"
    guard access(shell, X_OK) == 0 else {
      throw SSHConfigError("Match exec needs a shell, but SHELL is \(shell), which can't be run", at: origin)
    }
    if running >= Self.mostAtOnce {
      await withCheckedContinuation { waiting.append($0) }
    } else {
      running += 1
    }
    defer {
      if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
    }
    switch try await status(shell, command, at: origin) {
    case .exited(let code): return code == 0
    case .signaled(let signal):
      throw SSHConfigError("Match exec \"\(command)\" was ended by signal \(signal)", at: origin)
    }
  }

  private func status(
    _ shell: String, _ command: String, at origin: ConfigOrigin
  ) async throws -> TerminationStatus {
    let environment = environment
    let deadline = deadline
    return try await withThrowingTaskGroup(of: TerminationStatus?.self) { group in
      group.addTask {
        var options = PlatformOptions()
        // Its own group, so that at the deadline what it has started ends too.
        options.processGroupID = 0
        options.teardownSequence = [
          .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)
        ]
        let variables = Dictionary(
          uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
        return try await Subprocess.run(
          .path(FilePath(shell)), arguments: ["-c", command], environment: .custom(variables),
          platformOptions: options, input: .none, output: .discarded, error: .discarded
        ).terminationStatus
      }
      group.addTask {
        try await Task.sleep(for: deadline)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let status = first else {
        throw SSHConfigError(
          "Match exec \"\(command)\" has not ended in \(deadline.components.seconds) s: it must be quick",
          at: origin)
      }
      return status
    }
  }
}
