import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

/// What goes wrong at a jump host, or behind it.
extension SSHTests.JumpTests {
  @Test func cutOfTheBastion() async throws {
    let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
    let connection = try await server.connect { $0.route = .jump(through: bastion.target) }
    let other = try await server.connect { $0.route = .jump(through: bastion.target) }
    let running = Task { () async throws -> Void in
      _ = try await connection.run("sleep 30", limits: minute)
    }
    try await Task.sleep(for: .milliseconds(300))
    try bastion.dropConnections()
    let result = await running.result
    let error = try #require(throws: SSHError.self) { try result.get() }
    #expect(error.kind == .disconnected(.running), "\(error)")
    #expect(error.message.contains("127.0.0.2:\(bastion.port)"), "\(error)")
    #expect(error.message.contains("jump host"), "\(error)")
    let idle = try await sshError { try await other.run("true", limits: minute) }
    #expect(idle.message.contains("127.0.0.2:\(bastion.port)"), "\(idle)")
    // The next one makes a new login.
    let next = try await server.connect { $0.route = .jump(through: bastion.target) }
    #expect(try await next.run("exit 2", limits: minute) == .code(2))
    #expect(bastion.logins == 2)
    await next.close()
  }

  @Test func bastionThatForbids() async throws {
    let bastion = try LoopbackServer(options: ["AllowTcpForwarding no"], address: "127.0.0.2")
    let server = try LoopbackServer()
    let error = try await sshError {
      try await server.connect { $0.route = .jump(through: bastion.target) }
    }
    #expect(error.kind == .unreachable)
    #expect(error.message.contains("127.0.0.2:\(bastion.port) doesn't allow"), "\(error)")
    #expect(error.message.contains("AllowTcpForwarding"), "\(error)")
  }

  @Test func targetThatIsDownBehindTheBastion() async throws {
    let bastion = try LoopbackServer(address: "127.0.0.2")
    var target = SSHTarget(host: "127.0.0.1", port: try freePort(), user: currentUser)
    target.route = .jump(through: bastion.target)
    let final = target
    let error = try await sshError { try await SSHConnection.connect(to: final) }
    #expect(error.kind == .unreachable)
    #expect(error.message.contains("127.0.0.2:\(bastion.port) can't connect to"), "\(error)")
  }

  @Test func bastionThatIsDown() async throws {
    var bastion = SSHTarget(host: "127.0.0.2", port: try freePort(), user: currentUser)
    bastion.connectTimeout = .seconds(5)
    var target = SSHTarget(host: "web1", user: currentUser)
    target.route = .jump(through: bastion)
    let final = target
    let error = try await sshError { try await SSHConnection.connect(to: final) }
    #expect(error.kind == .refused)
    #expect(error.host == "127.0.0.2")
    #expect(error.message.contains("on the way to web1:22"), "\(error)")
  }

  @Test func bastionThatDoesNotLetIn() async throws {
    let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
    let error = try await sshError {
      try await server.connect {
        var hop = bastion.target
        hop.identities = [.file(server.path("id"))]
        $0.route = .jump(through: hop)
      }
    }
    #expect(error.kind == .authenticationFailed)
    #expect(error.port == bastion.port, "\(error)")
  }

  /// A host that swallows packets keeps the bastion's one unanswered request; the others go on by another login.
  @Test func deadHostHoldsUpNoOther() async throws {
    let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
    let full = try FullListener()
    let dead = Task {
      var target = SSHTarget(host: "127.0.0.1", port: full.port, user: currentUser)
      target.route = .jump(through: bastion.target)
      target.connectTimeout = .seconds(3)
      return try await SSHConnection.connect(to: target)
    }
    try await Task.sleep(for: .milliseconds(500))
    let start = ContinuousClock.now
    let connections = try await withThrowingTaskGroup(of: SSHConnection.self) { group in
      for _ in 0..<5 {
        group.addTask { try await server.connect { $0.route = .jump(through: bastion.target) } }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(ContinuousClock.now - start < .seconds(5))
    let result = await dead.result
    let error = try #require(throws: SSHError.self) { _ = try result.get() }
    #expect(error.kind == .timedOut(.connecting), "\(error)")
    #expect(bastion.logins == 2)
    for connection in connections {
      #expect(try await connection.run("true", limits: minute) == .code(0))
      await connection.close()
    }
  }

  /// The time on the bastion is the bastion's: a slow one costs the host's deadline nothing.
  @Test func cancellationWhileTheBastionIsSlow() async throws {
    let slow = try FaultServer { _, _ in sleep(8) }
    var target = SSHTarget(host: "web1", user: currentUser)
    target.route = .jump(through: slow.target(timeout: .seconds(30)))
    target.connectTimeout = .milliseconds(100)
    let final = target
    let connecting = Task { try await SSHConnection.connect(to: final) }
    try await Task.sleep(for: .milliseconds(600))
    let start = ContinuousClock.now
    connecting.cancel()
    let result = await connecting.result
    #expect(ContinuousClock.now - start < .seconds(2))
    let error = try #require(throws: SSHError.self) { _ = try result.get() }
    #expect(error.kind == .cancelled)
  }
}
