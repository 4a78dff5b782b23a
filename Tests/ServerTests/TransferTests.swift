import Foundation
import MartletLab
import TestSupport
import Testing

extension ServerTests {
  /// `martlet get` and `martlet put` as built, on a server.
  @Suite struct TransferTests {
    /// Runs the command with the lab's inventory.
    private func martlet(_ bench: Workbench, _ words: String...) async throws -> Workbench.Outcome {
      try await bench.martlet(words + ["-i", Server.lab.inventory])
    }

    @Test(arguments: ["root", "deploy"])
    func `A file goes there and comes back`(user: String) async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try shell("head -c 20000000 /dev/urandom >'a file'; chmod 750 'a file'", in: bench.folder)
      let home = user == "root" ? "/root" : "/home/\(user)"
      for _ in 1...2 {
        let put = try await martlet(bench, "put", "a file", "lab1:it's here", "--user", user, "-p")
        #expect(put.code == 0 && put.errors.isEmpty, "\(put)")
        #expect(put.output.hasPrefix("a file -> lab1:it's here  20.0 MB in "), "\(put.output)")
      }
      #expect(try await server.ask("stat", "-c", "%a %U", "\(home)/it's here") == "750 \(user)")
      let sum = try shell("sha256sum <'a file'", in: bench.folder).prefix(64)
      #expect(try await server.ask("sha256sum", "\(home)/it's here").prefix(64) == sum)
      #expect(
        try await server.ask("find", home, "-name", "*martlet*").isEmpty, "nothing is left beside it")
      let get = try await martlet(bench, "get", "lab1:it's here", "back", "--user", user, "--verify")
      #expect(get.code == 0 && get.output.hasSuffix(", sha256 verified\n"), "\(get)")
      try shell("cmp 'a file' back", in: bench.folder)
    }

    @Test(arguments: ["root", "deploy"])
    func `A folder goes there, is joined with what is there, and comes back`(user: String) async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try shell(
        """
        mkdir -p 'tree/a b/c' tree/empty; echo one >'tree/a b/one'; echo two >tree/two; ln -s two tree/link
        head -c 3000000 /dev/urandom >'tree/a b/c/big'
        """, in: bench.folder)
      let home = user == "root" ? "/root" : "/home/\(user)"
      let first = try await martlet(bench, "put", "tree", "lab1:tree", "--user", user)
      #expect(first.code == 0 && first.output.contains("3 files, "), "\(first)")
      _ = try await server.ask("sh", "-c", "echo kept >\(home)/tree/kept; echo old >\(home)/tree/two")
      let second = try await martlet(bench, "put", "tree", "lab1:tree", "--user", user, "--verify")
      #expect(second.code == 0 && second.output.hasSuffix(", sha256 verified\n"), "\(second)")
      #expect(try await server.ask("cat", "\(home)/tree/kept", "\(home)/tree/two") == "kept\ntwo")
      let get = try await martlet(bench, "get", "lab1:tree", "back", "--user", user)
      #expect(get.code == 0, "\(get)")
      try shell("rm back/kept; diff -r --no-dereference tree back; readlink back/link", in: bench.folder)
    }

    @Test func `Another user's files are written by sudo, or by su from root`() async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try bench.write("page", "hello\n")
      let denied = try await martlet(bench, "put", "page", "lab1:/etc/page", "--user", "deploy")
      #expect(denied.code == 1 && denied.errors.contains("permission denied"), "\(denied)")
      let sudo = try await martlet(bench, "put", "page", "lab1:/etc/page", "--user", "deploy", "--become")
      #expect(sudo.code == 0, "\(sudo)")
      #expect(try await server.ask("stat", "-c", "%U", "/etc/page") == "root")
      let su = try await martlet(bench, "put", "page", "lab1:page", "--become-user", "deploy")
      #expect(su.code == 0, "\(su)")
      #expect(try await server.ask("stat", "-c", "%U", "/home/deploy/page") == "deploy")
    }

    @Test func `A full disk there leaves the old`() async throws {
      let server = try await Server.fresh()
      let bench = try Workbench()
      try shell("head -c 8000000 /dev/urandom >big", in: bench.folder)
      _ = try await server.ask(
        "sh", "-c", "mkdir -p /small; mount -t tmpfs -o size=4m tmpfs /small; echo old >/small/big")
      let put = try await martlet(bench, "put", "big", "lab1:/small/big")
      #expect(put.code == 1, "\(put)")
      #expect(put.errors == "error: lab1:/small/big: no space is left on the disk\n", "\(put.errors)")
      #expect(try await server.ask("sh", "-c", "cat /small/big; ls -A /small; umount /small") == "old\nbig")
    }
  }
}
