public import MartletCore
public import MartletEngine
internal import Subprocess

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
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
    let prefix = noise.isEmpty ? "" : "printf %s \(Shell.quote(noise)); "
    let result = try await Subprocess.run(
      .name(shell[0]), arguments: .init(Array(shell.dropFirst()) + ["-c", prefix + command]),
      environment: .inherit.updating(["MARTLET_STATE": state]), input: .inputWriter, output: .sequence,
      error: .sequence
    ) { execution in
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          for try await buffer in execution.standardOutput { exchange.output(buffer.byteArray) }
        }
        group.addTask {
          for try await buffer in execution.standardError { exchange.errorOutput(buffer.byteArray) }
        }
        group.addTask {
          while let bytes = try await exchange.input() {
            await log?.add(String(decoding: bytes, as: UTF8.self))
            _ = try await execution.standardInputWriter.write(bytes)
          }
          try await execution.standardInputWriter.finish()
        }
        try await group.waitForAll()
      }
    }
    switch result.terminationStatus {
    case .exited(let code): return .code(code)
    case .signaled(let signal): return .signal("\(signal)")
    }
  }

  func close() async {}
}

extension SubprocessOutputSequence.Buffer {
  fileprivate var byteArray: [UInt8] { withUnsafeBytes { Array($0) } }
}
