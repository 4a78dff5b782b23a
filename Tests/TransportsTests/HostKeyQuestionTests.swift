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
    let transport = SSHTransport(configuration: "none", hostKeyQuestions: person)
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
    _ = try await SSHTransport(configuration: "none", hostKeyQuestions: next).prepare(for: hosts)
    #expect(next.tables.withLock { $0.map { $0.map(\.hosts) } } == [[["web2"]]])
    let before = servers[0].log.components(separatedBy: "Connection from").count
    _ = try await SSHTransport(configuration: "none", hostKeyQuestions: next).prepare(for: [
      hosts[0], hosts[4],
    ])
    #expect(next.tables.withLock { $0.count } == 1)
    #expect(servers[0].log.components(separatedBy: "Connection from").count == before)
  }

  /// Who is behind an unknown jump host can't be seen before that one is trusted: one more question, for all of them.
  @Test(arguments: [false, true]) func `A jump host is asked about first`(isInTheInventory: Bool) async throws
  {
    let bastion = try LoopbackServer(address: "127.0.0.2")
    let servers = try (0..<2).map { _ in try LoopbackServer() }
    let (file, configuration) = (bastion.path("learned"), bastion.path("config"))
    try """
    Host front
      HostName \(bastion.address)
      Port \(bastion.port)
      User \(currentUser)
      IdentityFile \(bastion.path("id"))
      IdentityAgent none
    Host *
      UserKnownHostsFile \(file)
      GlobalKnownHostsFile /dev/null

    """.write(toFile: configuration, atomically: true, encoding: .utf8)
    var hosts = servers.enumerated().map { host("web\($0.offset)", $0.element, knownHosts: "") }
    for index in hosts.indices {
      hosts[index].connection.knownHosts = []
      hosts[index].connection.sshOptions = ["ProxyJump=front"]
    }
    if isInTheInventory { hosts.append(InventoryHost(name: "front")) }
    let jump = isInTheInventory ? "front" : "jump host 127.0.0.2"

    let nobody = Person(trusting: [])
    var transport = SSHTransport(configuration: configuration, hostKeyQuestions: nobody)
    _ = try await transport.prepare(for: hosts)
    #expect(nobody.tables.withLock { $0.map { $0.map(\.hosts) } } == [[[jump]]])
    #expect(await reach(hosts[0], transport).contains("jump host on the way"))
    #expect(!bastion.log.contains("Accepted"))

    let person = Person(trusting: [jump, "web0"])
    transport = SSHTransport(configuration: configuration, hostKeyQuestions: person)
    let notices = try await transport.prepare(for: hosts)
    #expect(person.tables.withLock { $0.map { $0.map(\.hosts) } } == [[[jump]], [["web0"], ["web1"]]])
    #expect(notices.count == 2 && notices.allSatisfy(\.verboseOnly), "\(notices)")
    #expect(await reach(hosts[0], transport) == "ok")
    #expect(await reach(hosts[1], transport).contains("key is not known"))
    #expect(try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").count == 2)

    // Where nothing can be written down, what was confirmed counts for the run.
    try shell("sed -i 's|/learned|/id/learned|' config", in: bastion.folder)
    let forOnce = Person(trusting: [jump, "web1"])
    transport = SSHTransport(configuration: configuration, hostKeyQuestions: forOnce)
    #expect(try await transport.prepare(for: hosts).filter { !$0.verboseOnly }.count == 2)
    #expect(await reach(hosts[1], transport) == "ok")
  }

  @Test func `A key that can't be written down is trusted for the run, and that is said`() async throws {
    let server = try LoopbackServer()
    try shell("printf x > file", in: server.folder)
    let host = host("web", server, knownHosts: server.path("file/known"))
    let transport = SSHTransport(configuration: "none", hostKeyQuestions: Person(trusting: ["web"]))
    let notices = try await transport.prepare(for: [host])
    #expect(notices.count == 1 && notices.allSatisfy { !$0.verboseOnly && $0.host == "web" })
    #expect(notices.first?.message.contains(server.path("file/known")) ?? false)
    #expect(await reach(host, transport) == "ok")
  }

  @Test func `Where nobody can be asked, nothing is`() async throws {
    let server = try LoopbackServer()
    let host = host("web", server, knownHosts: server.path("none"))
    let transport = SSHTransport(configuration: "none")
    #expect(try await transport.prepare(for: [host]).isEmpty)
    #expect(!server.log.contains("Connection from"))
    #expect(await reach(host, transport).contains("key is not known"))
  }
}
