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
    // Files and no pipes: a program that another thread starts meanwhile would have a pipe's end too, and keep it open.
    var template = Array("/tmp/martlet-local-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw failure(words, "no temporary folder can be made") }
    let folder = BytePath(template.dropLast().map { UInt8(bitPattern: $0) }).description
    let (output, errors) = (folder + "/output", folder + "/errors")
    defer {
      unlink(output)
      unlink(errors)
      rmdir(folder)
    }
    let (pid, code) = spawn(words, environment, output: output, errors: errors)
    guard code == 0 else { return Result(status: 127, output: [], errors: String(cString: strerror(code))) }
    var status: Int32 = 0
    let end = ContinuousClock.now + .milliseconds(patience)
    while true {
      let ended = waitpid(pid, &status, WNOHANG)
      if ended == pid || (ended < 0 && errno != EINTR) { break }
      let size = (try? LocalFiles.status(BytePath(output)))??.st_size ?? 0
      if ContinuousClock.now > end || size > outputLimit {
        kill(pid, SIGKILL)
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        throw failure(words, "it didn't come to an end in \(patience / 1000) s, or said too much")
      }
      usleep(1000)
    }
    let exit = status & 0x7f == 0 ? (status >> 8) & 0xff : -1
    return Result(
      status: exit, output: try LocalFiles.contents(BytePath(output)),
      errors: String(decoding: try LocalFiles.contents(BytePath(errors)), as: UTF8.self).trimmed)
  }

  private static func spawn(
    _ words: [String], _ environment: [String], output: String, errors: String
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
    for (descriptor, path) in [(Int32(1), output), (2, errors)] {
      posix_spawn_file_actions_addopen(&actions, descriptor, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    }
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

  private static func failure(_ words: [String], _ why: String) -> InvalidTask {
    InvalidTask("\(words.joined(separator: " ")) on this machine: \(why)")
  }
}
