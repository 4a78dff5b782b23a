import Foundation
import Glibc
import TestSupport
import Testing

/// `martlet get` and `martlet put` as programs, to a real server.
@Suite(.timeLimit(.minutes(3))) struct TransferCommandTests {
  /// A bench whose inventory names the server.
  private func bench(_ server: LoopbackServer) throws -> Workbench {
    let bench = try Workbench()
    try bench.write(
      "inventory.yaml",
      """
      hosts:
        web1:
          address: \(server.address)
          port: \(server.port)
          user: \(currentUser)
          key: \(server.path("id"))
          known_hosts: \(server.path("known_hosts"))
        gone: {address: 127.0.0.1, port: 1}
      groups:
        web: {hosts: {web1: }}
      """)
    return bench
  }

  @Test func `There and back, and what is said`() async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    try bench.write("page", "hello\n")
    let put = try await bench.martlet(["put", "page", "web1:sub page"])
    #expect(put.code == 0 && put.errors.isEmpty, "\(put)")
    #expect(put.output.hasPrefix("page -> web1:sub page  6 B in "), "\(put.output)")
    #expect(put.output.hasSuffix(" kB/s\n") || put.output.hasSuffix(" B/s\n"), "\(put.output)")
    #expect(try shell("cat 'sub page'", in: server.folder) == "hello\n")
    let got = try await bench.martlet(["get", "web1:sub page", "--verify"])
    #expect(got.output.hasSuffix(", sha256 verified\n"), "\(got.output)")
    #expect(got.code == 0, "\(got)")
    #expect(try shell("cat 'sub page'", in: bench.folder) == "hello\n")
    let all = try await bench.martlet(["get", "web:sub page", "all"])
    #expect(all.code == 0, "\(all)")
    #expect(try shell("cat 'all/web1/sub page'", in: bench.folder) == "hello\n")
  }

  @Test func `Each failure has its exit code and its reason`() async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    try bench.write("page", "hello\n")
    let missing = try await bench.martlet(["get", "web1:none"])
    #expect(missing.code == 1 && missing.output.isEmpty, "\(missing)")
    #expect(missing.errors == "error: web1:none: there is no such file or folder\n")
    let nowhere = try await bench.martlet(["put", "page", "web1:none/page"])
    #expect(nowhere.code == 1, "\(nowhere)")
    let here = try await bench.martlet(["put", "none", "web1:page"])
    #expect(here.code == 1 && here.errors.contains("on this machine"), "\(here)")
    let down = try await bench.martlet(["put", "page", "gone:page"])
    #expect(down.code == 4 && down.errors.contains("nothing listens there"), "\(down)")
    let both = try await bench.martlet(["put", "page", "web1,gone:page"])
    #expect(both.code == 4 && both.output.contains("-> web1:page"), "\(both)")
    for words in [
      ["put", "page"], ["put", "page", "nohost"], ["get", "[web1:0]:x"], ["get", "no*:x"],
      ["get", "web1:x", "--transport", "pigeon"], ["get", "-i", "nowhere.yaml", "web1:x"],
    ] {
      let outcome = try await bench.martlet(words)
      #expect(outcome.code == 64 && !outcome.errors.isEmpty, "\(words): \(outcome)")
    }
  }

  @Test(arguments: ["ssh", "openssh", "local"])
  func `Every way to reach a host will do`(way: String) async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    try shell("mkdir tree; head -c 3000000 /dev/urandom >tree/big; ln -s big tree/link", in: bench.folder)
    let there = server.path("copy")
    let put = try await bench.martlet(["put", "tree", "web1:\(there)", "--transport", way])
    #expect(put.code == 0, "\(put)")
    let got = try await bench.martlet(["get", "web1:\(there)", "back", "--transport", way])
    #expect(got.code == 0, "\(got)")
    try shell("diff -r --no-dereference tree back; cmp tree/big '\(there)/big'", in: bench.folder)
  }

  /// ssh reads its configuration from the folder of the password database, whatever HOME says; so the bench takes
  /// the place of that folder, in a mount namespace of the command's own.
  @Test(.needsRoot("for a mount"), arguments: ["auto", "openssh"])
  func `A name of ssh's configuration, behind a jump host`(way: String) async throws {
    let (bastion, server) = (try LoopbackServer(), try LoopbackServer(address: "127.0.0.2"))
    let bench = try Workbench()
    func block(_ name: String, _ server: LoopbackServer) -> String {
      """
      Host \(name)
        HostName \(server.address)
        Port \(server.port)
        IdentityFile \(server.path("id"))
        UserKnownHostsFile \(server.path("known_hosts"))

      """
    }
    try shell("mkdir -m 700 .ssh", in: bench.folder)
    try bench.write(
      ".ssh/config", block("bastion", bastion) + block("inner", server) + "  ProxyJump bastion\n")
    try bench.write("page", "hello\n")
    func run(_ words: String...) async throws -> Workbench.Outcome {
      try await bench.run(
        "/usr/bin/unshare",
        ["-m", "/bin/sh", "-c", #"mount --bind . /root && exec "$@""#, "sh", Workbench.martlet] + words
          + ["--transport", way])
    }
    let put = try await run("put", "page", "inner:page")
    #expect(put.code == 0, "\(put)")
    #expect(try shell("cat page", in: server.folder) == "hello\n")
    let got = try await run("get", "inner:page", "back")
    #expect(got.code == 0, "\(got)")
    #expect(try shell("cat back", in: bench.folder) == "hello\n")
    #expect(bastion.log.contains("Accepted publickey"))
  }

  @Test func `Ctrl-C at the question for a password leaves a terminal that shows what is typed`() async throws
  {
    let bench = try Workbench()
    let outcome = try await bench.run(
      "/bin/sh",
      [
        "-c",
        #"""
        mkfifo keys
        env --default-signal=INT script -qec 'trap : INT; "$MARTLET" get nohost:x -K --become -i nohost,; echo "code $?"; stty -a' /dev/null \
          <keys >seen & job=$!
        exec 3>keys
        for n in $(seq 600); do grep -q 'su or doas' seen && break; sleep 0.1; done
        sleep 0.1; printf '\003' >&3; sleep 1; exec 3>&-; wait $job; cat seen
        """#,
      ], environment: ["MARTLET": Workbench.martlet])
    #expect(outcome.output.contains("Password for sudo, su or doas on the hosts: "), "\(outcome)")
    #expect(outcome.output.contains("code 130") && outcome.output.contains(" echo "), "\(outcome)")
    let empty = try await bench.run(
      "/bin/sh",
      ["-c", #"echo | setsid -w "$MARTLET" get nohost:x -K -i nohost,"#],
      environment: ["MARTLET": Workbench.martlet])
    #expect(empty.code == 64 && empty.errors == "error: no password was given\n", "\(empty)")
  }

  private static let size = 300_000_000

  /// Sends a signal to a command in the middle of a transfer.
  private func interrupt(
    _ words: [String], in bench: Workbench, by signal: String, once folder: String
  ) async throws -> Workbench.Outcome {
    // A shell makes background jobs ignore SIGINT, which `env` takes back.
    try await bench.run(
      "/bin/sh",
      [
        "-c",
        #"""
        folder=$1 signal=$2; shift 2
        env --default-signal=INT "$@" & job=$!
        until [ -n "$(find "$folder" -maxdepth 2 -path "$folder/.*martlet*" -type f -size +5000k)" ]; do
          kill -0 $job || break; sleep 0.01
        done
        kill -$signal $job; wait $job
        """#, "sh", folder, signal, Workbench.martlet,
      ] + words)
  }

  @Test(arguments: ["put", "get"])
  func `Ctrl-C leaves the old and no litter`(direction: String) async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    let (from, to) = direction == "put" ? (bench.folder, server.folder) : (server.folder, bench.folder)
    try shell("head -c \(Self.size) /dev/urandom >big", in: from)
    try shell("echo old >big", in: to)
    let words = direction == "put" ? ["put", "big", "web1:big"] : ["get", "web1:big", "big"]
    let stopped = try await interrupt(words, in: bench, by: "INT", once: to)
    #expect(stopped.code == 130 && stopped.errors == "error: web1: interrupted\n", "\(stopped)")
    let left = try shell("cat big; find . -maxdepth 1 -name '.*martlet*'", in: to)
    #expect(left == "old\n")
  }

  @Test(arguments: ["put", "get"], ["INT", "KILL"])
  func `A transfer that was killed is resumed`(direction: String, signal: String) async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    let (from, to) = direction == "put" ? (bench.folder, server.folder) : (server.folder, bench.folder)
    try shell("head -c \(Self.size) /dev/urandom >big", in: from)
    try shell("echo old >big", in: to)
    let words =
      (direction == "put" ? ["put", "big", "web1:big"] : ["get", "web1:big", "big"]) + ["--resume"]
    let stopped = try await interrupt(words, in: bench, by: signal, once: to)
    #expect(stopped.code == (signal == "INT" ? 130 : 137), "\(stopped)")
    #expect(try shell("cat big", in: to) == "old\n")
    let again = try await bench.martlet(words)
    #expect(again.code == 0 && again.output.contains("MB of before) in "), "\(again)")
    try shell("cmp '\(from)/big' '\(to)/big'")
    #expect(try shell("find . -maxdepth 1 -name '.big*'", in: to).isEmpty)
  }
}
