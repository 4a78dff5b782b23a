import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct HTTPCheckTests {
  private let task = HTTPCheck("http://127.0.0.1/", status: 200, body: "Guest book")

  @Test func theAnswerDecides() {
    #expect(task.decide(given: HTTPResponse(status: 200, body: "<h1>Guest book</h1>")).isUnchanged)
    #expect(task.decide(given: HTTPResponse(status: 502, body: "Bad")).failure?.contains("502") == true)
    #expect(
      task.decide(given: HTTPResponse(status: 200, body: "Hello")).failure?.contains("Guest book") == true)
    #expect(
      task.decide(given: HTTPResponse(status: nil, body: "refused")).failure?.contains("refused") == true)
    #expect(HTTPCheck("http://a.test/").decide(given: HTTPResponse(status: 301)).isUnchanged)
    #expect(HTTPCheck("http://a.test/").decide(given: HTTPResponse(status: 404)).failure != nil)
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try HTTPCheck("a.test").validate() }
    #expect(throws: InvalidTask.self) { try HTTPCheck("http://a.test/x y").validate() }
    #expect(throws: InvalidTask.self) { try HTTPCheck("http://a.test/", status: 42).validate() }
    #expect(throws: InvalidTask.self) { try HTTPCheck("http://a.test/", within: 9999).validate() }
  }

  @Test(arguments: LocalShell.allCases) func aRealServer(shell: LocalShell) async throws {
    let port = Int.random(in: 20_000..<30_000)
    let task = HTTPCheck("http://127.0.0.1:\(port)/health", body: "fine", host: "a.test")
    let host = LocalHost(shell)
    #expect(try await host.decide(task).failure?.contains("does not answer") == true)
    let script = """
      import http.server
      class H(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
          ok = self.headers["Host"] == "a.test" and self.path == "/health"
          self.send_response(200 if ok else 404); self.end_headers(); self.wfile.write(b"fine")
      http.server.HTTPServer(("127.0.0.1", \(port)), H).serve_forever()
      """
    let server = try await shell.run(
      "timeout 30 python3 -c \(script) >/dev/null 2>&1 </dev/null & echo $!")
    var decision = try await host.decide(task)
    for _ in 0..<50 where decision.failure != nil {
      try await Task.sleep(for: .milliseconds(100))
      decision = try await host.decide(task)
    }
    #expect(decision.isUnchanged, "\(decision)")
    let other = try await host.decide(HTTPCheck("http://127.0.0.1:\(port)/health"))
    #expect(other.failure?.contains("status 404") == true)
    _ = try await shell.run("kill \(server.text.trimmed)")
  }
}
