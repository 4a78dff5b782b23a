import MartletCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A program of this machine that is run while a playbook's body is evaluated, which can't wait for anything
/// asynchronous; what it does is as short as reading files.
enum LocalProgram {
  struct Result: Sendable {
    /// The exit status; 127 if there is no such program, -1 if a signal ended it.
    var status: Int32
    var output: [UInt8]
    var errors: String
  }

  /// Longer than any `git ls-files` takes on a disk that is there.
  private static let patience = 60_000
  private static let outputLimit = 256 << 20

  /// Runs a program that is found by PATH, without input.
  ///
  /// - Parameters:
  ///   - words: Its name and arguments.
  ///   - environment: Variables as `NAME=VALUE`.
  /// - Throws: ``InvalidTask`` if it doesn't come to an end.
  static func run(_ words: [String], environment: [String]) throws -> Result {
    var output: [Int32] = [-1, -1]
    var errors: [Int32] = [-1, -1]
    guard openPipe(&output) else { throw failure(words, "no pipe can be made") }
    guard openPipe(&errors) else {
      output.forEach { close($0) }
      throw failure(words, "no pipe can be made")
    }
    let (pid, code) = spawn(words, environment, output: output[1], errors: errors[1])
    close(output[1])
    close(errors[1])
    defer {
      close(output[0])
      close(errors[0])
    }
    guard code == 0 else { return Result(status: 127, output: [], errors: String(cString: strerror(code))) }
    let read = collect([output[0], errors[0]])
    if read == nil { kill(pid, SIGKILL) }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    guard let read else { throw failure(words, "it didn't come to an end in \(patience / 1000) s") }
    let exit = status & 0x7f == 0 ? (status >> 8) & 0xff : -1
    return Result(status: exit, output: read[0], errors: String(decoding: read[1], as: UTF8.self).trimmed)
  }

  /// A pipe that no other program gets, which another thread may be starting right now: it would keep the pipe open.
  private static func openPipe(_ ends: inout [Int32]) -> Bool {
    #if canImport(Darwin)
      guard pipe(&ends) == 0 else { return false }
      for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
      return true
    #else
      return pipe2(&ends, O_CLOEXEC) == 0
    #endif
  }

  private static func spawn(
    _ words: [String], _ environment: [String], output: Int32, errors: Int32
  ) -> (pid: pid_t, code: Int32) {
    #if canImport(Darwin)
      var actions: posix_spawn_file_actions_t?
      var attributes: posix_spawnattr_t?
    #else
      var actions = posix_spawn_file_actions_t()
      var attributes = posix_spawnattr_t()
    #endif
    posix_spawn_file_actions_init(&actions)
    posix_spawnattr_init(&attributes)
    defer {
      posix_spawn_file_actions_destroy(&actions)
      posix_spawnattr_destroy(&attributes)
    }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    #if canImport(Darwin)
      let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_CLOEXEC_DEFAULT
    #else
      let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    #endif
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var arguments = words.map { strdup($0) } + [nil]
    var variables = environment.map { strdup($0) } + [nil]
    defer { for pointer in arguments + variables { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawnp(&pid, words[0], &actions, &attributes, &arguments, &variables)
    return (pid, code)
  }

  /// All that comes from some pipes; nil if it takes too long, or is too much.
  private static func collect(_ pipes: [Int32]) -> [[UInt8]]? {
    var bytes = [[UInt8]](repeating: [], count: pipes.count)
    var isOpen = [Bool](repeating: true, count: pipes.count)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    let end = ContinuousClock.now + .milliseconds(patience)
    while isOpen.contains(true) {
      var waits = pipes.indices.map {
        pollfd(fd: isOpen[$0] ? pipes[$0] : -1, events: Int16(POLLIN), revents: 0)
      }
      let left = ContinuousClock.now.duration(to: end) / .milliseconds(1)
      guard left > 0 else { return nil }
      guard poll(&waits, nfds_t(waits.count), Int32(left) + 1) >= 0 || errno == EINTR else { return nil }
      for (index, wait) in waits.enumerated() where isOpen[index] && wait.revents != 0 {
        let count = read(pipes[index], &buffer, buffer.count)
        if count > 0 {
          bytes[index] += buffer[..<count]
          if bytes[index].count > outputLimit { return nil }
        } else if count == 0 || errno != EINTR {
          isOpen[index] = false
        }
      }
    }
    return bytes
  }

  private static func failure(_ words: [String], _ why: String) -> InvalidTask {
    InvalidTask("\(words.joined(separator: " ")) on this machine: \(why)")
  }
}
