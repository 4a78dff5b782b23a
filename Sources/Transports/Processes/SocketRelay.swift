internal import MartletSSH

/// Passes bytes between two sockets, both ways, at the pace of the slower one, each way by itself: who has finished
/// writing may still read.
struct SocketRelay: Sendable {
  /// Of the program that was let in here.
  let client: WatchedDescriptor
  /// What leads to the other side.
  let far: WatchedDescriptor

  private enum Event: Sendable {
    case clientEnded, farEnded, farGone
  }

  /// Returns when both ways are at their end, with both sockets closed.
  ///
  /// - Parameter isEnd: Is asked, when nothing more comes from the far side, whether that is the end of what was to
  ///   come. Where it isn't, the client is made to see an error.
  func run(isEnd: @escaping @Sendable () async -> Bool) async {
    defer {
      client.reset()
      far.close()
    }
    await withTaskGroup(of: Event.self) { group in
      defer { group.cancelAll() }
      group.addTask {
        while let bytes = await client.read() { guard await far.write(bytes) else { break } }
        return .clientEnded
      }
      group.addTask {
        while let bytes = await far.read() { guard await client.write(bytes) else { break } }
        return .farEnded
      }
      for await event in group {
        guard !Task.isCancelled else { return }
        switch event {
        case .clientEnded:
          if client.hasFailed { return }
          far.finishWriting()
        case .farEnded:
          // Otherwise it is the client that takes no more.
          guard far.hasEnded, await isEnd() else { return }
          client.finishWriting()
          group.addTask {
            await far.waitUntilPeerGone()
            return .farGone
          }
        case .farGone: client.close()
        }
      }
    }
  }
}
