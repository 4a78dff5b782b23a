public import MartletCore
public import MartletEngine
internal import Subprocess

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A transport to this machine's own shell: the programs that a host would run, run for real, without a host.
///
///     let transport = ShellTransport(shell: ["dash"], state: temporaryFolder.path)
///
/// What Martlet keeps on a host goes to `state`, so that a test leaves nothing of it on the machine.
public struct ShellTransport: Transport {
  private let shell: [String]
  private let state: String
  private let noise: String
  private let log: ExchangeLog?

  /// - Parameters:
  ///   - shell: The program that takes the part of the login shell, with its first arguments.
  ///   - state: The folder for what is kept between runs.
  ///   - noise: What the login shell prints before it runs a command, as from a careless `.bashrc`.
  ///   - log: Takes down everything that is sent.
  public init(shell: [String] = ["sh"], state: String, noise: String = "", log: ExchangeLog? = nil) {
    self.shell = shell
    self.state = state
    self.noise = noise
    self.log = log
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    ShellSession(shell: shell, state: state, noise: noise, log: log)
  }
}

/// What was sent to a host, exchange by exchange.
public actor ExchangeLog {
  /// The bytes of each exchange's standard input, as text.
  public private(set) var sent: [String] = []

  public init() {}

  func add(_ text: String) { sent.append(text) }
}

private struct ShellSession: TransportSession {
  let shell: [String]
  let state: String
  let noise: String
  let log: ExchangeLog?

  func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws -> ExitStatus {
    // A command may end before it has read its input. Subprocess starts children with the default handling.
    signal(SIGPIPE, SIG_IGN)
    let status = try await withThrowingTaskGroup(of: ExitStatus?.self) { group in
      group.addTask { try await start(command, exchange) }
      group.addTask {
        try await Task.sleep(for: deadline)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
    guard let status else { throw TransportError("the command did not end within \(deadline)") }
    // A cancelled program was killed, which is no answer.
    try Task.checkCancellation()
    return status
  }

  private func start(_ command: String, _ exchange: any ExchangeHandler) async throws -> ExitStatus {
    let prefix = noise.isEmpty ? "" : "printf %s \(Shell.quote(noise)); "
    let result = try await Subprocess.run(
      .name(shell[0]), arguments: .init(Array(shell.dropFirst()) + ["-c", prefix + command]),
      environment: .inherit.updating(["MARTLET_STATE": state]), input: .inputWriter, output: .sequence,
      error: .sequence
    ) { execution in
      let (output, errors) = (execution.standardOutput, execution.standardError)
      let (writer, id) = (execution.standardInputWriter, execution.processIdentifier.value)
      try await withThrowingTaskGroup(of: Bool.self) { group in
        group.addTask {
          async let copying: Void = {
            for try await part in errors { exchange.errorOutput(part.byteArray) }
          }()
          for try await part in output { exchange.output(part.byteArray) }
          try await copying
          // What closed its outputs may still read.
          while !hasEnded(id) { try await Task.sleep(for: .milliseconds(5)) }
          return true
        }
        group.addTask {
          try await feed(writer, from: exchange)
          return false
        }
        // Once the command has ended, nobody waits for what its input would have been.
        while let isOver = try await group.next(), !isOver {}
        group.cancelAll()
      }
    }
    switch result.terminationStatus {
    case .exited(let code): return .code(code)
    case .signaled(let number): return .signal(Self.signals[number] ?? "\(number)")
    }
  }

  private func feed(_ writer: StandardInputWriter, from exchange: any ExchangeHandler) async throws {
    while let bytes = try await exchange.input() {
      await log?.add(String(decoding: bytes, as: UTF8.self))
      // What a command leaves unread is no failure: how it ends says enough.
      guard let count = try? await writer.write(bytes), count == bytes.count else { return }
    }
    try? await writer.finish()
  }

  /// Whether a child has ended; its status is left for the one who collects it.
  private func hasEnded(_ id: pid_t) -> Bool {
    var info = siginfo_t()
    return waitid(P_PID, id_t(id), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_signo == SIGCHLD
  }

  /// The names of RFC 4254, section 6.10.
  private static let signals: [Int32: String] = [
    SIGABRT: "ABRT", SIGALRM: "ALRM", SIGFPE: "FPE", SIGHUP: "HUP", SIGILL: "ILL", SIGINT: "INT",
    SIGKILL: "KILL", SIGPIPE: "PIPE", SIGQUIT: "QUIT", SIGSEGV: "SEGV", SIGTERM: "TERM", SIGUSR1: "USR1",
    SIGUSR2: "USR2",
  ]

  func close() async {}
}

extension SubprocessOutputSequence.Buffer {
  fileprivate var byteArray: [UInt8] { withUnsafeBytes { Array($0) } }
}
