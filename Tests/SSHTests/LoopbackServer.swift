import Foundation
import Glibc
import Testing

@testable import MartletSSH

/// One test at a time: they start servers and measure times, on machines with few cores.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SSHTests {}

/// An sshd of the test's own on a loopback port, with keys of its own, in a folder that goes with it.
final class LoopbackServer: Sendable {
  let folder: String
  let port: Int
  private let address: String
  private let processID: Int32
  private let output: String

  /// Where `path` is a file of the server's folder.
  func path(_ name: String) -> String { "\(folder)/\(name)" }

  var log: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

  /// Starts a server that lets the present user in with `path("id")`, and whose host key is in `path("known_hosts")`.
  ///
  /// - Parameters:
  ///   - hostKeys: Types as ssh-keygen -t takes them.
  ///   - options: Further lines of sshd_config.
  ///   - address: The loopback address to listen on.
  init(hostKeys: [String] = ["ed25519"], options: [String] = [], address: String = "127.0.0.1") throws {
    self.address = address
    folder = try temporaryFolder()
    port = try freePort()
    output = "\(folder)/log"
    if getuid() == 0 { mkdir("/run/sshd", 0o755) }
    try shell("ssh-keygen -q -t ed25519 -N '' -f id; cp id.pub authorized_keys; : > known_hosts", in: folder)
    var config = [
      "Port \(port)", "ListenAddress \(address)", "PidFile none", "UsePAM no", "StrictModes no",
      "LogLevel VERBOSE",
      "AuthorizedKeysFile \(folder)/authorized_keys", "PermitRootLogin yes", "PasswordAuthentication no",
      "KbdInteractiveAuthentication no", "PrintMotd no", "UseDNS no", "SetEnv HOME=\(folder)",
    ]
    if !options.contains(where: { $0.hasPrefix("MaxStartups") }) { config.append("MaxStartups 1000") }
    for type in hostKeys {
      try shell("ssh-keygen -q -t \(type) -N '' -f host_\(type)", in: folder)
      try shell(
        "printf '[\(address)]:\(port) ' >> known_hosts; cut -d' ' -f1,2 host_\(type).pub >> known_hosts",
        in: folder)
      config.append("HostKey \(folder)/host_\(type)")
    }
    try (options + config).joined(separator: "\n").appending("\n")
      .write(toFile: "\(folder)/sshd_config", atomically: true, encoding: .utf8)
    processID = try spawn(["/usr/sbin/sshd", "-D", "-e", "-f", "\(folder)/sshd_config"], output: output)
    try waitUntilListening()
  }

  deinit {
    kill(processID, SIGTERM)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
    try? FileManager.default.removeItem(atPath: folder)
  }

  private func waitUntilListening() throws {
    for _ in 0..<500 {
      if log.contains("Server listening") { return }
      usleep(10_000)
    }
    throw TestFailure("sshd does not start: \(log)")
  }

  /// The target that works.
  var target: SSHTarget {
    var target = SSHTarget(host: address, port: port, user: currentUser)
    target.identities = [.file(path("id"))]
    target.knownHosts = KnownHostsPolicy(files: [path("known_hosts")])
    target.connectTimeout = .seconds(20)
    return target
  }

  func connect(_ change: (inout SSHTarget) -> Void = { _ in }) async throws -> SSHConnection {
    var target = target
    change(&target)
    return try await SSHConnection.connect(to: target)
  }
}

struct TestFailure: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

var currentUser: String { String(cString: getpwuid(getuid()).pointee.pw_name) }

