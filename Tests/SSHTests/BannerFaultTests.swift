import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

/// Servers that greet in the wrong way, or take their time.
extension SSHTests.FaultTests {
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
}
