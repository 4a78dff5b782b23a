internal import MartletEngine
internal import Subprocess

#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif
#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// A program of this machine that takes the part of a host's shell.
struct LocalProgram: Sendable {
  /// A path, or a name to be found in `PATH`.
  var executable: String
  var arguments: [String] = []
  /// Its whole environment; nil: this process's.
  var environment: [String: String]?
  /// The folder that it starts in; nil: this process's.
  var folder: String?
  /// Whether it is killed when nobody waits for its end any more. Otherwise it loses its input and outputs, as
  /// on a host whose connection is lost.
  var isKilledWhenLeft = false

  /// How long a process that a command leaves behind may hold the command's outputs.
  static let grace = Duration.seconds(1)

  /// Runs it in a session of its own, where no Ctrl-C of the controller's terminal reaches it.
  ///
  /// - Throws: ``TransportError`` at the deadline and if it can't be started, `CancellationError`.
  func run(_ exchange: any ExchangeHandler, deadline: Duration) async throws -> ExitStatus {
    let pipes = try CommandPipes()
    let (ends, end) = AsyncStream<Result<ExitStatus, any Error>>.makeStream()
    // A task of its own, because the process is to be collected also when nobody waits for it any more.
    let process = Task {
      do {
        end.yield(.success(try await start(pipes)))
      } catch {
        pipes.closeFarEnds()
        end.yield(.failure(error))
      }
      end.finish()
    }
    defer { if isKilledWhenLeft { process.cancel() } }
    return try await Conversation(pipes: pipes, exchange: exchange, deadline: deadline).run {
      for await result in ends { return try result.get() }
      throw CancellationError()
    } settle: {
      try await Task.sleep(for: Self.grace)
    }
  }

  private func start(_ pipes: CommandPipes) async throws -> ExitStatus {
    let ends = pipes.commandsEnds.map { FileDescriptor(rawValue: $0) }
    var options = PlatformOptions()
    options.createSession = true
    let variables = environment.map { all in
      Environment.custom(
        Dictionary(uniqueKeysWithValues: all.map { (Environment.Key(stringLiteral: $0.key), $0.value) }))
    }
    do {
      let result = try await Subprocess.run(
        executable.contains("/") ? .path(FilePath(executable)) : .name(executable),
        arguments: Arguments(arguments), environment: variables ?? .inherit,
        workingDirectory: folder.map { FilePath($0) }, platformOptions: options,
        input: .fileDescriptor(ends[0], closeAfterSpawningProcess: false),
        output: .fileDescriptor(ends[1], closeAfterSpawningProcess: false),
        error: .fileDescriptor(ends[2], closeAfterSpawningProcess: false)
      ) { _ in pipes.closeFarEnds() }
      return ExitStatus(result.terminationStatus)
    } catch let error as SubprocessError where error.code == .executableNotFound {
      throw TransportError("there is no program \(executable) on this machine")
    } catch let error as SubprocessError {
      throw TransportError("\(executable) can't be started: \(error)")
    }
  }
}

extension ExitStatus {
  init(_ status: TerminationStatus) {
    switch status {
    case .exited(let code): self = .code(code)
    case .signaled(let number): self = .signal(Self.signals[number] ?? "\(number)")
    }
  }

  /// The names of RFC 4254, section 6.10.
  private static let signals: [Int32: String] = [
    SIGABRT: "ABRT", SIGALRM: "ALRM", SIGFPE: "FPE", SIGHUP: "HUP", SIGILL: "ILL", SIGINT: "INT",
    SIGKILL: "KILL", SIGPIPE: "PIPE", SIGQUIT: "QUIT", SIGSEGV: "SEGV", SIGTERM: "TERM", SIGUSR1: "USR1",
    SIGUSR2: "USR2",
  ]
}
