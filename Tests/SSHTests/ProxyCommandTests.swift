import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// Programs that do the connecting.
  @Suite struct ProxyCommandTests {
    /// Copies both ways between its standard streams and a port, as `nc` does.
    static let relay = """
      import os, socket, sys, threading
      s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
      def up():
          while True:
              b = os.read(0, 65536)
              if not b: break
              s.sendall(b)
          s.shutdown(socket.SHUT_WR)
      threading.Thread(target=up, daemon=True).start()
      while True:
          b = s.recv(65536)
          if not b: break
          view = memoryview(b)
          while view: view = view[os.write(1, view):]
      """

    func relayed(_ server: LoopbackServer) throws -> String {
      try Self.relay.write(toFile: server.path("relay.py"), atomically: true, encoding: .utf8)
      return "python3 \(server.path("relay.py")) 127.0.0.1 \(server.port)"
    }

    @Test func program() async throws {
      let server = try LoopbackServer()
      let command = try relayed(server)
      let connection = try await server.connect { $0.route = .command(command) }
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      let pattern = server.path("[r]elay.py")
      #expect(try processes(pattern) == 1)
      await connection.close()
      #expect(try await areGone(pattern))
    }

    @Test func openSSHAsProgram() async throws {
      let (bastion, server) = (try LoopbackServer(address: "127.0.0.2"), try LoopbackServer())
      let command =
        "ssh -F none -i \(bastion.path("id")) -o UserKnownHostsFile=\(bastion.path("known_hosts")) "
        + "-p \(bastion.port) -W 127.0.0.1:\(server.port) \(currentUser)@127.0.0.2"
      let connection = try await server.connect { $0.route = .command(command) }
      let size = 20 << 20
      let (sent, received, source) = (Sum(), Sum(), Generator(size))
      let status = try await connection.run(
        "cat",
        stdin: .pull {
          let bytes = source.next()
          if let bytes { sent.add(bytes) }
          return bytes
        }, limits: minute
      ) { received.add($0.bytes) }
      #expect(status == .code(0))
      #expect(received.count == size && received.value == sent.value)
      await connection.close()
    }

    /// The first host is reached by a program, and others by way of it.
    @Test func jumpHostBehindAProgram() async throws {
      let (bastion, server) = (try LoopbackServer(), try LoopbackServer())
      let command = try relayed(bastion)
      let connection = try await server.connect {
        var hop = bastion.target
        hop.route = .command(command)
        $0.route = .jump(through: hop)
      }
      #expect(try await connection.run("exit 4", limits: minute) == .code(4))
      await connection.close()
    }

    func error(_ command: String, timeout: Duration = .seconds(20)) async throws -> SSHError {
      var target = SSHTarget(host: "web1", user: currentUser)
      target.route = .command(command)
      target.connectTimeout = timeout
      let final = target
      let start = ContinuousClock.now
      let error = try await sshError { try await SSHConnection.connect(to: final) }
      #expect(ContinuousClock.now - start < min(timeout, .seconds(5)) + .seconds(2))
      return error
    }

    @Test func exitsAtOnce() async throws {
      let error = try await error("false")
      #expect(error.kind == .disconnected(.banner))
      #expect(error.message.contains("exited with status 1"), "\(error)")
    }

    @Test func says() async throws {
      let error = try await error("sh -c 'echo no way to $(printf \"\\033\")[2J web1 >&2; exit 255'")
      #expect(error.message.contains("no way to ?[2J web1"), "\(error)")
      #expect(error.message.contains("exited with status 255"), "\(error)")
    }

    @Test func doesNotExist() async throws {
      let error = try await error("/no/such/program --to web1")
      #expect(error.message.contains("/no/such/program"), "\(error)")
      #expect(error.message.contains("exited with status 127"), "\(error)")
    }

    @Test func hangs() async throws {
      let error = try await error("sh -c 'echo waiting >&2; sleep 47 & sleep 48'", timeout: .seconds(1))
      #expect(error.kind == .timedOut(.banner), "\(error)")
      #expect(error.message.contains("waiting"), "\(error)")
      // With all that it has started.
      #expect(try await areGone("^sleep 4[78]"))
    }

    @Test func talksNonsense() async throws {
      let error = try await error("yes", timeout: .seconds(5))
      #expect(error.kind == .protocolError(.banner), "\(error)")
    }

    /// Nothing of this process's files goes to the program, and its limits are the usual ones.
    @Test func inheritsNothing() async throws {
      let server = try LoopbackServer()
      let other = try await server.connect()
      let error = try await error("sh -c 'echo $(ls /proc/self/fd | tr \"\\n\" \" \") >&2; exit 1'")
      // 3 is the folder that ls reads.
      #expect(error.message.contains("it said: 0 1 2 3"), "\(error)")
      await other.close()
    }

    private func processes(_ pattern: String) throws -> Int {
      let count = try shell("pgrep -c -f -- '\(pattern)' || true", in: "/").split(separator: "\n").first
      return count.flatMap { Int($0) } ?? 0
    }

    private func areGone(_ pattern: String) async throws -> Bool {
      for _ in 0..<50 {
        if try processes(pattern) == 0 { return true }
        try await Task.sleep(for: .milliseconds(100))
      }
      return false
    }
  }
}
