import CLibSSH2

/// How a remote command ended.
public enum ExitStatus: Sendable, Equatable {
  /// It exited. A server that closes the channel without telling a status counts as 0: libssh2 doesn't tell
  /// the two apart.
  case code(Int32)
  /// A signal killed it; the name is without SIG, as in `KILL`.
  case signal(String)
}

/// Some of a command's output.
public struct OutputChunk: Sendable, Equatable {
  /// Which of the two outputs.
  public enum Stream: Sendable {
    /// Standard output.
    case stdout
    /// Standard error.
    case stderr
  }

  /// Which of the two outputs it is from. The order between the two isn't kept.
  public var stream: Stream
  /// At most 32 KB, or an eighth of the command's window up to 256 KB.
  public var bytes: [UInt8]
}

/// The limits of one command.
public struct CommandLimits: Sendable {
  /// How long the command may take in all, from the request to its exit.
  public var timeout: Duration
  /// How long it may go without any byte in or out; nil: as long as `timeout`.
  public var idleTimeout: Duration?
  /// How many bytes of output the server may send ahead of the reader. So much memory may be held for each
  /// command that runs, and at a round trip of 50 ms it sets the speed: 256 KB give 9 MB/s.
  public var window: Int

  /// Limits.
  ///
  /// - Parameters:
  ///   - timeout: How long the command may take in all.
  ///   - idleTimeout: How long it may go without any byte in or out.
  ///   - window: How many bytes of output the server may send ahead of the reader.
  public init(timeout: Duration, idleTimeout: Duration? = nil, window: Int = 256 << 10) {
    self.timeout = timeout
    self.idleTimeout = idleTimeout
    self.window = window
  }
}

/// A command that runs on the host, for talking back and forth with it.
///
///     let command = try await connection.start("sudo -S sh", limits: CommandLimits(timeout: .seconds(60)))
///     try await command.write(password)
///     while let chunk = try await command.read() { … }
///     let status = try await command.waitForExit()
///
/// Reading and writing may be done at once, from two tasks; and must be, where the command may answer before
/// it has read all. Nothing is read ahead but the window, so a slow reader slows the command down.
public final class SSHCommand: Sendable {
  private let connection: SSHConnection
  private let id: Int

  fileprivate init(_ connection: SSHConnection, _ id: Int) {
    self.connection = connection
    self.id = id
  }

  deinit {
    let (connection, id) = (connection, id)
    Reactor.shared.perform { connection.assumeIsolated { $0.abandon(id) } }
  }

  /// Sends bytes to the command's standard input, and returns when they have been handed to the network.
  ///
  /// - Returns: False where the command has ended, so that nothing reads them any more.
  @discardableResult
  public func write(_ bytes: [UInt8]) async throws(SSHError) -> Bool {
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await connection.write(bytes, to: id)
    }
  }

  /// Ends the command's standard input.
  public func closeInput() async throws(SSHError) {
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await connection.closeInput(of: id)
    }
  }

  /// The next output; nil when both outputs have ended.
  public func read() async throws(SSHError) -> OutputChunk? {
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await connection.read(from: id)
    }
  }

  /// Waits for the command's end. Read the output first, or what doesn't fit into the window keeps the
  /// command from ending. The command is closed then.
  public func waitForExit() async throws(SSHError) -> ExitStatus {
    try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await connection.waitForExit(of: id)
    }
  }

  /// Lets go of the command: its input ends, and its output is thrown away. It isn't killed; SSH has no sure
  /// way to do that. Does nothing after ``waitForExit()``.
  public func close() async { await connection.closeCommand(id) }
}

extension SSHConnection {
  /// Starts a command, for talking back and forth with it.
  ///
  /// - Parameters:
  ///   - command: What the user's login shell runs on the host.
  ///   - limits: How long it may take.
  public nonisolated func start(_ command: String, limits: CommandLimits) async throws(SSHError) -> SSHCommand
  {
    let id = try await withTaskExecutorPreference(Reactor.shared) { () async throws(SSHError) in
      try await begin(command, limits)
    }
    return SSHCommand(self, id)
  }

  func begin(_ command: String, _ limits: CommandLimits, onTerminal: Bool = false) async throws(SSHError)
    -> Int
  {
    let start = ContinuousClock.now
    if let failure { throw failure }
    return try await withScope(timeout: limits.timeout) { scope throws(SSHError) in
      let channel = try await openChannel(scope, window: limits.window)
      do throws(SSHError) {
        if onTerminal { try await requestTerminal(channel, scope) }
        try await startCommand(command, channel, scope)
        try check(scope)
      } catch {
        await release(channel)
        throw error
      }
      limit(channel, limits, since: start)
      return channel.id
    }
  }

  private func limit(_ channel: Channel, _ limits: CommandLimits, since start: ContinuousClock.Instant) {
    let id = channel.id
    let timer = Reactor.shared.schedule(at: start + limits.timeout) { [weak self] in
      self?.assumeIsolated { connection in
        guard let channel = connection.channels[id] else { return }
        channel.scope.end(connection.timeOutError(.running, after: limits.timeout))
        connection.wake()
      }
    }
    channel.scope.add(timer: timer)
    if let idle = limits.idleTimeout { watchIdle(id, idle) }
  }

  /// Looks at the time of the last byte when the limit may have passed, instead of setting a timer a byte.
  private func watchIdle(_ id: Int, _ limit: Duration) {
    guard let channel = channels[id], channel.scope.failure == nil else { return }
    if ContinuousClock.now - channel.lastActivity >= limit {
      channel.scope.end(
        SSHError(.idle, target, "the command has neither read nor written anything for \(limit.inSeconds)"))
      wake()
      return
    }
    let timer = Reactor.shared.schedule(at: channel.lastActivity + limit) { [weak self] in
      self?.assumeIsolated { $0.watchIdle(id, limit) }
    }
    channel.scope.add(timer: timer)
  }

  private func channel(_ id: Int) throws(SSHError) -> Channel {
    if let failure { throw failure }
    guard let channel = channels[id] else { throw SSHError(.closed, target, "the command was closed") }
    return channel
  }

  func write(_ bytes: [UInt8], to id: Int) async throws(SSHError) -> Bool {
    let channel = try channel(id)
    return try await withScope(parent: channel.scope) { scope throws(SSHError) in
      var rest = bytes[...]
      while !rest.isEmpty {
        guard let count = try await writeInput(rest, channel, scope) else { return false }
        rest = rest.dropFirst(count)
      }
      return true
    }
  }

  func closeInput(of id: Int) async throws(SSHError) {
    let channel = try channel(id)
    try await withScope(parent: channel.scope) { scope throws(SSHError) in try await endInput(channel, scope)
    }
  }

  func read(from id: Int) async throws(SSHError) -> OutputChunk? {
    let channel = try channel(id)
    return try await withScope(parent: channel.scope) { scope throws(SSHError) in
      try await readOutput(channel, scope)
    }
  }

  func waitForExit(of id: Int) async throws(SSHError) -> ExitStatus {
    let channel = try channel(id)
    return try await withScope(parent: channel.scope) { scope throws(SSHError) in
      let status = try await awaitExit(channel, scope)
      await release(channel)
      return status
    }
  }

  func closeCommand(_ id: Int) async {
    if let channel = channels[id] { await release(channel) }
  }

  func abandon(_ id: Int) {
    guard channels[id] != nil else { return }
    Task(executorPreference: Reactor.shared) { await self.closeCommand(id) }
  }
}
