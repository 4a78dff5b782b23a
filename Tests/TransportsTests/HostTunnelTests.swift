import Foundation
import Glibc
import MartletCore
import MartletTransports
import Synchronization
import TestSupport
import Testing

extension TransportTests {
  /// What is expected of a tunnel, whoever makes it.
  @Suite struct HostTunnelTests {
    @Test(arguments: Reach.Way.overSSH)
    func `Two hundred connections at once over one login`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: echo.port)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<200 {
          group.addTask { try await onThread { try converse(here, seed: number, size: 100_000) } }
        }
        try await group.waitForAll()
      }
      // libssh2 asks for one after the other: where that takes long, another login is made.
      #expect((1...2).contains(bench.server.logins))
      #expect(bench.reports == [])
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `Many bytes go both ways`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: echo.port)
      try await onThread { try converse(here, seed: 1, size: 8 << 20) }
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A client that has finished writing reads the answer`(way: Reach.Way) async throws {
      let bench = try TunnelBench(way)
      let counter = try FaultServer { socket, _ in
        var total = 0
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
          let count = read(socket, &buffer, buffer.count)
          if count <= 0 { break }
          total += count
        }
        send([UInt8](repeating: 9, count: total), to: socket)
      }
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: counter.port)
      let answer = try await onThread {
        let client = try LoopbackClient(here)
        try client.send([UInt8](repeating: 7, count: 3_000_000))
        shutdown(client.socket, Int32(SHUT_WR))
        return try client.readAll()
      }
      #expect(answer == [UInt8](repeating: 9, count: 3_000_000))
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A server that has finished writing reads on`(way: Reach.Way) async throws {
      let bench = try TunnelBench(way)
      let total = Mutex(0)
      let reader = try FaultServer { socket, _ in
        shutdown(socket, Int32(SHUT_WR))
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
          let count = read(socket, &buffer, buffer.count)
          if count <= 0 { break }
          total.withLock { $0 += count }
        }
      }
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: reader.port)
      try await onThread {
        let client = try LoopbackClient(here)
        #expect(try client.readAll().isEmpty)
        try client.send([UInt8](repeating: 7, count: 1_000_000))
      }
      _ = try await bench.waits { total.withLock { $0 } == 1_000_000 }
      #expect(total.withLock { $0 } == 1_000_000)
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A server that closes has the client's connection closed`(way: Reach.Way) async throws {
      let bench = try TunnelBench(way)
      let closing = try FaultServer { socket, _ in send("bye", to: socket) }
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: closing.port)
      try await onThread {
        let client = try LoopbackClient(here)
        #expect(try client.readAll() == Array("bye".utf8))
        // It doesn't stay half open: who goes on to write is told so.
        #expect(throws: (any Error).self) {
          for _ in 0..<500 {
            try client.send([1])
            usleep(10_000)
          }
        }
      }
      #expect(bench.reports == [])
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A client that doesn't read holds up no other`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let source = try FaultServer { socket, _ in
        let block = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<100 { guard send(block, to: socket) else { return } }
      }
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: source.port)
      let others = try await bench.listen(tunnel, to: echo.port)
      let slow = try (0..<4).map { _ in try LoopbackClient(here) }
      try await Task.sleep(for: .milliseconds(300))
      for number in 0..<5 { try await onThread { try converse(others, seed: number, size: 100_000) } }
      let total = try await onThread { try slow[0].readAll().count }
      #expect(total == 100 << 20)
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A connection that can't be made is told of, and the others go on`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let tunnel = try await bench.open()
      let nobody = try freePort()
      let good = try await bench.listen(tunnel, to: echo.port)
      let bad = try await bench.listen(tunnel, to: nobody)
      let client = try LoopbackClient(good)
      for count in 1...3 {
        try await onThread {
          // An error, not an end that could be taken for an empty answer.
          let unlucky = try LoopbackClient(bad)
          #expect(throws: (any Error).self) { _ = try unlucky.readAll() }
          try client.send([1, 2, 3])
          #expect(try client.read(3) == [1, 2, 3])
        }
        #expect(try await bench.waits { bench.reports.count == count })
      }
      #expect(bench.reports.allSatisfy { $0.hasPrefix("127.0.0.1:\(nobody): ") }, "\(bench.reports)")
      #expect(bench.reports.allSatisfy { $0.contains("can't connect to 127.0.0.1:\(nobody)") })
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A server that forbids it is told of`(way: Reach.Way) async throws {
      let bench = try TunnelBench(way, options: ["AllowTcpForwarding no"])
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: 80)
      try await onThread {
        let client = try LoopbackClient(here)
        #expect(throws: (any Error).self) { _ = try client.readAll() }
      }
      #expect(try await bench.waits { !bench.reports.isEmpty })
      let report = try #require(bench.reports.first)
      #expect(report.contains("doesn't allow connections through it"), "\(report)")
      #expect(report.contains("AllowTcpForwarding"), "\(report)")
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `Only this machine can connect where nobody says otherwise`(way: Reach.Way) async throws {
      let bench = try TunnelBench(way)
      let tunnel = try await bench.open()
      let places = try await tunnel.listen(try TunnelForward("0:localhost:80"))
      let port = try #require(places.first?.split(separator: ":").last)
      #expect(places == ["127.0.0.1:\(port)", "[::1]:\(port)"])
      let all = try await tunnel.listen(try TunnelForward("*:0:localhost:80"))
      let other = try #require(all.first?.split(separator: ":").last)
      #expect(all == ["0.0.0.0:\(other)", "[::]:\(other)"])
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A place that can't be had is an error`(way: Reach.Way) async throws {
      let (bench, taken) = (try TunnelBench(way), try Listener())
      let tunnel = try await bench.open()
      let file = bench.server.path("log")
      for (forward, says) in [
        (
          "\(taken.port):h:1",
          "127.0.0.1:\(taken.port): Address already in use; another program listens there"
        ),
        ("192.0.2.7:0:h:1", "this machine doesn't have that address"),
        ("\(file):h:1", "can't listen on \(file): Address already in use"),
        ("/nowhere/socket:h:1", "can't listen on /nowhere/socket: No such file or directory"),
      ] {
        let (error, _) = try await failure { _ = try await tunnel.listen(try TunnelForward(forward)) }
        #expect(error is HostTunnel.Failure)
        #expect("\(error)".contains(says), "\(error)")
      }
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A socket in the file system is this user's only`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let folder = bench.server.folder
      let path = bench.server.path("tunnel.sock")
      let tunnel = try await bench.open()
      #expect(try await tunnel.listen(try TunnelForward("\(path):127.0.0.1:\(echo.port)")) == [path])
      #expect(try shell("stat -c %a tunnel.sock", in: folder) == "600\n")
      let script = """
        import socket
        s = socket.socket(socket.AF_UNIX); s.connect('\(path)'); s.sendall(b'hello'); s.shutdown(1)
        print(s.makefile().read())
        """
      try script.write(toFile: bench.server.path("client.py"), atomically: true, encoding: .utf8)
      #expect(try shell("python3 client.py", in: folder) == "hello\n")
      await tunnel.close()
      #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test(arguments: Reach.Way.overSSH)
    func `A break is told, and the next connection logs in again`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: echo.port)
      for round in 1...2 {
        let client = try LoopbackClient(here)
        try await onThread {
          try client.send([1])
          #expect(try client.read(1) == [1])
        }
        try bench.server.dropConnections()
        let (error, after) = try await failure { try await tunnel.waitUntilBroken() }
        #expect(error is HostTunnel.Failure)
        #expect("\(error)".hasPrefix("127.0.0.1:\(bench.server.port): the connection "), "\(error)")
        #expect(after < .seconds(5))
        // An error, not an end that could be taken for all there is.
        #expect(throws: (any Error).self) { _ = try client.readAll() }
        try await onThread { try converse(here, seed: 1, size: 1000) }
        #expect(bench.server.logins == 1 + round)
      }
      await tunnel.close()
    }

    @Test(arguments: Reach.Way.overSSH)
    func `Closing it closes ports and connections`(way: Reach.Way) async throws {
      let (bench, echo) = (try TunnelBench(way), try EchoServer())
      let tunnel = try await bench.open()
      let here = try await bench.listen(tunnel, to: echo.port)
      let client = try LoopbackClient(here)
      try await onThread {
        try client.send([1])
        #expect(try client.read(1) == [1])
      }
      await tunnel.close()
      #expect(throws: (any Error).self) { _ = try LoopbackClient(here) }
      #expect(throws: (any Error).self) { _ = try client.readAll() }
    }

    @Test func `There is none to what isn't reached over SSH`() async throws {
      var here = InventoryHost(name: "here")
      for transport in [TransportChoice.local, .container(.podman)] {
        here.connection.transport = transport
        let (error, _) = try await failure { _ = try await HostTunnel.open(to: here, by: HostTransport()) }
        #expect(error is HostTunnel.Failure)
        #expect("\(error)" == "here is not reached over SSH: there is no tunnel to it")
      }
    }
  }
}
