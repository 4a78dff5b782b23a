import Foundation
import MartletCore
import MartletTransports
import Synchronization
import TestSupport
import Testing

/// A server, and tunnels to it.
final class TunnelBench: Sendable {
  let server: LoopbackServer
  let transport: HostTransport
  private let way: Reach.Way
  private let heard = Mutex<[String]>([])

  /// - Parameters:
  ///   - options: Further lines of sshd_config.
  ///   - configuration: The path of ssh's.
  init(_ way: Reach.Way, options: [String] = [], configuration: String = "none") throws {
    self.way = way
    server = try LoopbackServer(options: options)
    transport = HostTransport(configuration: configuration)
  }

  /// The server, as the inventory has it.
  var host: InventoryHost {
    var host = InventoryHost(name: "db1")
    host.connection.address = server.address
    host.connection.port = server.port
    host.connection.user = currentUser
    host.connection.keys = [server.path("id")]
    host.connection.knownHosts = [server.path("known_hosts")]
    host.connection.transport = way == .ssh ? .ssh : .openssh
    return host
  }

  /// What was reported of single connections.
  var reports: [String] { heard.withLock { $0 } }

  func open() async throws -> HostTunnel { try await HostTunnel.open(to: host, by: transport) }

  /// A loopback port that leads to the server's port.
  func listen(_ tunnel: HostTunnel, to port: Int) async throws -> Int {
    let places = try await tunnel.listen(try TunnelForward("0:127.0.0.1:\(port)")) { text in
      self.heard.withLock { $0.append(text) }
    }
    let here = places.first { $0.hasPrefix("127.0.0.1:") }
    return try #require(here?.split(separator: ":").last.flatMap { Int($0) })
  }

  /// Waits for what takes a moment.
  func waits(_ limit: Duration = .seconds(10), for isSo: () throws -> Bool) async throws -> Bool {
    let end = ContinuousClock.now + limit
    while try !isSo() {
      guard ContinuousClock.now < end else { return false }
      try await Task.sleep(for: .milliseconds(20))
    }
    return true
  }
}
