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

    @Test(arguments: [0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF, 40_001, 12])
    func malformedPackets(length: Int) async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        var packet = WireWriter()
        packet.uint32(UInt32(length))
        send(packet.bytes + [UInt8](repeating: 0xFF, count: 5000), to: socket)
        sleep(3)
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      switch error.kind {
      case .protocolError(.keyExchange), .disconnected(.keyExchange), .noCommonAlgorithm: break
      default: Issue.record("\(error)")
      }
      if length < 5 || length > 1 << 20 {
        #expect(error.message.contains("a packet of \(length) bytes"), "\(error)")
      }
    }

    /// One line without end, in the banner and as the banner.
    @Test(arguments: ["", "SSH-2.0-"])
    func endlessLine(start: String) async throws {
      let server = try FaultServer { socket, _ in
        send(start, to: socket)
        let piece = [UInt8](repeating: 0x61, count: 200)
        while send(piece, to: socket) {}
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      #expect(error.kind == .protocolError(.banner) || error.kind == .protocolError(.keyExchange), "\(error)")
    }

    @Test(arguments: ["SSH-1.5-old", "SSH-1.0-older", "SSH-3.0-newer"])
    func otherVersionOfTheProtocol(banner: String) async throws {
      let server = try FaultServer { socket, _ in
        send(banner + "\r\n", to: socket)
        sleep(3)
      }
      let error = try await error(server.target(timeout: .seconds(20)))
      #expect(error.kind == .protocolError(.banner), "\(error)")
      #expect(
        error.message.contains("version \(banner.split(separator: "-")[1]) of the SSH protocol"), "\(error)")
    }

    /// What is no SSH server shows itself by its first words, made safe.
    @Test(arguments: [
      "HTTP/1.1 400 Bad Request\r\n\r\n\u{1B}[2J", "220 mail.example.org ESMTP\r\n",
      "\u{15}\u{3}\u{1}\u{2}(alert)", "Exceeded MaxStartups\r\n",
    ])
    func otherService(greeting: String) async throws {
      for pause: UInt32 in [0, 2] {
        let server = try FaultServer { socket, _ in
          send(greeting, to: socket)
          sleep(pause)
        }
        let error = try await error(server.target(timeout: .seconds(1)))
        // sshd that has no place for now is asked again; another service is not.
        let isFull = greeting.hasPrefix("Exceeded")
        let closed: SSHError.Kind = isFull ? .disconnected(.banner) : .protocolError(.banner)
        #expect(error.kind == closed || pause > 0 && error.kind == .timedOut(.banner), "\(error)")
        #expect(!error.message.unicodeScalars.contains { $0.value < 32 })
        let words =
          isFull
          ? "limiting logins" : "not that of an SSH server: \"\(printable(greeting, limit: 10).dropLast())"
        #expect(pause > 0 && isFull || error.message.contains(words), "\(error)")
      }
    }

    /// As far as a server gets that says all of this and then nothing more, or hangs up.
    static let openings: [[UInt8]] = {
      var kexInit = WireWriter()
      kexInit.byte(20)
      for _ in 0..<4 { kexInit.uint32(7) }
      for list in [
        "curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256",
        "none", "none", "", "",
      ] { kexInit.string(list.utf8) }
      kexInit.byte(0)
      kexInit.uint32(0)
      let first = plainPacket(kexInit.bytes)
      // An answer to the key exchange whose key, point and signature are of no use.
      var reply = WireWriter()
      reply.byte(31)
      for size in [51, 32, 83] { reply.string([UInt8](repeating: 1, count: size)) }
      let second = first + plainPacket(reply.bytes)
      return [
        Array(first.prefix(3)), Array(first.prefix(30)), Array(first.dropLast()), first,
        Array(second.dropLast(20)), second,
      ]
    }()

    @Test(arguments: openings.indices)
    func stopsInTheKeyExchange(index: Int) async throws {
      let opening = Self.openings[index]
      let server = try FaultServer { socket, number in
        send("SSH-2.0-Fault\r\n", to: socket)
        send(opening, to: socket)
        if number == 1 { sleep(2) }
        if number == 3 {
          send(plainPacket([1, 0, 0, 0, 11, 0, 0, 0, 2, 0x6E, 0x6F, 0, 0, 0, 0]), to: socket)
        }
        usleep(100_000)
      }
      for number in 1...3 {
        let error = try await error(server.target(timeout: .milliseconds(700)))
        switch error.kind {
        case .timedOut(.keyExchange): #expect(number == 1, "\(error)")
        case .disconnected(.keyExchange): #expect(number > 1, "\(error)")
        case .protocolError(.keyExchange):
          #expect(index == Self.openings.count - 1 || number == 3, "\(error)")
        default: Issue.record("\(error)")
        }
      }
    }

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
          try await connection.run("echo begun $PPID; sleep 0.2; kill -STOP $PPID; echo lost", limits: limits)
          { heard.add($0) }
        }
        let time = ContinuousClock.now - start
        #expect(error.kind == .timedOut(.running) || error.kind == .idle, "\(error)")
        #expect(.milliseconds(800) < time && time < .seconds(6))
        let words = heard.text.split { $0 == " " || $0 == "\n" }
        kill(try #require(words.last.flatMap { Int32($0) }), SIGKILL)
        await connection.close()
      }
    }

    /// Slow, but an SSH server all the same.
    @Test func oneByteAtATime() async throws {
      let server = try LoopbackServer()
      var passage = Passage(to: server.port)
      passage.piece = 1
      let relay = try FaultServer { [passage] socket, _ in passage.pass(socket) }
      let connection = try await SSHConnection.connect(
        to: server.target {
          $0.port = relay.port
          $0.hostKeyAlias = "[127.0.0.1]:\(server.port)"
        })
      let heard = Collected()
      #expect(try await connection.run("seq 1000; exit 3", limits: minute) { heard.add($0) } == .code(3))
      #expect(heard.text.hasSuffix("\n1000\n") && heard.text.utf8.count == 3893)
      await connection.close()
    }

    /// So slow that it is given up, in the banner or after it.
    @Test(arguments: [0, 15])
    func oneByteNowAndThen(quick: Int) async throws {
      let server = try FaultServer { socket, _ in
        let words = Array("SSH-2.0-Fault\r\n".utf8) + plainPacket([2] + [UInt8](repeating: 0, count: 2000))
        send(Array(words.prefix(quick)), to: socket)
        for byte in words.dropFirst(quick) {
          usleep(100_000)
          guard send([byte], to: socket) else { return }
        }
      }
      let error = try await error(server.target(timeout: .milliseconds(800)))
      #expect(error.kind == .timedOut(quick == 0 ? .banner : .keyExchange), "\(error)")
    }

    /// SSH_MSG_IGNORE, SSH_MSG_DEBUG and SSH_MSG_UNIMPLEMENTED are allowed, but not without end.
    @Test(arguments: [[2, 0, 0, 0, 0], [4, 1, 0, 0, 0, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0]] as [[UInt8]])
    func floodInTheKeyExchange(payload: [UInt8]) async throws {
      let server = try FaultServer { socket, _ in
        send("SSH-2.0-Fault\r\n", to: socket)
        let packets = (0..<50).flatMap { _ in plainPacket(payload) }
        while send(packets, to: socket) {}
      }
      let error = try await error(server.target(timeout: .seconds(5)))
      #expect(error.kind == .protocolError(.keyExchange), "\(error)")
      #expect(error.message.contains("without end"), "\(error)")
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
      #expect(
        result.message.contains("MAC: the server has hmac-sha2-256-etm@openssh.com; libssh2"), "\(result)")
    }

    /// Two connections are dropped before their banner; the third is let in by a relay.
    @Test func droppedBeforeTheBannerIsTriedAgain() async throws {
      let server = try LoopbackServer()
      let relay = try FaultServer { socket, number in
        if number > 2 { Passage(to: server.port).pass(socket) }
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
