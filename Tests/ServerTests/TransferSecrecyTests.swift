import Foundation
import MartletCore
import MartletLab
import TestSupport
import Testing

extension ServerTests {
  /// Where a password goes while files go by, and what is left of a transfer as another user that was interrupted.
  @Suite(.timeLimit(.minutes(10))) struct TransferSecrecyTests {
    private let way = TransferDesk.Way("asker", .sudo, "correct-horse")

    private func desk() async throws -> TransferDesk {
      let server = try await Server.fresh()
      _ = try await server.shell("echo asker:correct-horse | chpasswd")
      return try TransferDesk(server)
    }

    @Test func `The password is in no argument, no environment, no log and no file`() async throws {
      let desk = try await desk()
      let server = desk.server
      // While the bytes come, the host's programs see what there is to be seen of all others.
      let look = #"for p in /proc/[0-9]*; do tr '\0' ' ' <$p/cmdline; /usr/bin/cat $p/environ; echo; done"#
      for program in ["dd", "cat"] {
        try await desk.wrap(program, "{ \(look); } >>/root/seen-\(program) 2>/dev/null")
      }
      try shell("head -c 5000000 /dev/urandom >big", in: desk.bench.folder)
      let put = try await desk.martlet(way, "put", "big", "HOST:/root/big", "--become", "-v")
      let get = try await desk.martlet(way, "get", "HOST:/root/big", "back", "--become", "-v")
      #expect(put.code == 0 && get.code == 0, "\(put) \(get)")
      let sum = try desk.sum("big")
      #expect(try await desk.sumThere("/root/big") == sum)
      #expect(try desk.sum("back") == sum)
      var seen = ""
      for program in ["dd", "cat"] {
        let part = try await server.ask("/usr/bin/cat", "/root/seen-\(program)")
        #expect(part.contains("sudo -H -S -p martlet-"), "\(program) looked")
        seen += part
      }
      let log = try await server.journal()
      #expect(log.components(separatedBy: "COMMAND=").count - 1 == 2, "one script each: \(log)")
      for text in [seen, log, put.output, put.errors, get.output, get.errors] {
        #expect(!text.contains("correct-horse"))
      }
      #expect(
        try await server.shell(
          "grep -rl correct-horse /root /home /tmp /var/tmp /var/log /run 2>/dev/null || true")
          == "")
    }

    /// A password that is good for one time is enough.
    @Test func `sudo asks once for a transfer`() async throws {
      let desk = try await desk()
      try shell("head -c 300000 /dev/urandom >big; mkdir tree; cp big tree", in: desk.bench.folder)
      var commands = 0
      for words in [
        ["put", "big", "HOST:/root/big"], ["put", "big", "HOST:/root/sure", "--verify"],
        ["put", "big", "HOST:/root/part", "--resume"], ["put", "tree", "HOST:/root/tree"],
        ["put", "tree", "HOST:/root/tree"], ["get", "HOST:/root/tree", "back", "--verify"],
        ["get", "HOST:/root/sure", "sure", "--resume"],
      ] {
        let outcome = try await desk.martlet(way, words + ["--become"])
        #expect(outcome.code == 0, "\(words): \(outcome)")
        let log = try await desk.server.journal("sudo")
        let now = log.components(separatedBy: "COMMAND=").count - 1
        #expect(now == commands + 1, "\(words)")
        commands = now
      }
      let sum = try desk.sum("big")
      for path in ["big", "sure", "part", "tree/big"] {
        #expect(try await desk.sumThere("/root/\(path)") == sum)
      }
    }

