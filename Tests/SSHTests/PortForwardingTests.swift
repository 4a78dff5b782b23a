import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// Ports here that lead to ports there.
  @Suite struct PortForwardingTests {
    func forward(
      _ server: LoopbackServer, to port: Int, on listener: PortForwarding.Listener = .port(0),
      report: @escaping @Sendable (SSHError) -> Void = { _ in }
    ) async throws -> (PortForwarding, [String]) {
      let forwarding = try await PortForwarding.connect(to: server.target)
      return (
        forwarding, try await forwarding.listen(on: listener, to: "127.0.0.1", port: port, report: report)
      )
    }

    func port(_ places: [String]) throws -> Int {
      try #require(
        places.first { $0.hasPrefix("127.0.0.1:") }?.split(separator: ":").last.flatMap { Int($0) })
    }

    @Test func manyAtOnce() async throws {
      let (server, echo) = (try LoopbackServer(), try EchoServer())
      let (forwarding, places) = try await forward(server, to: echo.port)
      let here = try port(places)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<100 {
          group.addTask { try await onThread { try converse(here, seed: number, size: 200_000) } }
        }
        try await group.waitForAll()
      }
      // On a loaded machine an answer may take so long that another login is made.
      #expect((1...2).contains(server.logins))
      await forwarding.close()
      #expect(throws: (any Error).self) { _ = try LoopbackClient(here) }
    }

    @Test func largeBothWays() async throws {
      let (server, echo) = (try LoopbackServer(), try EchoServer())
      let (forwarding, places) = try await forward(server, to: echo.port)
      let here = try port(places)
      let start = ContinuousClock.now
      try await onThread { try converse(here, seed: 1, size: 50 << 20) }
      print("50 MB both ways through a tunnel: \(ContinuousClock.now - start)")
      await forwarding.close()
    }

    /// A client that doesn't read keeps its own connection waiting, in bounded memory, and no other.
    @Test func slowClient() async throws {
      let server = try LoopbackServer()
      let source = try FaultServer { socket, _ in
        let block = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<200 { guard send(block, to: socket) else { return } }
      }
      let echo = try EchoServer()
      let (forwarding, places) = try await forward(server, to: source.port)
      let others = try port(try await forwarding.listen(on: .port(0), to: "127.0.0.1", port: echo.port))
      let here = try port(places)
      let slow = try (0..<4).map { _ in try LoopbackClient(here) }
      try await Task.sleep(for: .milliseconds(300))
      for number in 0..<5 { try await onThread { try converse(others, seed: number, size: 100_000) } }
      let total = try await onThread { try slow[0].readAll().count }
      #expect(total == 200 << 20)
      await forwarding.close()
    }

    /// What fails is told, and the others go on.
    @Test func errorsOfOne() async throws {
      let (server, echo) = (try LoopbackServer(), try EchoServer())
      let reports = Mutex<[String]>([])
      let (forwarding, places) = try await forward(server, to: try freePort()) { error in
        reports.withLock { $0.append(error.description) }
      }
      let good = try port(try await forwarding.listen(on: .port(0), to: "127.0.0.1", port: echo.port))
      let bad = try port(places)
      let client = try LoopbackClient(good)
      try await onThread {
        let refused = try LoopbackClient(bad)
        #expect((try? refused.readAll().count) ?? 0 == 0)
        try client.send([1, 2, 3])
        #expect(try client.read(3) == [1, 2, 3])
      }
      #expect(reports.withLock { $0 }.first?.contains("can't connect to 127.0.0.1") == true)
      await forwarding.close()
    }

    @Test func portInUse() async throws {
      let (server, taken) = (try LoopbackServer(), try Listener())
      let forwarding = try await PortForwarding.connect(to: server.target)
      let error = try await sshError {
        try await forwarding.listen(on: .port(taken.port), to: "localhost", port: 80)
      }
      #expect(error.kind == .local)
      #expect(error.message.contains("127.0.0.1:\(taken.port)"), "\(error)")
      #expect(error.message.contains("another program listens there"), "\(error)")
      let foreign = try await sshError {
        try await forwarding.listen(on: .port(0, address: "192.0.2.7"), to: "localhost", port: 80)
      }
      #expect(foreign.message.contains("doesn't have that address"), "\(foreign)")
      await forwarding.close()
    }

    @Test func socketInTheFileSystem() async throws {
      let (server, echo) = (try LoopbackServer(), try EchoServer())
      let path = server.path("tunnel.sock")
      let (forwarding, places) = try await forward(server, to: echo.port, on: .socket(path))
      #expect(places == [path])
      #expect(try shell("stat -c %a tunnel.sock", in: server.folder) == "600\n")
      let second = try await sshError { try await forwarding.listen(on: .socket(path), to: "h", port: 1) }
      #expect(second.message.contains(path), "\(second)")
      let script = """
        import socket
        s = socket.socket(socket.AF_UNIX); s.connect('\(path)'); s.sendall(b'hello'); s.shutdown(1)
        print(s.makefile().read())
        """
      try script.write(toFile: server.path("client.py"), atomically: true, encoding: .utf8)
      #expect(try shell("python3 client.py", in: server.folder) == "hello\n")
      await forwarding.close()
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func breakIsTold() async throws {
      let (server, echo) = (try LoopbackServer(), try EchoServer())
      let (forwarding, places) = try await forward(server, to: echo.port)
      let here = try port(places)
      let client = try LoopbackClient(here)
      try await onThread {
        try client.send([1])
        #expect(try client.read(1) == [1])
      }
      try server.dropConnections()
      let error = try await sshError { try await forwarding.waitUntilBroken() }
      #expect(error.port == server.port)
      // The client sees an error, not an end that could be taken for all there is.
      #expect(throws: (any Error).self) { _ = try client.readAll() }
      try await onThread { try converse(here, seed: 1, size: 1000) }
      #expect(server.logins == 2)
      await forwarding.close()
    }
  }
}
