public import MartletCore
public import MartletEngine
internal import MartletTransports

/// A transport to this machine's own shell: the programs that a host would run, run for real, without a host.
///
///     let transport = ShellTransport(shell: ["dash"], state: temporaryFolder.path)
///
/// What Martlet keeps on a host goes to `state`, so that a test leaves nothing of it on the machine.
public struct ShellTransport: Transport {
  private let transport: LocalTransport
  private let noise: String
  private let log: ExchangeLog?

  /// - Parameters:
  ///   - shell: The program that takes the part of the login shell, with its first arguments.
  ///   - state: The folder for what is kept between runs.
  ///   - noise: What the login shell prints before it runs a command, as from a careless `.bashrc`.
  ///   - log: Takes down everything that is sent.
  public init(shell: [String] = ["sh"], state: String, noise: String = "", log: ExchangeLog? = nil) {
    transport = LocalTransport(shell: shell, adding: ["MARTLET_STATE": state])
    self.noise = noise
    self.log = log
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    ShellSession(session: try await transport.connect(to: host), noise: noise, log: log)
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
  let session: any TransportSession
  let noise: String
  let log: ExchangeLog?

  func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws -> ExitStatus {
    let prefix = noise.isEmpty ? "" : "printf %s \(Shell.quote(noise)); "
    let exchange = log.map { LoggedExchange(exchange, $0) } ?? exchange
    return try await session.run(prefix + command, exchange: exchange, deadline: deadline)
  }

  func close() async { await session.close() }
}

/// Takes down what an exchange sends.
private final class LoggedExchange: ExchangeHandler {
  private let exchange: any ExchangeHandler
  private let log: ExchangeLog

  init(_ exchange: any ExchangeHandler, _ log: ExchangeLog) {
    self.exchange = exchange
    self.log = log
  }

  func input() async throws -> [UInt8]? {
    let bytes = try await exchange.input()
    if let bytes { await log.add(String(decoding: bytes, as: UTF8.self)) }
    return bytes
  }

  func output(_ bytes: [UInt8]) { exchange.output(bytes) }
  func errorOutput(_ bytes: [UInt8]) { exchange.errorOutput(bytes) }
}