    /// The nonce by which sudo's question is known stands in its arguments while it runs: a file can have it in it.
    @Test func `A file that asks for the password in the right words is only a file`() async throws {
      let desk = try await desk()
      let server = desk.server
      // Before a file is read, the question is written into it; and to standard error before one is read or written.
      let marker = #"m=$(tr '\0' '\n' <"/proc/$(pgrep -o -x sudo)/cmdline" | sed -n 's/ for %p:$//p')"#
      let question = #"printf '\n%s pid 1\n\n%s ready\n%s for asker:' "$m" "$m" "$m""#
      try await desk.wrap(
        "stat", "\(marker); for n in 1 2 3; do \(question) | tee -a /root/trap /root/tree/trap >&2; done")
      try await desk.wrap(
        "cat",
        "\(marker); for n in 1 2 3; do \(question) >/proc/$(pgrep -o -x sudo)/fd/2; echo $m >>/root/asked; done"
      )
      _ = try await server.shell(
        "mkdir -p /root/tree; echo start >/root/trap; echo start >/root/tree/trap; chmod 600 /root/trap")
      for _ in 1...2 {
        let file = try await desk.martlet(way, "get", "HOST:/root/trap", "trap", "--become", "--verify")
        #expect(file.code == 0 && file.errors.isEmpty, "\(file)")
        try await noSudoRuns(on: server)
        let tree = try await desk.martlet(way, "get", "HOST:/root/tree", "tree", "--become", "--verify")
        #expect(tree.code == 0 && tree.errors.isEmpty, "\(tree)")
        try await noSudoRuns(on: server)
        let sum = try await desk.sumThere("/root/tree/trap")
        #expect(try desk.sum("tree/trap") == sum)
      }
      let text = try shell("cat tree/trap", in: desk.bench.folder)
      #expect(text.hasPrefix("start\n\n"))
      #expect(text.components(separatedBy: " for asker:").count == 13, "\(text)")
      #expect(text.components(separatedBy: "martlet-").count == 37, "the nonce was found: \(text)")
      // And it goes back as it is, in company.
      try shell("head -c 20000000 /dev/urandom >tree/big; cat tree/trap >>tree/big", in: desk.bench.folder)
      for name in ["trap", "big"] {
        let put = try await desk.martlet(way, "put", "tree/\(name)", "HOST:/root/again", "--become")
        #expect(put.code == 0 && put.errors.isEmpty, "\(put)")
        try await noSudoRuns(on: server)
        let sum = try await desk.sumThere("/root/again")
        #expect(try desk.sum("tree/\(name)") == sum)
      }
      #expect(try await server.shell("grep -c martlet- /root/asked") == "6")
      #expect(try await desk.refusals(of: "sudo") == 0)
    }

    /// The sudo of one transfer may end a moment after it, and is not that of the next.
    private func noSudoRuns(on server: Server) async throws {
      try await waitUntil("sudo has ended") { try await server.shell("pgrep -x sudo || true") == "" }
    }

    @Test(arguments: ["big", "tree"])
    func `Interrupted, the old is there and no litter, though only root can tidy up`(name: String)
      async throws
    {
      let desk = try await desk()
      let server = desk.server
      _ = try await server.shell(
        "install -d -m 700 /srv/box; mkdir /srv/box/tree; echo old | tee /srv/box/big >/srv/box/tree/big")
      try shell("truncate -s 3G big; mkdir tree; ln big tree/big", in: desk.bench.folder)
      try desk.writeInventory(way)
      async let outcome = desk.bench.run(
        "/bin/sh",
        [
          "-c", #"env --default-signal=INT "$@" & echo $! >pid; wait $!"#, "sh", Workbench.martlet, "put",
          name,
          "\(server.name):/srv/box/\(name)", "--become",
        ])
      let deadline = ContinuousClock.now + .seconds(60)
      while try await server.shell("find /srv/box -name '.*martlet*'; find /srv/box -size +5000k") == "" {
        try #require(ContinuousClock.now < deadline)
      }
      try shell("kill -INT $(cat pid)", in: desk.bench.folder)
      let stopped = try await outcome
      #expect(stopped.code == 130 && stopped.errors == "error: \(server.name): interrupted\n", "\(stopped)")
      #expect(
        try await server.shell("cd /srv/box; find . | sort; cat big tree/big")
          == ".\n./big\n./tree\n./tree/big\nold\nold")
      #expect(try await desk.refusals(of: "sudo") == 0)
    }
  }
}
