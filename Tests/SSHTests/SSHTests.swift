import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

/// One test at a time: they start servers and measure times, on machines with few cores.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SSHTests {}

extension LoopbackServer {
  /// The target that works.
  var target: SSHTarget {
    var target = SSHTarget(host: address, port: port, user: currentUser)
    target.identities = [.file(path("id"))]
    target.knownHosts = KnownHostsPolicy(files: [path("known_hosts")])
    target.connectTimeout = .seconds(20)
    return target
  }

  func target(_ change: (inout SSHTarget) -> Void) -> SSHTarget {
    var target = target
    change(&target)
    return target
  }

  func connect(_ change: (inout SSHTarget) -> Void = { _ in }) async throws -> SSHConnection {
    try await SSHConnection.connect(to: target(change))
  }
}

func temporaryFolder() throws -> String {
  var template = Array("/tmp/martlet-ssh-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw TestFailure("no temporary folder") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

extension FaultServer {
  func target(timeout: Duration) -> SSHTarget {
    var target = SSHTarget(host: "127.0.0.1", port: port, user: currentUser)
    target.connectTimeout = timeout
    return target
  }
}

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

/// Why a connection can't be made.
func refusal(of target: SSHTarget) async throws -> SSHError {
  try await failure { () async throws(SSHError) in try await SSHConnection.connect(to: target) }
}

let minute = CommandLimits(timeout: .seconds(60))
