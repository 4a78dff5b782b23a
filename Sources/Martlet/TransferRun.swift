internal import MartletCore
package import MartletEngine
internal import MartletReports
internal import MartletTransfer
internal import MartletTransports
internal import Synchronization

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// `martlet get` and `martlet put`: one thing to or from one or more hosts.
package struct TransferRun: Sendable {
  /// Which way things go.
  package enum Direction: Sendable {
    /// From hosts to this machine.
    case get
    /// From this machine to hosts.
    case put
  }

  private let direction: Direction
  private let hosts: [InventoryHost]
  /// Whether each host gets a folder of its own here.
  private let isPattern: Bool
  private let remote: HostPath
  private let local: String
  private let arguments: TransferArguments
  private let transport: any Transport
  private let line: ProgressLine
  private let isLive: Bool
  private let running = Running()

  /// - Parameters:
  ///   - remote: `HOST:PATH`; the host may be a pattern of the inventory.
  ///   - local: The path here.
  ///   - transport: How hosts are reached; nil for as `martlet apply` reaches them.
  /// - Throws: What is wrong with the command line or the inventory.
  package init(
    _ direction: Direction, remote: String, local: String, _ arguments: TransferArguments,
    transport: (any Transport)? = nil
  ) throws {
    let place = try RemoteArgument(remote)
    let inventory = try HostArgument.inventory(arguments.connection.inventories) {
      StandardError.tell("warning: \($0)")
    }
    var (hosts, isPattern) = try HostArgument.hosts(place.host, in: inventory)
    guard !hosts.isEmpty else { throw InventoryError("\"\(place.host)\" leaves no host") }
    for name in hosts.map(\.name) where isPattern && direction == .get {
      if name.contains("/") || name == "." || name == ".." {
        throw InventoryError("the host \(name) can't have a folder of its name")
      }
    }
    let terminal = Terminal.standardOutput(environment: ProcessInfo.processInfo.environment)
    let line = ProgressLine(on: terminal, output: .standardOutput)
    running.watch(clearing: line)
    let password = try arguments.connection.askPassword()
    let becomePassword = try arguments.become.askPassword(otherwise: password)
    for index in hosts.indices {
      arguments.connection.apply(to: &hosts[index], password: password)
      arguments.become.apply(to: &hosts[index], password: becomePassword)
    }
    for host in hosts {
      let become = Become(host, play: .login).password?.problem.map {
        "the password to become another user: \($0)"
      }
      if let problem = host.connection.passwordProblem ?? become {
        throw InventoryError("\(host.name): \(problem)")
      }
    }
    self.direction = direction
    self.hosts = hosts
    self.isPattern = isPattern
    self.remote = place.path
    self.local = local
    self.arguments = arguments
    self.line = line
    isLive = terminal != nil
    self.transport =
      transport
      ?? arguments.connection.hostTransport(whileAsking: { line.pause($0) })
  }

  /// What the first signal cancels.
  private final class Running: Sendable {
    let task = Mutex<Task<[Outcome], any Error>?>(nil)

    func watch(clearing line: ProgressLine) {
      Interruption.watch { [self] in
        guard let task = task.withLock({ $0 }) else { Interruption.endBeforeAnythingRuns() }
        task.cancel()
      } last: {
        line.clear()
      }
    }
  }

  private struct Outcome: Sendable {
    enum Kind: Sendable { case done, failed, unreachable, cancelled }
    let kind: Kind
    let line: String
  }

  /// Carries it out and says how it went.
  ///
  /// - Returns: The exit code: 0; 1 if a transfer failed; 4 if a host could not be reached; 64 if ssh's
  ///   configuration keeps all from beginning; 130 if interrupted.
  package func perform() async -> Int32 {
    let board = TransferBoard(hosts.map(\.name))
    let task = Task { try await transferAll(board) }
    running.task.withLock { $0 = task }
    let drawing = Task { [isVerbose = arguments.verbose] in
      while !Task.isCancelled {
        try await Task.sleep(for: isLive ? .milliseconds(200) : .seconds(5))
        guard board.hasBegun else { continue }
        if isLive { line.draw(board.line) } else if isVerbose { line.print(board.line) }
      }
    }
    let result = await task.result
    drawing.cancel()
    line.clear()
    switch result {
    case .success(let outcomes):
      let kinds = outcomes.map(\.kind)
      if kinds.contains(.cancelled) { return 130 }
      return kinds.contains(.failed) ? 1 : kinds.contains(.unreachable) ? 4 : 0
    case .failure(let error):
      if task.isCancelled || error is CancellationError { return 130 }
      tell("error: \(error)")
      return 64
    }
  }

  /// - Throws: What the transport found before it came to any host.
  private func transferAll(_ board: TransferBoard) async throws -> [Outcome] {
    // It may ask a question.
    for notice in try await transport.prepare(for: hosts) where arguments.verbose || !notice.verboseOnly {
      tell("warning: \(notice.host.map { "\($0): " } ?? "")\(notice.message)")
    }
    return await withTaskGroup(of: Outcome.self) { group in
      var outcomes: [Outcome] = []
      for (index, host) in hosts.enumerated() {
        if index >= arguments.forks, let outcome = await group.next() { outcomes.append(outcome) }
        group.addTask {
          let outcome = await transfer(host, board.begin(index))
          board.end(index)
          switch outcome.kind {
          case .done: line.print(DisplayText.line(KnownSecrets.process.redact(outcome.line)))
          default: tell("error: \(outcome.line)")
          }
          return outcome
        }
      }
      for await outcome in group { outcomes.append(outcome) }
      return outcomes
    }
  }

  private func tell(_ text: String) {
    line.clear()
    StandardError.tell(DisplayText.line(text))
  }

  private func transfer(_ host: InventoryHost, _ meter: TransferMeter) async -> Outcome {
    let session: any TransportSession
    do {
      try Task.checkCancellation()
      session = try await transport.connect(to: host)
    } catch {
      return Task.isCancelled || error is CancellationError
        ? Outcome(kind: .cancelled, line: "\(host.name): interrupted")
        : Outcome(kind: .unreachable, line: "\(host.name): \(error)")
    }
    let outcome = await copy(host, meter, session)
    // A session also has things to take away when all is interrupted.
    await Task { await session.close() }.value
    return outcome
  }

  private func copy(
    _ host: InventoryHost, _ meter: TransferMeter, _ session: any TransportSession
  ) async -> Outcome {
    let start = ContinuousClock.now
    do {
      let target = try localPath(for: host)
      var host = host
      host.connection.user = session.user ?? host.connection.user
      var options = arguments.transferOptions
      let user = UserSession(session, Become(host, play: .login))
      options.startLimit = user.startLimit
      let transfer = FileTransfer(user, options: options, meter: meter)
      let summary =
        switch direction {
        case .get: try await transfer.get(remote, to: target)
        case .put: try await transfer.put(local, to: remote)
        }
      return Outcome(kind: .done, line: doneLine(host, target, summary, start.duration(to: .now)))
    } catch {
      if Task.isCancelled || error is CancellationError {
        return Outcome(kind: .cancelled, line: "\(host.name): interrupted")
      }
      let place = error is TransferError ? "\(host.name):\(remote)" : host.name
      return Outcome(kind: .failed, line: "\(place): \(error)")
    }
  }

  /// Where the things of a host go here; the folder of each of several hosts is made.
  private func localPath(for host: InventoryHost) throws -> String {
    guard direction == .get, isPattern else { return local }
    let folder = (local.hasSuffix("/") ? local : local + "/") + host.name
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TransferError("the folder \(folder) can't be made on this machine")
    }
    return folder + "/"
  }

  private func doneLine(
    _ host: InventoryHost, _ target: String, _ summary: TransferSummary, _ time: Duration
  ) -> String {
    let seconds = max(time / Duration.seconds(1), 0.001)
    let what = summary.files == 1 ? "" : "\(summary.files) files, "
    let resumed = summary.resumedAt > 0 ? " (after \(Amount.bytes(summary.resumedAt)) of before)" : ""
    let check =
      switch summary.verification {
      case .sha256: ", sha256 verified"
      case .cksum: ", cksum verified"
      case .none: arguments.verify ? ", not verified: the host can't make a sum of a folder" : ""
      }
    let route =
      switch direction {
      case .get: "\(host.name):\(remote) -> \(target)"
      case .put: "\(local) -> \(host.name):\(remote)"
      }
    let rate = Amount.bytes(Int(Double(summary.bytes) / seconds))
    let amount =
      "\(what)\(Amount.bytes(summary.bytes))\(resumed) in \(Amount.time(time)), \(rate)/s\(check)"
    return ([route + "  " + amount] + summary.warnings.map { "; warning: \($0)" }).joined()
  }
}
