import Foundation
import Glibc
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct DialTests {
    func loopback(_ port: Int) throws -> SocketAddress {
      try #require(Resolver.numeric("127.0.0.1", port: port)?.first)
    }

    @Test func numericAddresses() throws {
      #expect(Resolver.numeric("127.0.0.1", port: 22)?.map(\.text) == ["127.0.0.1"])
      #expect(Resolver.numeric("::1", port: 22)?.map(\.family) == [AF_INET6])
      #expect(Resolver.numeric("localhost", port: 22) == nil)
    }

    @Test(.enabled(if: hasIPv6)) func ipv6() async throws {
      let server = try LoopbackServer(address: "::1")
      let connection = try await server.connect()
      #expect(try await connection.run("exit 4", limits: minute) == .code(4))
      await connection.close()
    }

    /// The first refuses, the second swallows packets; each gets its share of the time.
    @Test func addressesAreTriedInTurn() async throws {
      let server = try LoopbackServer()
      let full = try FullListener()
      let addresses = [try loopback(freePort()), try loopback(full.port), try loopback(server.port)]
      try shell("sed 's/.127.0.0.1./[many]/' known_hosts > many", in: server.folder)
      let start = ContinuousClock.now
      let connection = try await server.connect {
        $0.host = "many"
        $0.lookUp = { .success(addresses) }
        $0.knownHosts.files = [server.path("many")]
        $0.connectTimeout = .seconds(2)
      }
      #expect(try await connection.run("exit 4", limits: minute) == .code(4))
      #expect(ContinuousClock.now - start < .seconds(2))
      await connection.close()

      let error = try await failure { () async throws(SSHError) in
        var target = SSHTarget(host: "many", port: 22, user: "u")
        target.lookUp = { .success(Array(addresses.prefix(2))) }
        target.connectTimeout = .seconds(1)
        return try await SSHConnection.connect(to: target)
      }
      #expect([.unreachable, .timedOut(.connecting)].contains(error.kind), "\(error)")
    }

    /// DNS that doesn't answer holds up neither the deadline nor other connections.
    @Test func lookUpThatHangs() async throws {
      let server = try LoopbackServer()
      let start = ContinuousClock.now
      let hanging = Task {
        var target = SSHTarget(host: "slow", user: "u")
        target.lookUp = {
          sleep(3)
          return .failure(Resolver.Failure(reason: "late"))
        }
        target.connectTimeout = .milliseconds(400)
        return try await SSHConnection.connect(to: target)
      }
      let connection = try await server.connect()
      await connection.close()
      let result = await hanging.result
      #expect(ContinuousClock.now - start < .seconds(2))
      let error = try #require(throws: SSHError.self) { _ = try result.get() }
      #expect(error.kind == .timedOut(.resolving))
    }

    /// Dead peers can't be had on loopback; that the kernel was told to look for them can be seen.
    @Test func socketOptions() async throws {
      let server = try LoopbackServer()
      let connection = try await server.connect { $0.peerTimeout = .seconds(12) }
      let socket = try #require(await connection.socket)
      func option(_ level: Int32, _ name: Int32) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        getsockopt(socket, level, name, &value, &size)
        return value
      }
      let tcp = Int32(IPPROTO_TCP)
      #expect(option(SOL_SOCKET, SO_KEEPALIVE) == 1)
      #expect(option(tcp, 1) == 1)  // TCP_NODELAY
      #expect(option(tcp, 4) == 6)  // TCP_KEEPIDLE
      #expect(option(tcp, 5) == 2)  // TCP_KEEPINTVL
      #expect(option(tcp, 6) == 3)  // TCP_KEEPCNT
      #expect(option(tcp, 18) == 12_000)  // TCP_USER_TIMEOUT
      await connection.close()
    }

    /// sshd before 10 holds the answer to the first request back until the client has acknowledged all, which
    /// takes it 40 ms unless it is told to be quick.
    @Test func firstCommandStartsWithoutTheDelayedAcknowledgement() async throws {
      let server = try LoopbackServer()
      var best = Duration.seconds(1)
      for _ in 0..<6 {
        let connection = try await server.connect()
        let start = ContinuousClock.now
        _ = try await connection.start("true", limits: minute)
        best = min(best, ContinuousClock.now - start)
        await connection.close()
      }
      #expect(best < .milliseconds(30))
    }

    /// However a connection ends, its descriptors go with it.
    @Test func nothingIsLeftOpen() async throws {
      let server = try LoopbackServer()
      func descriptors() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
      }
      _ = try await server.connect().close()
      let before = descriptors()
      for _ in 0..<5 {
        let dropped = try await server.connect()
        _ = try await dropped.run("true", limits: minute)
        let closed = try await server.connect()
        await closed.close()
        let cancelled = Task { try await server.connect() }
        cancelled.cancel()
        _ = await cancelled.result
        _ = try await failure { () async throws(SSHError) in
          var target = server.target
          target.knownHosts.files = []
          return try await SSHConnection.connect(to: target)
        }
      }
      for _ in 0..<200 where descriptors() > before { try await Task.sleep(for: .milliseconds(10)) }
      #expect(descriptors() <= before)
    }
  }
}

extension SSHConnection {
  fileprivate var socket: Int32? { (link?.carrier as? SocketCarrier)?.socket }
}

private var hasIPv6: Bool {
  let socket = Glibc.socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(socket) }
  var address = sockaddr_in6()
  address.sin6_family = sa_family_t(AF_INET6)
  address.sin6_addr = in6addr_loopback
  return withUnsafeBytes(of: &address) { raw in
    guard let base = raw.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
    return bind(socket, base, socklen_t(raw.count)) == 0
  }
}

/// A listener whose queue is full: it swallows a connection's first packet, as a firewall does.
final class FullListener: Sendable {
  private let listener: Listener
  private let blockers: [Int32]
  var port: Int { listener.port }

  init() throws {
    let listener = try Listener(backlog: 0)
    self.listener = listener
    blockers = (0..<4).map { _ in
      let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = UInt16(listener.port).bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      _ = withUnsafeBytes(of: &address) { raw in
        raw.baseAddress.map {
          connect(socket, $0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
        }
      }
      return socket
    }
  }

  deinit { for blocker in blockers { close(blocker) } }
}
