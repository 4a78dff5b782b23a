import Foundation
import Glibc

/// What keeps a test from being carried out.
public struct TestFailure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// The user that the tests run as.
public var currentUser: String { String(cString: getpwuid(getuid()).pointee.pw_name) }

/// A loopback port at which nothing listens.
public func freePort() throws -> Int {
  let listener = try Listener()
  return listener.port
}

/// Runs a script and answers with its standard output; fails where the script does.
@discardableResult
public func shell(_ script: String, in folder: String = "/") throws -> String {
  let output = "/tmp/martlet-out-\(UInt64.random(in: 0 ... .max))"
  defer { unlink(output) }
  let id = try spawn(["/bin/sh", "-ec", "cd '\(folder)'; \(script)"], output: output)
  var status: Int32 = 0
  waitpid(id, &status, 0)
  let text = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
  guard status == 0 else { throw TestFailure("\(script): \(text)") }
  return text
}

/// Starts a program with its output in a file and no input.
public func spawn(_ arguments: [String], output: String) throws -> Int32 {
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
public final class Listener: Sendable {
  public let socket: Int32
  public let port: Int

  public init(backlog: Int32 = 64) throws {
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
