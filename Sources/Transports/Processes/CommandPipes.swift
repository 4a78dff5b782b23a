internal import MartletEngine
internal import MartletSSH
internal import Synchronization

#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// The pipes to a command's standard input, output and error.
///
/// They are the controller's own, not swift-subprocess's: its sequences end only when the last process that holds
/// the other end does, and they can't be handed to the process of another `ssh`.
final class CommandPipes: Sendable {
  let input: WatchedDescriptor
  let output: WatchedDescriptor
  let errors: WatchedDescriptor
  /// The command's ends, in the order of their numbers; none once they are closed.
  private let farEnds: Mutex<[Int32]>

  /// - Throws: ``TransportError`` if no descriptor is left.
  init() throws {
    // A command may end before it has read its input. Programs that are started get the default handling back.
    signal(SIGPIPE, SIG_IGN)
    var pairs: [[Int32]] = []
    for _ in 0..<3 {
      var pair: [Int32] = [-1, -1]
      guard pipe(&pair) == 0 else { break }
      // Those that are started by swift-subprocess get no others anyway (posix_spawn's addclosefrom).
      for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      pairs.append(pair)
    }
    guard pairs.count == 3 else {
      for end in pairs.joined() { close(end) }
      throw TransportError("no pipe for a command: too many files are open on this machine (ulimit -n)")
    }
    farEnds = Mutex([pairs[0][0], pairs[1][1], pairs[2][1]])
    let near = [
      WatchedDescriptor(pairs[0][1]), WatchedDescriptor(pairs[1][0]), WatchedDescriptor(pairs[2][0]),
    ].compactMap { $0 }
    guard near.count == 3 else {
      farEnds.withLock { for end in $0 { close(end) } }
      throw TransportError("a command's pipes can't be watched: too many files are open on this machine")
    }
    (input, output, errors) = (near[0], near[1], near[2])
  }

  deinit { closeFarEnds() }

  /// The ends that the command gets as its descriptors 0, 1 and 2.
  var commandsEnds: [Int32] { farEnds.withLock { $0 } }

  /// How many bytes have come out of the command.
  var received: Int { output.received + errors.received }

  /// Whether all that has come has been taken, and more is waited for.
  var areWaitedFor: Bool { [output, errors].allSatisfy { $0.isWaitedFor || $0.hasEnded } }

  /// Closes the command's ends here; until then its output has no end.
  func closeFarEnds() {
    farEnds.withLock { ends in
      for end in ends { close(end) }
      ends = []
    }
  }

  /// Closes the controller's ends: the command finds the end of its input, and nobody at its outputs.
  func closeNearEnds() {
    for end in [input, output, errors] { end.close() }
  }
}
