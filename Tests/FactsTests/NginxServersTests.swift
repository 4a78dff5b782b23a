import MartletCore
import TestSupport
import Testing

@testable import MartletFacts

@Suite struct NginxServersTests {
  @Test(arguments: LocalShell.allCases) func serverBlocks(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write(
      "conf.d/a.conf", "upstream x { server unix:/a fail_timeout=0; }\n# server { listen 1; }\n")
    try folder.write(
      "sites-enabled/one",
      """
      server {
          listen 80 default_server; listen [::]:8080 ssl;
          server_name One.example
              *.b.example;
          location / { return 301 https://$host#x; }
      }
      server{listen 127.0.0.1:81;server_name "_";}
      server { root /x; }
      """)
    let result = try await shell.run(NginxServers.probe(in: RemotePath(folder.path)))
    let servers = try #require(
      try NginxServers.parse(ProbeOutput(result.output), for: [NginxServers()])[NginxServers()])
    #expect(servers.count == 3)
    #expect(servers[0].names == ["one.example", "*.b.example"] && servers[0].ports == [80, 8080])
    #expect(servers[0].isDefault(on: 80) && !servers[0].isDefault(on: 8080) && !servers[0].isUnnamed)
    #expect(servers[1].ports == [] && servers[1].isUnnamed)
    #expect(servers[2].ports == [80] && servers[2].isUnnamed)
    #expect(servers.allSatisfy { $0.file == folder.path + "/sites-enabled/one" })
  }
}
