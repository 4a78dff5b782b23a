import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

/// Servers that fail while somebody logs in, or afterwards.
extension SSHTests.FaultTests {
  /// sshd says goodbye in the middle of the login, encrypted.
  @Test func disconnectedWhileLoggingIn() async throws {
    let server = try LoopbackServer(options: ["MaxAuthTries 1"])
    try shell("for i in 1 2 3; do ssh-keygen -q -t ed25519 -N '' -f other$i; done", in: server.folder)
    let error = try await error(
      server.target { $0.identities = (1...3).map { .file(server.path("other\($0)")) } })
    #expect(error.kind == .authenticationFailed, "\(error)")
    #expect(error.message.contains("Too many authentication failures"), "\(error)")
  }

  @Test func closedAfterTheLogin() async throws {
    let server = try LoopbackServer(options: ["ForceCommand kill -9 $PPID; sleep 3"])
    let connection = try await server.connect()
    let error = try await failure { () async throws(SSHError) in
      try await connection.run("true", limits: minute)
    }
    guard case .disconnected = error.kind else { throw error }
  }

  @Test func stalledInTheMiddleOfOutput() async throws {
    let server = try LoopbackServer()
    for limits in [
      CommandLimits(timeout: .milliseconds(900)),
      CommandLimits(timeout: .seconds(40), idleTimeout: .milliseconds(900)),
    ] {
      let connection = try await server.connect()
      let heard = Collected()
      let start = ContinuousClock.now
      let error = try await failure { () async throws(SSHError) in
        try await connection.run("echo begun $PPID; sleep 0.2; kill -STOP $PPID; echo lost", limits: limits) {
          heard.add($0)
        }
      }
      let time = ContinuousClock.now - start
      #expect(error.kind == .timedOut(.running) || error.kind == .idle, "\(error)")
      #expect(.milliseconds(800) < time && time < .seconds(6))
      let words = heard.text.split { $0 == " " || $0 == "\n" }
      kill(try #require(words.last.flatMap { Int32($0) }), SIGKILL)
      await connection.close()
    }
  }

  @Test func serverThatDiesMidOutput() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let error = try await failure { () async throws(SSHError) in
      try await connection.run("echo start; kill -9 $PPID; sleep 5", limits: minute)
    }
    #expect(error.kind == .disconnected(.running), "\(error)")
    #expect(await !connection.isOpen)
    let next = try await failure { () async throws(SSHError) in
      try await connection.run("true", limits: minute)
    }
    #expect(next.kind == .disconnected(.running))
  }

  @Test func serverThatStallsMidOutput() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let pid = Collected()
    _ = try await connection.run("echo $PPID", limits: minute) { pid.add($0) }
    let id = try #require(Int32(pid.text.trimmingCharacters(in: .newlines)))
    kill(id, SIGSTOP)
    defer { kill(id, SIGCONT) }
    let start = ContinuousClock.now
    let error = try await failure { () async throws(SSHError) in
      try await connection.run("true", limits: CommandLimits(timeout: .milliseconds(500)))
    }
    #expect(error.kind == .timedOut(.starting), "\(error)")
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func cancelledBeforeItStarts() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await connection.run("sleep 5", limits: minute)
    }
    let result = await task.result
    #expect(throws: SSHError.self) { try result.get() }
    await connection.close()
  }
}
