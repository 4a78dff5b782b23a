import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

/// Servers that stop, or talk nonsense, in the key exchange.
extension SSHTests.FaultTests {
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
}
