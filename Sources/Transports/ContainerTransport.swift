public import MartletCore
public import MartletEngine

/// A container that runs on this machine, or where its client program is set up to find it, as a host.
///
/// A command is `docker exec -i NAME /bin/sh -c COMMAND`, in the home folder. The name is the host's address, the
/// user the host's (`--user`); without one it is the container's own. The client is a process for each command.
///
/// What `docker exec` can't tell is different from SSH: a command that a signal ended has the exit status 128 and
/// the signal's number, as a shell has it. One that is let go of at a deadline goes on in the container, without
/// input.
public struct ContainerTransport: Transport {
  private let engine: ContainerEngine
  private let client: [String]

  /// - Parameters:
  ///   - engine: Whose container it is.
  ///   - client: The client program and options that stand before its subcommand, as
  ///     `["docker", "--context", "build"]`; nil: the engine's own name.
  public init(_ engine: ContainerEngine, client: [String]? = nil) {
    self.engine = engine
    self.client = client ?? [engine.rawValue]
  }

  /// How long the client may take to say whether a container runs.
  private static let patience = Duration.seconds(20)

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    let session = ContainerSession(
      engine: engine, client: client, name: host.connection.address, user: host.connection.user)
    try await session.check()
    return session
  }

  fileprivate struct ContainerSession: TransportSession {
    let engine: ContainerEngine
    let client: [String]
    let name: String
    let user: String?

    func run(
      _ command: String, exchange: any ExchangeHandler, deadline: Duration
    ) async throws -> ExitStatus {
      var words = ["exec", "-i"]
      if let user { words += ["--user", user] }
      // As after a login: in the home folder. It is HOME's, because the working folder is the image's.
      words += [name, "/bin/sh", "-c", #"cd "${HOME:-/}" 2>/dev/null || cd /; exec /bin/sh -c "$1""#, "sh"]
      let status = try await program(words + [command]).run(exchange, deadline: deadline)
      // The client has no status of its own that a command couldn't have too.
      if status != .code(0) { try await check() }
      return status
    }

    func close() async {}

    private func program(_ words: [String]) -> LocalProgram {
      LocalProgram(
        executable: client.first ?? engine.rawValue, arguments: client.dropFirst() + words,
        isKilledWhenLeft: true)
    }

    /// Makes sure that the container runs.
    ///
    /// - Throws: ``TransportError`` with what is wrong and what to do.
    func check() async throws {
      let said = Collector()
      let inspection = ["container", "inspect", "--format", "{{.State.Running}}", name]
      let status: ExitStatus
      do {
        status = try await program(inspection).run(said, deadline: ContainerTransport.patience)
      } catch let error as TransportError {
        throw TransportError("\(name): can't ask \(engine.rawValue) for the container: \(error)")
      }
      switch (status, said.output.trimmed) {
      case (.code(0), "true"): return
      case (.code(0), _):
        throw TransportError(
          "\(name): the container does not run; `\(client.joined(separator: " ")) start \(name)` starts it")
      default:
        let reason = said.errors.trimmed
        throw TransportError("\(name): \(reason.isEmpty ? "\(engine.rawValue) does not answer" : reason)")
      }
    }
  }
}
