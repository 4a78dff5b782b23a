import MartletCore
import MartletTasks
import Testing

extension ServerTests {
  @Suite struct FilesTests {
    @Test func filesAndFolders() async throws {
      let server = try await Server.fresh()
      try await prove(on: server, exchanges: 3) {
        Directory("/srv/it's here", mode: 0o750, owner: "deploy", group: "www-data")
        File(
          "/srv/it's here/a \"file\" $HOME", content: "one\ntwo 'quoted' \\ é\n", mode: 0o640, owner: "deploy"
        )
        File("/etc/motd", content: "Managed host\n")
      }
      #expect(
        try await server.ask("stat", "-c", "%a %U %G %F", "/srv/it's here") == "750 deploy www-data directory"
      )
      #expect(try await server.ask("cat", "/srv/it's here/a \"file\" $HOME") == "one\ntwo 'quoted' \\ é")
      #expect(try await server.ask("stat", "-c", "%a %U", "/srv/it's here/a \"file\" $HOME") == "640 deploy")
    }
  }
}
