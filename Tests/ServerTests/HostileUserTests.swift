import Foundation
import MartletCore
import MartletTasks
import TestSupport
import Testing

extension ServerTests {
  /// Rows 50 to 52, 54 and 64: a play of root's in a folder of deploy's, who tries to become root by it.
  @Suite struct HostileUserTests {
    private static let place: RemotePath = "/home/deploy/d"

    /// A victim of root's, and deploy's folder with links to it.
    private func prepare() async throws -> (server: Server, victim: String) {
      let server = try await Server.fresh()
      _ = try await server.ask("sh", "-ec", Victim.making("/root/victim"))
      try await server.askAsDeploy(
        """
        cd; mkdir d d/sub; echo one >d/file; echo A=1 >d/env
        ln -s /root/victim bait; ln -s /root/victim/file baitfile
        """)
      return (server, try await server.ask("sh", "-c", Victim.listing("/root/victim")))
    }

    private func state(_ server: Server) async throws -> String {
      try await server.ask("sh", "-c", Victim.listing("/root/victim"))
    }

    @Test func anEnvironmentFileIsNeitherBelievedNorLedAstray() async throws {
      let server = try await Server.fresh()
      let profile = try await server.ask("sha256sum", "/etc/profile")
      try await server.askAsDeploy(
        """
        mkdir ~/e; cd ~/e; echo 'SECRET_KEY=x; touch /root/OWNED' >.env
        ln -s /etc/profile .env.martlet-new
        """)
      let path: RemotePath = "/home/deploy/e/.env"
      let run = try await server.run { EnvironmentFile(path, ["A": "1"], generated: ["SECRET_KEY"]) }
      #expect(run.failure == "")
      #expect(try await server.ask("sha256sum", "/etc/profile") == profile)
      let text = try await server.ask("cat", path.string)
      #expect(text.wholeMatch(of: /A=1\nSECRET_KEY=[A-Za-z0-9]{50}/) != nil, "\(text)")
      #expect(try await server.ask("stat", "-c", "%U %G %a", path.string) == "root root 640")
      let again = try await server.run { EnvironmentFile(path, ["A": "1"], generated: ["SECRET_KEY"]) }
      #expect(again.recap.changed == 0 && again.recap.exchanges == 1)
      #expect(try await server.ask("cat", path.string) == text)
      // What the owner himself may have written is taken over only if it looks like what Martlet makes.
      try await server.askAsDeploy("cd ~/e; echo 'SECRET_KEY=x; touch /root/OWNED' >own")
      let refused = try await server.run {
        EnvironmentFile("/home/deploy/e/own", ["A": "1"], generated: ["SECRET_KEY"], owner: "deploy")
      }
      #expect(refused.failure.contains("SECRET_KEY is none that Martlet has made"), "\(refused.failure)")
    }

    struct Attack: Sendable, CustomTestStringConvertible {
      var testDescription: String
      var move: Attacker.Move
      var task: any HostTask
    }

    static let attacks: [Attack] = [
      Attack(
        testDescription: "file", move: .watch("/home/deploy/d", bait: "/home/deploy/bait"),
        task: File(place / "file", content: "new\n", mode: 0o644, owner: "deploy")),
      Attack(
        testDescription: "attributes of a file",
        move: .exchange("/home/deploy/d/file", "/home/deploy/baitfile"),
        task: File(place / "file", content: "one\n", mode: 0o666)),
      Attack(
        testDescription: "template", move: .exchange("/home/deploy/d", "/home/deploy/bait"),
        task: Template(place / "file", text: "{{ x }}\n", vars: ["x": "new"], mode: 0o666, owner: "deploy")),
      Attack(
        testDescription: "line", move: .exchange("/home/deploy/d/file", "/home/deploy/baitfile"),
        task: LineInFile(place / "file", "two")),
      Attack(
        testDescription: "environment file", move: .exchange("/home/deploy/d/env", "/home/deploy/baitfile"),
        task: EnvironmentFile(place / "env", ["B": "2"], generated: ["KEY"], owner: "deploy")),
      Attack(
        testDescription: "folder", move: .exchange("/home/deploy/d/sub", "/home/deploy/bait"),
        task: Directory(place / "sub", mode: 0o777, owner: "deploy")),
      Attack(
        testDescription: "new folder", move: .exchange("/home/deploy/d", "/home/deploy/bait"),
        task: Directory(place / "new/er", mode: 0o777, owner: "deploy")),
      Attack(
        testDescription: "link", move: .exchange("/home/deploy/d", "/home/deploy/bait"),
        task: Symlink(place / "file.link", to: "anywhere")),
      Attack(
        testDescription: "removal", move: .exchange("/home/deploy/d", "/home/deploy/bait"),
        task: Absent(place / "file")),
    ]

