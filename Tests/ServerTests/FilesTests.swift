import Foundation
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
        Template(
          "/etc/shop.conf", text: "{% if debug %}\ndebug\n{% endif %}\nname = {{ name }}\n",
          vars: [
            "debug": false, "name": "it's $HOME",
          ])
      }
      #expect(
        try await server.ask("stat", "-c", "%a %U %G %F", "/srv/it's here") == "750 deploy www-data directory"
      )
      #expect(try await server.ask("cat", "/srv/it's here/a \"file\" $HOME") == "one\ntwo 'quoted' \\ é")
      #expect(try await server.ask("stat", "-c", "%a %U", "/srv/it's here/a \"file\" $HOME") == "640 deploy")
      #expect(try await server.ask("cat", "/etc/shop.conf") == "name = it's $HOME")
    }

    @Test func driftIsMended() async throws {
      let server = try await Server.fresh()
      @Sendable func tasks() -> Plays {
        Plays(items: [
          Play("Test", on: "all") {
            Directory("/srv/shop", owner: "deploy")
            File("/srv/shop/a", content: "a\n", mode: 0o640)
            File("/srv/shop/b", content: "b\n")
          }
        ])
      }
      #expect(try await server.run(tasks()).code == 0)
      _ = try await server.ask("sh", "-c", "chmod 777 /srv/shop/a; echo c >/srv/shop/b; chown root /srv/shop")
      let run = try await server.run(tasks())
      #expect(run.recap.changed == 3)
      #expect(
        try await server.ask("sh", "-c", "stat -c '%n %a %U' /srv/shop /srv/shop/*; cat /srv/shop/b")
          == "/srv/shop 755 deploy\n/srv/shop/a 640 root\n/srv/shop/b 644 root\nb")
    }

    @Test func linksLinesAndWhatIsToGo() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask(
        "sh", "-c", "mkdir -p /srv/old/deep; touch /srv/old/deep/file '/srv/an old file'")
      try await prove(on: server, exchanges: 3) {
        Symlink("/srv/current", to: "/srv/releases")
        LineInFile(
          "/etc/ssh/sshd_config", "PasswordAuthentication no", replacing: "^#?PasswordAuthentication")
        LineInFile("/etc/ssh/sshd_config", "MaxAuthTries 4", replacing: "^#?MaxAuthTries")
        LineInFile("/etc/hosts", "10.0.0.5 db")
        LineInFile("/etc/hosts", removing: "^127\\.0\\.1\\.1")
        Absent("/srv/old")
        Absent("/srv/an old file")
      }
      #expect(try await server.ask("readlink", "/srv/current") == "/srv/releases")
      #expect(try await server.ask("sshd", "-T").contains("passwordauthentication no"))
      #expect(try await server.ask("sshd", "-T").contains("maxauthtries 4"))
      #expect(
        try await server.ask("sh", "-c", "getent hosts db; grep -c 127.0.1.1 /etc/hosts").hasSuffix("db\n0"))
      #expect(try await server.ask("sh", "-c", "ls /srv") == "current")
    }

    @Test func anUploadSendsWhatDiffers() async throws {
      let server = try await Server.fresh()
      let tree = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-tree-\(UUID())")
      defer { try? FileManager.default.removeItem(at: tree) }
      for folder in ["app/it's \"deep\" $(x)", "app/skipped"] {
        try FileManager.default.createDirectory(
          at: tree.appendingPathComponent(folder), withIntermediateDirectories: true)
      }
      func write(_ text: String, _ name: String) throws {
        try Data(text.utf8).write(to: tree.appendingPathComponent(name))
      }
      try write("print()\n", "app/it's \"deep\" $(x)/main.py")
      try write("#!/bin/sh\n", "app/run")
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: tree.appendingPathComponent("app/run").path)
      try write(String(repeating: "large ", count: 100_000), "app/large")
      try write("x", "app/skipped/x.pyc")
      let source = tree.appendingPathComponent("app").path
      try await prove(on: server) {
        TreeUpload(source, to: "/srv/app", owner: "deploy", excludes: ["*.pyc"], deleteExtraneous: true)
      }
      #expect(
        try await server.ask(
          "sh", "-c", "cd /srv/app; find . -type f -printf '%p %m %U %s\\n' | sort | sed 's/ 100[0-9] / u /'")
            == """
            ./it's "deep" $(x)/main.py 644 u 8
            ./large 644 u 600000
            ./run 755 u 10
            """)
      try write("print(1)\n", "app/it's \"deep\" $(x)/main.py")
      _ = try await server.ask("touch", "/srv/app/extra")
      let run = try await server.run {
        TreeUpload(source, to: "/srv/app", owner: "deploy", excludes: ["*.pyc"], deleteExtraneous: true)
      }
      #expect(run.failure == "")
      #expect(run.recap.exchanges == 3)
      let left = try await server.ask("sh", "-c", "cat /srv/app/it*/main.py; cd /srv; find . | sort")
      #expect(
        left == """
          print(1)
          .
          ./app
          ./app/it's "deep" $(x)
          ./app/it's "deep" $(x)/main.py
          ./app/large
          ./app/run
          ./app/skipped
          """)
    }
  }
}
