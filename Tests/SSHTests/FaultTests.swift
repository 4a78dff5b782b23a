import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// Servers that misbehave: each is an error within its deadline.
  @Suite struct FaultTests {
    func error(_ target: SSHTarget) async throws -> SSHError {
      let start = ContinuousClock.now
      let error = try await failure { () async throws(SSHError) in try await SSHConnection.connect(to: target)
      }
      #expect(ContinuousClock.now - start < target.connectTimeout + .seconds(5))
      return error
    }

    @Test func refused() async throws {
      var target = SSHTarget(host: "127.0.0.1", port: try freePort(), user: "u")
      target.connectTimeout = .seconds(5)
      let error = try await error(target)
      #expect(error.kind == .refused)
      #expect(error.message.contains("is sshd running"))
    }

    @Test func nameThatDoesNotExist() async throws {
      var target = SSHTarget(host: "no-such-host.invalid", user: "u")
      target.connectTimeout = .seconds(15)
      let error = try await error(target)
      #expect(error.kind == .unresolvable || error.kind == .timedOut(.resolving))
    }

    @Test func badPort() async throws {
      #expect(try await error(SSHTarget(host: "127.0.0.1", port: 0, user: "u")).kind == .unresolvable)
      #expect(try await error(SSHTarget(host: "127.0.0.1", port: 65536, user: "u")).kind == .unresolvable)
      #expect(try await error(SSHTarget(host: "", user: "u")).kind == .unresolvable)
    }

    @Test func addressThatSwallowsPackets() async throws {
      let listener = try FullListener()
      var target = SSHTarget(host: "127.0.0.1", port: listener.port, user: "u")
      target.connectTimeout = .milliseconds(600)
      let error = try await error(target)
      #expect([.timedOut(.connecting), .unreachable].contains(error.kind))
    }

    @Test func silence() async throws {
      let server = try FaultServer { _, _ in sleep(4) }
      #expect(try await error(server.target(timeout: .milliseconds(500))).kind == .timedOut(.banner))
    }

    @Test func closedAfterAccept() async throws {
      let server = try FaultServer { _, _ in }
      let error = try await error(server.target(timeout: .seconds(2)))
      #expect(error.kind == .disconnected(.banner))
      #expect(error.message.contains("MaxStartups"))
    }

    @Test func garbage() async throws {
      let server = try FaultServer { socket, _ in
        send((0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7 | 1) }, to: socket)
        sleep(2)
      }
      let kind = try await error(server.target(timeout: .seconds(2))).kind
      #expect(kind == .timedOut(.banner) || kind == .protocolError(.banner), "\(kind)")
    }

    /// As fast as it can: neither the connection nor the others on the same thread may wait for its end.
    @Test func endlessBanner() async throws {
      let server = try FaultServer { socket, _ in
        let line = [UInt8](repeating: 0x61, count: 200) + [10]
        while send(line, to: socket) {}
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      #expect(error.kind == .protocolError(.banner))
      #expect(error.message.contains("without end"))
    }

    @Test func endlessKeyExchange() async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        // SSH_MSG_IGNORE, for ever.
        let packet: [UInt8] = [0, 0, 0, 12, 5, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        while send(packet + packet + packet, to: socket) {}
      }
      let kind = try await error(server.target(timeout: .seconds(5))).kind
      #expect(kind == .protocolError(.keyExchange), "\(kind)")
    }

    @Test func silentKeyExchange() async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        sleep(4)
      }
      #expect(try await error(server.target(timeout: .milliseconds(500))).kind == .timedOut(.keyExchange))
    }

    @Test func resetInKeyExchange() async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        var byte: UInt8 = 0
        _ = read(socket, &byte, 1)
        var reset = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, socklen_t(MemoryLayout<linger>.size))
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      #expect(error.kind == .disconnected(.keyExchange), "\(error)")
    }

    @Test(arguments: [0, 1, 0x7FFF_FFFF, 40_001, 12])
    func malformedPackets(length: Int) async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        var packet = WireWriter()
        packet.uint32(UInt32(length))
        send(packet.bytes + [UInt8](repeating: 0xFF, count: 5000), to: socket)
        usleep(300_000)
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      switch error.kind {
      case .protocolError(.keyExchange), .disconnected(.keyExchange), .noCommonAlgorithm: break
      default: Issue.record("\(error)")
      }
    }

    /// What a server says must not be able to write to the user's terminal.
    @Test func controlCharactersAreNotShown() async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        var payload = WireWriter()
        payload.byte(1)
        payload.uint32(11)
        payload.string("bye \u{1B}[2J\u{07}\u{202E}\r\nnow".utf8)
        payload.string("".utf8)
        let padding = 8 - (payload.bytes.count + 5) % 8 + 8
        var packet = WireWriter()
        packet.uint32(UInt32(payload.bytes.count + padding + 1))
        packet.byte(UInt8(padding))
        send(packet.bytes + payload.bytes + [UInt8](repeating: 0, count: padding), to: socket)
        usleep(500_000)
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      #expect(error.message.contains("bye ?[2J"), "\(error)")
      #expect(!error.message.unicodeScalars.contains { $0.value < 32 || $0.value == 0x202E })
    }

    @Test func noCommonAlgorithm() async throws {
      let server = try LoopbackServer(options: ["MACs hmac-sha2-256-etm@openssh.com", "Ciphers aes128-ctr"])
      let result = try await error(server.target)
      #expect(result.kind == .noCommonAlgorithm, "\(result)")
    }

    /// Two connections are dropped before their banner; the third is let in by a relay.
    @Test func droppedBeforeTheBannerIsTriedAgain() async throws {
      let server = try LoopbackServer()
      let relay = try FaultServer { socket, number in
        if number > 2 { pass(socket, to: server.port) }
      }
      try shell("sed 's/:\(server.port)/:\(relay.port)/' known_hosts > relayed", in: server.folder)
      var target = server.target
      target.port = relay.port
      target.knownHosts.files = [server.path("relayed")]
      let connection = try await SSHConnection.connect(to: target)
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      await connection.close()
    }

    @Test func maxStartups() async throws {
      let server = try LoopbackServer(options: ["MaxStartups 2:100:4"])
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<12 {
          group.addTask {
            let connection = try await server.connect { $0.connectTimeout = .seconds(50) }
            await connection.close()
          }
        }
        try await group.waitForAll()
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

    @Test func cancellationWhileConnecting() async throws {
      let server = try FaultServer { _, _ in sleep(10) }
      let target = server.target(timeout: .seconds(30))
      let connecting = Task { try await SSHConnection.connect(to: target) }
      try await Task.sleep(for: .milliseconds(200))
      let start = ContinuousClock.now
      connecting.cancel()
      let result = await connecting.result
      #expect(throws: SSHError.self) { _ = try result.get() }
      #expect(ContinuousClock.now - start < .seconds(3))
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

    @Test func localhostByName() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect {
        $0.host = "localhost"
        $0.knownHosts = KnownHostsPolicy(files: [server.path("byname")], mode: .acceptNew)
      }
      await connection.close()
      #expect(try shell("cat byname", in: server.folder).hasPrefix("[localhost]:\(server.port) ssh-ed25519 "))
    }
  }
}

/// Passes bytes both ways between a connection and a loopback port, until either side ends.
func pass(_ socket: Int32, to port: Int) {
  let other = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
  defer { close(other) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = UInt16(port).bigEndian
  address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
  let status = withUnsafeBytes(of: &address) { raw in
    raw.baseAddress.map { connect(other, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count)) }
  }
  guard status == 0 else { return }
  var buffer = [UInt8](repeating: 0, count: 65536)
  while true {
    var polls = [socket, other].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    guard poll(&polls, 2, 30_000) > 0 else { return }
    for (from, to, event) in [(socket, other, polls[0]), (other, socket, polls[1])] where event.revents != 0 {
      let count = read(from, &buffer, buffer.count)
      guard count > 0, write(to, buffer, count) == count else { return }
    }
  }
}
