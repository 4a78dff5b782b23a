internal import MartletEngine
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// A master `ssh` that has logged in.
final class OpenSSHMaster: Sendable {
  let place: OpenSSHPlace
  let folder: ControlFolder
  /// As long as it is open the master stays; when this process ends, however it does, the master soon ends too.
  private let connection: MuxConnection
  private let process: UInt32
  private let isClosed = Atomic<Bool>(false)

  /// - Returns: Nil if there is no master that uses the folder.
  init?(_ place: OpenSSHPlace, _ folder: ControlFolder) async {
    guard let connection = await MuxConnection.open(folder.socket), let process = await connection.process()
    else { return nil }
    self.place = place
    self.folder = folder
    self.connection = connection
    self.process = process
  }

  /// Another connection to it; nil if it is gone.
  func connect() async -> MuxConnection? {
    isClosed.load(ordering: .relaxed) ? nil : await MuxConnection.open(folder.socket)
  }

  /// Whether it still carries what was asked of it.
  func isAlive() async -> Bool { await connect()?.process() == process }

  /// Returns when it has ended, or the task is cancelled.
  func waitUntilEnded() async {
    guard let watch = await connect() else { return }
    while await watch.receive() != nil {}
  }

  /// Ends it with all that it carries, also where the task is cancelled.
  func close() async {
    guard !isClosed.exchange(true, ordering: .relaxed) else { return }
    await Task { await end() }.value
  }

  private func end() async {
    let isEnded = (try? await place.withLimit(.seconds(1)) { await self.connection.endMaster() }) != nil
    if !isEnded, let again = await MuxConnection.open(folder.socket), await again.process() == process {
      kill(pid_t(process), SIGKILL)
    }
    connection.close()
    folder.remove()
  }

  /// Why it doesn't answer.
  func lost() throws -> TransportError {
    try Task.checkCancellation()
    if isClosed.load(ordering: .relaxed) { return TransportError("\(place): the session was closed") }
    return TransportError("\(place): the connection is lost\(folder.complaint)")
  }
}

extension OpenSSHMaster {
  /// That it said what no version that is known says.
  var isUnknown: TransportError {
    TransportError("\(place): ssh's master answers in a way that isn't known: its version is too new")
  }
}

extension OpenSSHPlace {
  /// Does something for so long, and no longer.
  func withLimit<T: Sendable>(
    _ limit: Duration, _ body: @escaping @Sendable () async throws -> T
  ) async throws -> T {
    try await withThrowingTaskGroup(of: T.self) { group in
      defer { group.cancelAll() }
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: limit)
        throw TransportError("\(self): no answer within \(limit.inSeconds)")
      }
      guard let result = try await group.next() else { throw CancellationError() }
      try Task.checkCancellation()
      return result
    }
  }
}
