import Foundation
import MartletCore
import MartletEngine
import MartletTransports
import Synchronization
import TestSupport
import Testing

/// Unknown hosts of an inventory: asked about once, before the first is connected to.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HostKeyQuestionTests {
  /// Someone who trusts the keys of these hosts.
  final class Person: HostKeyQuestions {
    let trusted: Set<String>
    let tables = Mutex<[[UnknownHostKey]]>([])

    init(trusting trusted: Set<String>) { self.trusted = trusted }

    func accept(_ table: [UnknownHostKey]) async -> Set<UnknownHostKey> {
      tables.withLock { $0.append(table) }
      return Set(table.filter { !trusted.isDisjoint(with: $0.hosts) })
    }
  }

  func host(_ name: String, _ server: LoopbackServer, knownHosts: String) -> InventoryHost {
    var host = InventoryHost(name: name)
    host.connection.address = server.address
    host.connection.port = server.port
    host.connection.user = currentUser
    host.connection.keys = [server.path("id")]
    host.connection.knownHosts = [knownHosts]
    return host
  }

  func reach(_ host: InventoryHost, _ transport: SSHTransport) async -> String {
    do {
      let session = try await transport.connect(to: host)
      await session.close()
      return "ok"
    } catch {
      return "\(error)"
    }
  }

  @Test func `One question for all, and known hosts are not looked at`() async throws {
    let servers = try (0..<3).map { _ in try LoopbackServer() }
    let file = servers[0].path("learned")
    var hosts = servers.enumerated().map { host("web\($0.offset)", $0.element, knownHosts: file) }
    hosts.append(host("again", servers[0], knownHosts: file))
    hosts.append(host("known", servers[1], knownHosts: servers[1].path("known_hosts")))
    var gone = hosts[0]
    gone.connection.port = try freePort()
    hosts.append(gone)

    let person = Person(trusting: ["web0", "web1"])
    let transport = SSHTransport(hostKeyQuestions: person)
    let notices = try await transport.prepare(for: hosts)
    let table = try #require(person.tables.withLock { $0 }.first)
    #expect(person.tables.withLock { $0.count } == 1)
    #expect(table.map(\.hosts) == [["web0", "again"], ["web1"], ["web2"]])
    let shown = try shell("ssh-keygen -lf host_ed25519.pub", in: servers[2].folder)
    #expect(shown.contains(table[2].fingerprint) && table[2].type == "ssh-ed25519")
    #expect(notices.count == 2 && notices.allSatisfy(\.verboseOnly))
    let written = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
    #expect(written.count == 2)

    #expect(await reach(hosts[0], transport) == "ok")
    #expect(await reach(hosts[3], transport) == "ok")
    #expect(await reach(hosts[2], transport).contains("key is not known"))
    #expect(!servers[2].log.contains("Accepted"))
    // The next run knows them, and asks about the one that was turned down.
    let next = Person(trusting: [])
    _ = try await SSHTransport(hostKeyQuestions: next).prepare(for: hosts)
    #expect(next.tables.withLock { $0.map { $0.map(\.hosts) } } == [[["web2"]]])
    let before = servers[0].log.components(separatedBy: "Connection from").count
    _ = try await SSHTransport(hostKeyQuestions: next).prepare(for: [hosts[0], hosts[4]])
    #expect(next.tables.withLock { $0.count } == 1)
    #expect(servers[0].log.components(separatedBy: "Connection from").count == before)
  }

  @Test func `A key that can't be written down is trusted for the run, and that is said`() async throws {
    let server = try LoopbackServer()
    try shell("printf x > file", in: server.folder)
    let host = host("web", server, knownHosts: server.path("file/known"))
    let transport = SSHTransport(hostKeyQuestions: Person(trusting: ["web"]))
    let notices = try await transport.prepare(for: [host])
    #expect(notices.count == 1 && notices.allSatisfy { !$0.verboseOnly && $0.host == "web" })
    #expect(notices.first?.message.contains(server.path("file/known")) ?? false)
    #expect(await reach(host, transport) == "ok")
  }

  @Test func `Where nobody can be asked, nothing is`() async throws {
    let server = try LoopbackServer()
    let host = host("web", server, knownHosts: server.path("none"))
    let transport = SSHTransport()
    #expect(try await transport.prepare(for: [host]).isEmpty)
    #expect(!server.log.contains("Connection from"))
    #expect(await reach(host, transport).contains("key is not known"))
  }
}
