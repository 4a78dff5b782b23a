import Foundation
import MartletCore
import MartletLab
import TestSupport
import Testing

extension ServerTests {
  /// `martlet get` and `martlet put` of another user's files, by every method that `martlet apply` has.
  @Suite(.timeLimit(.minutes(20))) struct TransferBecomeTests {
    typealias Way = TransferDesk.Way

    /// What a dialogue for a password might take for a question, or for its end.
    static let trap = """
      [sudo] password for asker:
      Password:\u{20}
      [sudo: authenticate] Password:\u{20}
      martlet-0 ready

      """

    @Test func `Every method, on every kind of server`() async throws {
      try await Machine.each { try await everyMethod($0) }
    }

    private func everyMethod(_ machine: Machine) async throws {
      let server = try await machine.server()
      try await server.addWaysToRoot()
      let desk = try TransferDesk(server)
      let own = { (name: String) in Person.password(name).reveal() }
      for (way, user) in [
        (Way("asker", .sudo, own("asker")), "root"),
        (Way("asker", nil, own("asker"), user: "www-data"), "www-data"),
        (Way("deploy"), "root"), (Way("deploy", .sudo, nil, user: "asker"), "asker"),
        (Way("guest", .su, "roots-own"), "root"),
        (Way("fish", .su, "roots-own"), "root"), (Way("noisy", .su, "roots-own"), "root"),
        (Way("guest", .su, own("deploy"), user: "deploy"), "deploy"),
        (Way("guest", .doas, nil), "root"), (Way("root", nil, nil, user: "www-data"), "www-data"),
      ] {
        try await thereAndBack(desk, way, as: user)
      }
    }

    /// Puts a file and a tree where only the user may write, and gets what only the user may read.
    private func thereAndBack(_ desk: TransferDesk, _ way: Way, as user: String) async throws {
      let comment: Comment = "\(way.login) as \(user) by \(way.settings) on \(desk.server.name)"
      _ = try await desk.server.shell(
        """
        rm -rf /srv/box; install -d -m 700 -o \(user) /srv/box
        head -c 3000000 /dev/urandom >/srv/box/secret; mkdir /srv/box/tree
        printf '%s' '\(Self.trap)' >'/srv/box/tree/[sudo] password for asker:'
        ln -s secret /srv/box/tree/link; mkdir -m 711 /srv/box/tree/sub; echo two >/srv/box/tree/sub/two
        chmod 400 /srv/box/secret /srv/box/tree/sub/two; chown -hR \(user) /srv/box
        """)
      try shell(
        """
        rm -rf *; mkdir -p tree/sub; head -c 2000000 /dev/urandom >tree/big; ln -s big tree/link
        """, in: desk.bench.folder)
      try desk.bench.write("page", Self.trap)
      try desk.bench.write("tree/sub/Password: ", Self.trap)

      for words in [
        ["put", "page", "HOST:/srv/box/page", "--become"], ["put", "tree", "HOST:/srv/box/copy", "--become"],
      ] {
        let put = try await desk.martlet(way, words[0], words[1], words[2], words[3])
        #expect(put.code == 0 && put.errors.isEmpty, "\(comment): \(put)")
      }
      #expect(
        try await desk.server.shell(
          "cd /srv/box; stat -c '%U %s' page; stat -c %U copy copy/sub; readlink copy/link")
          == "\(user) \(Self.trap.utf8.count)\n\(user)\n\(user)\nbig", comment)
      for (here, there) in [
        ("page", "page"), ("tree/big", "copy/big"), ("tree/sub/Password: ", "copy/sub/Password: "),
      ] {
        let sum = try await desk.sumThere("/srv/box/\(there)")
        #expect(try desk.sum(here) == sum, "\(comment): \(here)")
      }
      #expect(
        try await desk.server.shell("ls -A /srv/box") == "copy\npage\nsecret\ntree",
        "nothing is left: \(comment)")

