import MartletTransports
import Testing

/// Forwards as `ssh -L` takes them.
@Suite struct TunnelForwardTests {
  @Test(arguments: [
    ("5433:localhost:5432", nil, 5433, "localhost", 5432),
    ("0:db:1", nil, 0, "db", 1),
    ("127.0.0.1:80:web:8080", "127.0.0.1", 80, "web", 8080),
    ("*:80:web:8080", "*", 80, "web", 8080),
    (":80:web:8080", "*", 80, "web", 8080),
    ("[::1]:80:[2001:db8::5]:8080", "::1", 80, "2001:db8::5", 8080),
    ("80:[fe80::1%eth0]:22", nil, 80, "fe80::1%eth0", 22),
  ])
  func ports(text: String, bind: String?, port: Int, host: String, hostPort: Int) throws {
    let forward = try TunnelForward(text)
    #expect(forward.path == nil && forward.bind == bind && forward.port == port)
    #expect(forward.host == host && forward.hostPort == hostPort)
  }

  @Test func path() throws {
    let forward = try TunnelForward("/tmp/db.sock:localhost:5432")
    #expect(forward.path == "/tmp/db.sock" && forward.host == "localhost" && forward.hostPort == 5432)
  }

  @Test(arguments: [
    ("", "1 part"), ("5433", "1 part"), ("5433:localhost", "2 parts"), ("a:localhost:5432", "a is no port"),
    ("5433:localhost:x", "x is no port"), ("5433:localhost:0", "0 is no port"),
    ("65536:localhost:1", "65536 is no port"), ("-1:localhost:1", "-1 is no port"), ("1::2", "host"),
    ("1:2:3:4:5", "5 parts"), ("1:[::1:2", "bracket"), ("*:/tmp/x:h:1", "no address before it"),
    ("1:h:", "nothing is no port"), ("2001:db8::5:80:web:1", "parts"),
  ])
  func malformed(text: String, words: String) throws {
    let error = try #require(throws: TunnelForward.Malformed.self) { _ = try TunnelForward(text) }
    #expect(error.description.contains(words), "\(error)")
    #expect(error.description.hasPrefix(text))
  }
}