    @Test func exchangedAllTheWhile() async throws {
      let (server, victim) = try await prepare()
      for attack in Self.attacks {
        try await server.attacked(by: Attacker(attack.move)) {
          for _ in 0..<rounds(1, long: 100) {
            _ = try await server.run { attack.task.steps(at: .init(file: "attack", line: 1)) }
            let after = try await state(server)
            #expect(after == victim, "\(attack.testDescription)")
            if after != victim { break }
          }
        }
        // deploy's own file may have been replaced by what he put there.
        try await server.askAsDeploy(
          """
          cd; rm -rf d bait baitfile; mkdir d d/sub; echo one >d/file; echo A=1 >d/env
          ln -s /root/victim bait; ln -s /root/victim/file baitfile
          """)
      }
      #expect(try await server.ask("find", "/root", "/etc", "-name", ".martlet*") == "")
    }

    /// What root reads for one file never gets into another.
    @Test func aSecretIsNotCarriedIntoAFileOfAnothers() async throws {
      let (server, _) = try await prepare()
      try await server.attacked(
        by: Attacker(.exchange("/home/deploy/d/file", "/home/deploy/baitfile"))
      ) {
        for _ in 0..<rounds(2, long: 100) {
          _ = try await server.run { LineInFile("/home/deploy/d/file", "two") }
        }
      }
      #expect(try await server.askAsDeploy("cat ~/d/file ~/baitfile 2>/dev/null | grep -c secret; :") == "0")
    }

    @Test func aTrustedLinkIsFollowed() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask("sh", "-ec", "mkdir -p /disk/data; ln -s /disk/data /srv/data")
      try await prove(on: server) {
        Directory("/srv/data", mode: 0o750, owner: "deploy", followsLink: true)
        File("/srv/data/file", content: "x\n")
        Directory("/srv/data/a/b")
      }
      #expect(try await server.ask("stat", "-c", "%F %a %U", "/disk/data") == "directory 750 deploy")
      #expect(try await server.ask("readlink", "/srv/data") == "/disk/data")
      // deploy's own link is not.
      try await server.askAsDeploy("cd; ln -s /root his")
      let run = try await server.run { Directory("/home/deploy/his", mode: 0o755, followsLink: true) }
      #expect(
        run.failure.contains("/home/deploy/his is a symbolic link that deploy could lead elsewhere"),
        "\(run.failure)")
      #expect(try await server.ask("stat", "-c", "%a", "/root") == "700")
    }

    /// Row 11.
    @Test func whatExistsKeepsItsMode() async throws {
      let server = try await Server.fresh()
      _ = try await server.ask(
        "sh", "-ec",
        "mkdir -p -m 700 /root/.ssh /etc/own; (umask 077; echo old >/etc/own/file; echo A=1 >/etc/own/env)")
      try await prove(on: server) {
        Directory("/root/.ssh")
        Directory("/root/new")
        File("/etc/own/file", content: "new\n")
        File("/etc/own/other", content: "new\n")
        Template("/etc/own/template", text: "x\n")
        LineInFile("/etc/own/line", "x", create: 0o600)
        EnvironmentFile("/etc/own/env", ["A": "2"])
        File("/etc/plain", content: "x\n")
      }
      let modes = try await server.ask(
        "stat", "-c", "%a", "/root/.ssh", "/root/new", "/etc/own/file", "/etc/own/other", "/etc/own/template",
        "/etc/own/env", "/etc/plain")
      #expect(modes == "700\n700\n600\n600\n600\n600\n644")
    }
  }
}