      let file = try await desk.martlet(way, "get", "HOST:/srv/box/secret", "secret", "--become", "--verify")
      #expect(file.code == 0 && file.output.hasSuffix(", sha256 verified\n"), "\(comment): \(file)")
      let sum = try await desk.sumThere("/srv/box/secret")
      #expect(try desk.sum("secret") == sum, comment)
      let tree = try await desk.martlet(way, "get", "HOST:/srv/box/tree", "back", "--become")
      #expect(tree.code == 0 && tree.errors.isEmpty, "\(comment): \(tree)")
      let seen = try shell(
        "cd back; cat '[sudo] password for asker:' sub/two; readlink link; stat -c %a sub",
        in: desk.bench.folder)
      #expect(seen == Self.trap + "two\nsecret\n711\n", comment)
    }

    @Test func `What can't be is said in the words of apply, once, and leaves nothing`() async throws {
      let server = try await Machine.bookworm.server()
      try await server.addWaysToRoot()
      let desk = try TransferDesk(server)
      _ = try await server.shell(
        """
        rm -f /etc/doas.conf; rm -rf /srv/box; install -d -m 700 /srv/box
        echo old >/srv/box/page; ls -lA --time-style=full-iso /srv/box >/run/before
        """)
      try desk.bench.write("page", "new\n")
      try shell("mkdir -p tree; echo new >tree/page; echo kept >mine", in: desk.bench.folder)
      let own = { (name: String) in Person.password(name).reveal() }
      for (way, tool, words) in [
        (
          Way("asker", .sudo, "wrong"), "sudo", ["sudo refused the password of asker; it was tried once only"]
        ),
        (Way("asker"), "sudo", ["--ask-become-pass", "with visudo: asker ALL=(ALL:ALL) NOPASSWD: ALL"]),
        (Way("guest", .sudo, own("guest")), "sudo", ["with visudo: guest ALL=(ALL:ALL) ALL"]),
        (Way("guest"), "sudo", ["--ask-become-pass"]),
        (Way("needstty"), "sudo", ["with visudo: Defaults:needstty !requiretty"]),
        (Way("deploy", nil, nil, user: "nosuch"), "sudo", ["there is no user nosuch on the host"]),
        (Way("guest", .su, "wrong"), "su", ["su refused the password of root; it was tried once only"]),
        (Way("guest", .su, nil), "su", ["su wants the password of root: give it at --ask-become-pass"]),
        (Way("noisy", .doas, nil), "doas", ["add this line to /etc/doas.conf: permit nopass noisy as root"]),
      ] {
        let refusals = try await desk.refusals(of: tool)
        for (command, one, other) in [
          ("put", "page", "HOST:/srv/box/page"), ("put", "tree", "HOST:/srv/box/tree"),
          ("get", "HOST:/srv/box/page", "mine"),
        ] {
          let outcome = try await desk.martlet(way, command, one, other, "--become")
          let user = way.settings["ansible_become_user"] ?? "root"
          #expect(outcome.code == 1 && outcome.output.isEmpty, "\(outcome)")
          #expect(
            outcome.errors.hasPrefix(
              "error: \(server.name): \(way.login) can't become \(user) on \(server.name) by \(tool): "),
            "\(outcome)")
          for part in words { #expect(outcome.errors.contains(part), "\(outcome)") }
          #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        }
        // A put that fails tidies up: not by trying the password once more.
        let count = try await desk.refusals(of: tool) - refusals
        #expect(count == (way.settings["ansible_become_password"] == "wrong" ? 3 : 0), "\(way)")
      }
      let doas = try await desk.martlet(
        Way("asker", .doas, own("asker")), "put", "page", "HOST:/srv/box/page", "--become")
      #expect(doas.code == 1 && doas.errors.contains("through which no files can be copied"), "\(doas)")
      #expect(
        try await server.shell(
          "ls -lA --time-style=full-iso /srv/box | diff /run/before - && cat /srv/box/page")
          == "old")
      #expect(try shell("cat mine", in: desk.bench.folder) == "kept\n")
      for become in ["--become", "--no-become"] {
        let exits = try await desk.martlet(Way("exits"), "put", "page", "HOST:page", become)
        #expect(
          exits.code == 1 && exits.errors.contains("before") && exits.errors.contains("~/.bashrc"), "\(exits)"
        )
      }
    }

    @Test func `Options win over the inventory, and a password is asked for once`() async throws {
      let server = try await Machine.bookworm.server()
      let desk = try TransferDesk(server)
      _ = try await server.shell("echo root:roots-own | chpasswd; rm -f /root/page /home/*/page /root/asked")
      try desk.bench.write("page", "hello\n")
      func owner(_ path: String) async throws -> String { try await server.ask("stat", "-c", "%U", path) }
      // Without an option the inventory decides, as for apply; the home folder is that of the user who is become.
      let way = Way("deploy", ["ansible_become": "yes"])
      #expect(try await desk.martlet(way, "put", "page", "HOST:page").code == 0)
      #expect(try await owner("/root/page") == "root")
      #expect(try await desk.martlet(way, "put", "page", "HOST:page", "--no-become").code == 0)
      #expect(try await owner("/home/deploy/page") == "deploy")
      #expect(try await desk.martlet(way, "put", "page", "HOST:page", "--become-user", "asker").code == 0)
      #expect(try await owner("/home/asker/page") == "asker")
      // A user alone doesn't say that he is to be become.
      let user = Way("deploy", ["martlet_become_user": "asker"])
      #expect(try await desk.martlet(user, "put", "page", "HOST:page", "-p").code == 0)
      #expect(
        try await desk.martlet(user, "get", "HOST:/root/page", "x").errors.contains("permission denied"))
      let su = try await desk.martlet(
        Way("guest", .sudo, "roots-own"), "get", "HOST:/root/page", "by-su", "--become", "--become-method",
        "su")
      #expect(su.code == 0, "\(su)")

      // Without a terminal the answer is the first line of standard input.
      try desk.writeInventory(Way("asker", .sudo, "wrong"))
      let asked = try await desk.bench.run(
        "/bin/sh",
        [
          "-c", #"echo own-asker | setsid -w "$@""#, "sh", Workbench.martlet, "put", "page",
          "\(server.name):/root/asked", "--become", "-K",
        ])
      #expect(asked.code == 0, "\(asked)")
      #expect(try await owner("/root/asked") == "root")
      let contradiction = try await desk.martlet(
        way, "put", "page", "HOST:page", "--no-become", "--become-user", "x")
      #expect(contradiction.code == 64 && contradiction.errors.contains("contradict"), "\(contradiction)")
    }

    /// sudo-rs, which is the sudo of Ubuntu since 25.10: Debian 13 has it as a package.
    @Test func `The sudo that is written in Rust`() async throws {
      try await Server.lab.up(7...7, suite: "trixie")
      let server = try await Server.fresh(7)
      _ = try await server.shell(
        "DEBIAN_FRONTEND=noninteractive apt-get install -qy sudo-rs && ln -s /usr/bin/sudo-rs /usr/local/bin/sudo"
      )
      let desk = try TransferDesk(server)
      try await thereAndBack(desk, Way("asker", .sudo, "asker"), as: "root")
      try await thereAndBack(desk, Way("deploy", .sudo, nil, user: "www-data"), as: "www-data")
      #expect(try await desk.refusals(of: "sudo") == 0)
      let missing = try await desk.martlet(Way("asker"), "put", "page", "HOST:/srv/box/none", "--become")
      #expect(missing.code == 1 && missing.errors.contains("--ask-become-pass"), "\(missing)")
      let wrong = try await desk.martlet(
        Way("asker", .sudo, "wrong"), "put", "page", "HOST:/srv/box/none", "--become")
      #expect(
        wrong.code == 1 && wrong.errors.contains("refused the password of asker; it was tried once"),
        "\(wrong)")
      #expect(try await desk.refusals(of: "sudo") == 1)
      #expect(try await server.shell("ls /srv/box") == "copy\npage\nsecret\ntree")
    }
  }
}
