import CLibSSH2
import Glibc

/// A program that connects to a host, and the socket on which it passes SSH on (ProxyCommand).
///
/// swift-subprocess gives a child pipes, and libssh2's way of sending (`send` with flags) needs a socket: hence
/// `posix_spawn` with one end of a socketpair as the child's standard input and output.
///
/// `@unchecked Sendable` because the reactor calls it from closures; it is confined to the reactor's thread,
/// but for `close`.
final class ProxyProcess: Carrier, @unchecked Sendable {
  private let socket: SocketCarrier
  private let errors: SocketCarrier
  private let processID: pid_t
  private var status: Int32?
  private var isClosed = false
  private var text: [UInt8] = []
  private var hasErrorsEnded = false
  private(set) var hasAnswered = false
  private static let textLimit = 4096

  var changed: (@Sendable () -> Void)? {
    get { socket.changed }
    set {
      socket.changed = newValue
      errors.changed = { [weak self] in
        self?.readErrors()
        newValue?()
      }
    }
  }
  var failure: SSHError? { nil }

  struct Failure: Error {
    var reason: String
  }

  /// Starts `/bin/sh -c "exec command"`.
  init(_ command: String) throws(Failure) {
    guard !command.utf8.contains(0), !command.isEmpty else { throw Failure(reason: "the command is empty") }
    let (ours, theirs) = try ProxyProcess.pair()
    let errorEnds: (Int32, Int32)
    do throws(Failure) {
      errorEnds = try ProxyProcess.pair()
    } catch {
      close_(ours, theirs)
      throw error
    }
    let (pid, code) = ProxyProcess.spawn(command, socket: theirs, errors: errorEnds.1)
    close_(theirs, errorEnds.1)
    guard code == 0 else {
      close_(ours, errorEnds.0)
      throw Failure(reason: errorText(code))
    }
    guard let socket = SocketCarrier(taking: ours, isTCP: false),
      let errors = SocketCarrier(taking: errorEnds.0, isTCP: false)
    else {
      kill(-pid, SIGKILL)
      ProxyProcess.reap(pid)
      throw Failure(reason: "its sockets can't be watched: \(errorText(errno))")
    }
    processID = pid
    self.socket = socket
    self.errors = errors
  }

  deinit { close() }

  private static func pair() throws(Failure) -> (Int32, Int32) {
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw Failure(reason: errorText(errno)) }
    // Only this end: most programs expect that reading their standard input waits.
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return (ends[0], ends[1])
  }

  private static func spawn(_ command: String, socket: Int32, errors: Int32) -> (pid_t, Int32) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, socket, 0)
    posix_spawn_file_actions_adddup2(&actions, socket, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigfillset(&signals)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // A group of its own, to be ended with all that it starts.
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    // The reactor has raised the limit, which some programs walk through to close all.
    let limit = Reactor.originalDescriptorLimit.map { "ulimit -S -n \($0) 2>/dev/null; " } ?? ""
    let words = ["/bin/sh", "-c", limit + "exec " + command]
    var arguments = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, "/bin/sh", &actions, &attributes, &arguments, environ)
    return (pid, code)
  }

  func send(_ bytes: UnsafeRawPointer, _ count: Int) -> Int { socket.send(bytes, count) }

  func receive(_ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    let received = socket.receive(buffer, count)
    if received > 0 { hasAnswered = true }
    return received
  }

  private func readErrors() {
    withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
      guard let base = buffer.baseAddress, !hasErrorsEnded else { return }
      while true {
        let count = errors.receive(base, buffer.count)
        guard count > 0 else {
          if count != -Int(EAGAIN) { hasErrorsEnded = true }
          return
        }
        text += buffer.prefix(count)
        if text.count > ProxyProcess.textLimit { text.removeFirst(text.count - ProxyProcess.textLimit) }
      }
    }
  }

  /// Whether it has exited and all that it said has been read.
  var isOver: Bool {
    readErrors()
    if status == nil {
      var code: Int32 = 0
      if waitpid(processID, &code, WNOHANG) == processID { status = code }
    }
    return status != nil && hasErrorsEnded
  }

  /// It exited with another status than 0.
  var hasFailed: Bool { status.map { $0 != 0 } ?? false }

  /// How it ended and what it printed last, for a message; empty where there is nothing to tell.
  var account: String {
    readErrors()
    var parts: [String] = []
    if let status {
      let signal = status & 0x7F
      let code = (status >> 8) & 0xFF
      if signal != 0 { parts.append("it was killed by signal \(signal)") }
      if signal == 0, code != 0 || !hasAnswered { parts.append("it exited with status \(code)") }
    }
    let lines = text.split(separator: 10).suffix(4).map { printable($0, limit: 300) }.filter { !$0.isEmpty }
    if !lines.isEmpty { parts.append("it said: " + lines.joined(separator: " / ")) }
    return parts.joined(separator: "; ")
  }

  func close() {
    guard !isClosed else { return }
    isClosed = true
    socket.close()
    errors.close()
    guard status == nil else { return }
    kill(-processID, SIGTERM)
    let pid = processID
    // As long as it isn't waited for, its number belongs to no one else.
    _ = Reactor.shared.schedule(at: .now + .milliseconds(500)) {
      kill(-pid, SIGKILL)
      ProxyProcess.reap(pid)
    }
  }

  private static func reap(_ pid: pid_t) {
    var status: Int32 = 0
    if waitpid(pid, &status, WNOHANG) == 0 {
      _ = Reactor.shared.schedule(at: .now + .milliseconds(100)) { reap(pid) }
    }
  }
}

private func close_(_ descriptors: Int32...) { for descriptor in descriptors { Glibc.close(descriptor) } }
