import TestSupport
import Testing

@testable import MartletSSH

/// Commands that take too long, or are not waited for.
extension SSHTests.RunTests {
  @Test func deadlineLeavesTheConnectionUsable() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let start = ContinuousClock.now
    let error = try await failure { () async throws(SSHError) in
      try await connection.run("sleep 20", limits: CommandLimits(timeout: .milliseconds(300)))
    }
    #expect(error.kind == .timedOut(.running))
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(try await connection.run("exit 3", limits: minute) == .code(3))
    await connection.close()
  }

  @Test func idleLimitCountsFromTheLastByte() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let limits = CommandLimits(timeout: .seconds(60), idleTimeout: .milliseconds(600))
    #expect(
      try await connection.run("for i in 1 2 3 4 5; do echo $i; sleep 0.3; done", limits: limits)
        == .code(0))
    let error = try await failure { () async throws(SSHError) in
      try await connection.run("echo once; sleep 5", limits: limits)
    }
    #expect(error.kind == .idle)
    await connection.close()
  }

  /// The child holds standard output, so sshd never ends the channel: the deadline does.
  @Test func backgroundChildThatHoldsTheOutput() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let error = try await failure { () async throws(SSHError) in
      try await connection.run("sleep 3 & exit 0", limits: CommandLimits(timeout: .milliseconds(500)))
    }
    #expect(error.kind == .timedOut(.running))
    #expect(try await connection.run("sleep 3 >/dev/null 2>&1 & exit 4", limits: minute) == .code(4))
    await connection.close()
  }

  @Test func cancellationEndsTheWait() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let start = ContinuousClock.now
    let running = Task { try await connection.run("sleep 20", limits: minute) }
    try await Task.sleep(for: .milliseconds(200))
    running.cancel()
    let result = await running.result
    #expect(throws: SSHError.self) { try result.get() }
    #expect(ContinuousClock.now - start < .seconds(10))
    #expect(try await connection.run("exit 3", limits: minute) == .code(3))
    await connection.close()
  }

  @Test func closingEndsAllCommands() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let running = Task { try await connection.run("sleep 20", limits: minute) }
    try await Task.sleep(for: .milliseconds(200))
    await connection.close()
    let error = try await failure { () async throws(SSHError) in
      try await running.result.mapError { $0 as? SSHError ?? connection.unexpected }.get()
    }
    #expect(error.kind == .closed)
  }

  /// sshd asks an idle client for a sign of life and hangs up when none comes.
  @Test func idleConnectionAnswersTheServer() async throws {
    let server = try LoopbackServer(options: ["ClientAliveInterval 1", "ClientAliveCountMax 1"])
    let talking = try await server.connect()
    let idle = try await server.connect()
    let command = try await talking.start("cat", limits: minute)
    try await Task.sleep(for: .seconds(7))
    try await command.write([1])
    #expect(try await command.read()?.bytes == [1])
    #expect(try await idle.run("exit 5", limits: minute) == .code(5))
    await talking.close()
    await idle.close()
  }
}

extension SSHConnection {
  nonisolated var unexpected: SSHError { SSHError(.local, target, "another error type") }
}
