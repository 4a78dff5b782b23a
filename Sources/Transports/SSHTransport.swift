public import MartletCore
public import MartletEngine
package import MartletSSH

/// Reaches hosts over SSH, one session a host for a whole run, with ssh's own configuration.
public struct SSHTransport: Transport {
  private let targets: SSHTargets
  /// Who is asked about the keys of unknown hosts.
  let hostKeyQuestions: (any HostKeyQuestions)?
  /// What they said.
  let confirmed = ConfirmedHostKeys()

  /// - Parameters:
  ///   - connectTimeout: How long looking up, connecting and logging in may take together, where the configuration
  ///     has no ConnectTimeout.
  ///   - configuration: The file that takes the place of `~/.ssh/config` and the system's, `none` for nothing; nil:
  ///     those.
  ///   - hostKeyQuestions: Who is asked about the keys of unknown hosts; nil: they are refused.
  public init(
    connectTimeout: Duration = .seconds(30), configuration: String? = nil,
    hostKeyQuestions: (any HostKeyQuestions)? = nil
  ) {
    self.init(
      connectTimeout: connectTimeout, configuration: configuration, hostKeyQuestions: hostKeyQuestions,
      questions: nil)
  }

  /// - Parameter questions: Who is asked for passwords and passphrases.
  package init(
    connectTimeout: Duration, configuration: String?, hostKeyQuestions: (any HostKeyQuestions)?,
    questions: (any SSHQuestions)?
  ) {
    self.hostKeyQuestions = hostKeyQuestions
    targets = SSHTargets(
      file: configuration, connectTimeout: connectTimeout, questions: questions,
      asksAboutHostKeys: hostKeyQuestions != nil)
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    let resolved = try await resolve(host)
    do throws(SSHError) {
      return try await session(resolved)
    } catch {
      throw error.forEngine
    }
  }

  func session(_ resolved: ResolvedHost) async throws(SSHError) -> any TransportSession {
    SSHSession(connection: try await SSHConnection.connect(to: resolved.target))
  }

  /// How a host is connected to.
  func resolve(_ host: InventoryHost) async throws -> ResolvedHost {
    var resolved = try await targets.resolve(host)
    confirmed.apply(to: &resolved.target)
    return resolved
  }
}

private struct SSHSession: TransportSession {
  let connection: SSHConnection

  /// Little enough for memory, and enough for a long way: at a round trip of 50 ms it lets 160 MB/s through.
  private static let bulkWindow = 8 << 20

  var user: String? { connection.target.user }
  var offersTerminals: Bool { true }

  func run(
    _ command: String, exchange: any ExchangeHandler, deadline: Duration
  ) async throws -> MartletEngine.ExitStatus {
    let pump = OutputPump(into: exchange)
    var limits = CommandLimits(timeout: deadline)
    if exchange.expectsBulk { limits.window = SSHSession.bulkWindow }
    let result = await result(of: command, exchange, limits, pump)
    await pump.finish()
    switch result {
    case .success(.code(let code)): return .code(code)
    case .success(.signal(let name)): return .signal(name)
    case .failure(let error): throw error.forEngine
    }
  }

  private func result(
    of command: String, _ exchange: any ExchangeHandler, _ limits: CommandLimits, _ pump: OutputPump
  ) async -> Result<MartletSSH.ExitStatus, SSHError> {
    do throws(SSHError) {
      let input = CommandInput.pull { try await exchange.input() }
      return .success(
        try await connection.run(
          command, stdin: input, limits: limits, onTerminal: exchange.wantsTerminal
        ) { chunk in await pump.offer(chunk) })
    } catch {
      return .failure(error)
    }
  }

  func close() async { await connection.close() }
}

extension SSHError {
  /// The same error in the engine's terms: a cancelled wait is the run's own doing, not the host's.
  var forEngine: any Error {
    if case .cancelled = kind { return CancellationError() }
    return TransportError(description)
  }
}
