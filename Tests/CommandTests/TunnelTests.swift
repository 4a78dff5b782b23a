import Foundation
import TestSupport
import Testing

/// `martlet tunnel` as a program, to a real server.
@Suite(.timeLimit(.minutes(2))) struct TunnelTests {
  /// A bench whose inventory names the server, with a web server behind it.
  func bench(_ server: LoopbackServer) throws -> Workbench {
    let bench = try Workbench()
    try bench.write(
      "inventory.yaml",
      """
      all:
        hosts:
          db1:
            address: \(server.address)
            port: \(server.port)
            user: \(currentUser)
            key: \(server.path("id"))
            known_hosts: \(server.path("known_hosts"))
      """)
    try bench.write("page.txt", String(repeating: "a page of a web server\n", count: 5000))
    // Runs a tunnel, with the options $2, and a web server while the script in $1 is at work.
    try bench.write(
      "with",
      #"""
      python3 -u -m http.server --bind 127.0.0.1 0 >web.log 2>&1 & web=$!
      until port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' web.log) && [ "$port" ]; do sleep 0.05; done
      "$MARTLET" tunnel db1 0:127.0.0.1:$port $2 >out 2>err & tunnel=$!
      until here=$(sed -n 's/^127.0.0.1:\([0-9]*\) .*/\1/p' out 2>/dev/null) && [ "$here" ]; do
        kill -0 $tunnel || break; sleep 0.05
      done
      [ "$here" ] && eval "$1"
      kill $web
      wait $tunnel; echo "ended: $?"
      cat out err
      """#)
    return bench
  }

  func run(_ bench: Workbench, _ script: String, _ options: String) async throws -> Workbench.Outcome {
    try await bench.run("/bin/sh", ["with", script, options], environment: ["MARTLET": Workbench.martlet])
  }

  @Test(arguments: ["ssh", "openssh"]) func hundredConnections(transport: String) async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    let outcome = try await run(
      bench,
      """
      cat >fetch.py <<'END'
      import sys, threading, urllib.request
      want = open('page.txt', 'rb').read()
      good = []
      def one():
          got = urllib.request.urlopen('http://127.0.0.1:%s/page.txt' % sys.argv[1], timeout=60).read()
          if got == want: good.append(1)
      threads = [threading.Thread(target=one) for _ in range(100)]
      for t in threads: t.start()
      for t in threads: t.join()
      print('good:', len(good))
      END
      python3 fetch.py $here
      kill -INT $tunnel
      """, "--transport \(transport)")
    #expect(outcome.output.contains("good: 100\n"), "\(outcome)")
    #expect(outcome.output.contains("ended: 0\n"), "\(outcome)")
    #expect(outcome.output.contains("leads to 127.0.0.1:"), "\(outcome)")
  }

  @Test(arguments: [("ssh", "the connection broke"), ("openssh", "the connection is lost")])
  func brokenConnectionEndsIt(transport: String, says: String) async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    let outcome = try await run(bench, server.dropScript, "--transport \(transport)")
    #expect(outcome.output.contains("ended: 4\n"), "\(outcome)")
    #expect(outcome.output.contains("error: 127.0.0.1:\(server.port): \(says)"), "\(outcome)")
  }

  @Test(arguments: ["ssh", "openssh"]) func brokenConnectionIsMadeAgain(transport: String) async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    let outcome = try await run(
      bench,
      """
      \(server.dropScript)
      sleep 0.5
      python3 -c "import sys, urllib.request as r
      print(len(r.urlopen('http://127.0.0.1:$here/page.txt', timeout=60).read()), 'bytes')"
      kill -INT $tunnel
      """, "--reconnect --transport \(transport)")
    #expect(outcome.output.contains("115000 bytes\n"), "\(outcome)")
    #expect(outcome.output.contains("ended: 0\n"), "\(outcome)")
    #expect(outcome.output.contains("; the next connection logs in again\n"), "\(outcome)")
    #expect(server.logins == 2)
  }

  @Test func errors() async throws {
    let server = try LoopbackServer()
    let bench = try bench(server)
    let malformed = try await bench.martlet(["tunnel", "db1", "5433:localhost"])
    #expect(malformed.code == 64)
    #expect(malformed.errors.contains("[BIND:]PORT:HOST:HOSTPORT"), "\(malformed)")
    for transport in ["ssh", "openssh"] {
      let way = ["--transport", transport]
      let taken = try await bench.martlet(["tunnel", "db1", "\(server.port):localhost:80"] + way)
      #expect(taken.code == 1)
      #expect(taken.errors.contains("another program listens there"), "\(taken)")
      let down = try await bench.martlet(["tunnel", "nobody@127.0.0.1:1", "0:localhost:80"] + way)
      #expect(down.code == 4)
      #expect(down.errors.contains("127.0.0.1:1: "), "\(down)")
      #expect(down.errors.contains("Connection refused"), "\(down)")
    }
    for name in ["web:port", "@web", "web:0", ":22"] {
      let outcome = try await bench.martlet(["tunnel", name, "0:localhost:80"])
      #expect(outcome.code == 64, "\(name): \(outcome)")
    }
  }
}