func temporaryFolder() throws -> String {
  var template = Array("/tmp/martlet-ssh-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw TestFailure("no temporary folder") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

func freePort() throws -> Int {
  let listener = try Listener()
  return listener.port
}

/// Runs a script and answers with its standard output; fails where the script does.
@discardableResult
func shell(_ script: String, in folder: String = "/") throws -> String {
  let output = "/tmp/martlet-ssh-out-\(UInt64.random(in: 0 ... .max))"
  defer { unlink(output) }
  let id = try spawn(["/bin/sh", "-ec", "cd '\(folder)'; \(script)"], output: output)
  var status: Int32 = 0
  waitpid(id, &status, 0)
  let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
  guard status == 0 else { throw TestFailure("\(script): \(text)") }
  return text
}

/// Starts a program with its output in a file and no input.
func spawn(_ arguments: [String], output: String) throws -> Int32 {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  posix_spawn_file_actions_adddup2(&actions, 1, 2)
  // The threads of Swift's pool block most signals, and a child inherits that: SIGTERM would not end it.
  var attributes = posix_spawnattr_t()
  posix_spawnattr_init(&attributes)
  defer { posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  sigemptyset(&none)
  posix_spawnattr_setsigmask(&attributes, &none)
  posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
  var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
  defer { for word in words { free(word) } }
  var id: pid_t = 0
  let status = posix_spawn(&id, arguments[0], &actions, &attributes, &words, environ)
  guard status == 0 else { throw TestFailure("\(arguments[0]): \(String(cString: strerror(status)))") }
  return id
}

/// A loopback socket that listens, for servers that misbehave.
final class Listener: Sendable {
  let socket: Int32
  let port: Int

  init(backlog: Int32 = 64) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let socket = socket
    let status = withUnsafeMutableBytes(of: &address) { raw -> Int32 in
      guard let base = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
      if bind(socket, base, size) != 0 || listen(socket, backlog) != 0 { return -1 }
      return getsockname(socket, base, &size)
    }
    guard status == 0 else { throw TestFailure("no loopback socket") }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(socket) }
}

/// A server that does to each connection what the closure does; the closure gets the descriptor and the number
/// of the connection, runs on a thread of its own, and the connection is closed after it.
final class FaultServer: Sendable {
  private let listener: Listener
  var port: Int { listener.port }

  init(_ behave: @escaping @Sendable (Int32, Int) -> Void) throws {
    listener = try Listener()
    let socket = listener.socket
    let accepting = Thread {
      signal(SIGPIPE, SIG_IGN)
      var count = 0
      while true {
        let connection = accept(socket, nil, nil)
        guard connection >= 0 else { return }
        count += 1
        let number = count
        Thread {
          behave(connection, number)
          close(connection)
        }.start()
      }
    }
    accepting.start()
  }

  deinit { shutdown(listener.socket, Int32(SHUT_RDWR)) }

  func target(timeout: Duration) -> SSHTarget {
    var target = SSHTarget(host: "127.0.0.1", port: port, user: currentUser)
    target.connectTimeout = timeout
    return target
  }
}

func send(_ text: String, to socket: Int32) { send(Array(text.utf8), to: socket) }

@discardableResult
func send(_ bytes: [UInt8], to socket: Int32) -> Bool { write(socket, bytes, bytes.count) == bytes.count }

/// Bytes that tests collect from closures.
final class Collected: Sendable {
  private let lock = NSLock()
  nonisolated(unsafe) private var stdoutBytes: [UInt8] = []  // guarded by `lock`
  nonisolated(unsafe) private var stderrBytes: [UInt8] = []  // guarded by `lock`

  func add(_ chunk: OutputChunk) {
    lock.withLock {
      if chunk.stream == .stdout { stdoutBytes += chunk.bytes } else { stderrBytes += chunk.bytes }
    }
  }

  var stdout: [UInt8] { lock.withLock { stdoutBytes } }
  var stderr: [UInt8] { lock.withLock { stderrBytes } }
  var text: String { String(decoding: stdout, as: UTF8.self) }
}

/// The error that a call ends with; a test failure where it ends without.
func failure<T>(_ body: () async throws(SSHError) -> T) async throws -> SSHError {
  do throws(SSHError) {
    _ = try await body()
  } catch {
    return error
  }
  throw TestFailure("no error was thrown")
}

let minute = CommandLimits(timeout: .seconds(60))
