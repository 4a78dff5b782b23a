import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import TestSupport
import Testing

extension ServerTests {
  /// `git pull` over SSH on the host, with the keys of who deploys.
  @Suite struct AgentForwardingTests {
    @Test func rootUsesTheAgentOfWhoLogsIn() async throws {
      let server = try await Server.fresh()
      let files = try TemporaryFolder(mode: 0o700)
      let agent = try Agent(files.path)
      try agent.add(Server.lab.privateKey)
      var host = try server.host(user: "deploy")
      host.connection.sshOptions = ["ForwardAgent=yes", "IdentityAgent=\(agent.socket)"]
      let events = RecordedEvents()
      // Without a key to log in to the second account there, but for the agent's.
      let login = "ssh -o StrictHostKeyChecking=no -o BatchMode=yes guest@localhost id -un"
      let plays = Plays(items: [
        Play("Test", on: "all", become: .root) {
          Command("\(raw: login) >/root/as-guest 2>/root/errors", creates: "/root/as-guest")
        }
      ])
      let code = await Engine(
        transport: HostTransport(configuration: "none"), options: RunOptions(), sink: events
      ).run(plays, named: "Test", inventory: Inventory(hosts: [host]))
      let errors = try await server.ask("sh", "-c", "cat /root/errors || true")
      #expect(code == 0, "\(errors)")
      #expect(try await server.ask("cat", "/root/as-guest") == "guest")
    }
  }
}
