import MartletCore
@testable import MartletTasks
import MartletTesting
import Testing

extension ServerTests {
  /// Sites of a real nginx.
  @Suite struct NginxTests {
    private static let prepared = Task {
      let server = try await Server.fresh(3)
      let run = try await server.run {
        AptPackages("nginx-light", recommends: false)
        Service("nginx")
      }
      try #require(run.failure == "")
      _ = try await server.shell(
        """
        mkdir -p /var/www/site/.git/x /var/www/site/docs /var/www/site/.well-known
        cd /var/www/site
        echo front >index.html; echo page >docs/index.html; echo hidden >.git/config; echo style >app.0f3c8a1b2d4e.css
        echo known >.well-known/security.txt
        """)
      return server
    }

    private static func get(_ path: String, host: String, on server: Server) async throws -> String {
      try await server.shell("curl -s -o - -w ' %{http_code}' -H 'Host: \(host)' http://127.0.0.1\(path)")
    }

    /// Row 31.
    @Test func aSiteOfFilesAlone() async throws {
      let server = try await Self.prepared.value
      try await prove(on: server) {
        NginxSite("docs", domains: ["docs.test"], locations: [NginxLocation("/", from: "/var/www/site")])
      }
      let answers = [
        ("/", "front\n 200"), ("/docs/", "page\n 200"), ("/.well-known/security.txt", "known\n 200"),
        ("/app.0f3c8a1b2d4e.css", "style\n 200"),
      ]
      for (path, answer) in answers {
        #expect(try await Self.get(path, host: "docs.test", on: server) == answer)
      }
      for path in ["/none", "/.git/config", "/docs/../.git/config"] {
        #expect(try await Self.get(path, host: "docs.test", on: server).hasSuffix(" 404"), "\(path)")
      }
      let fields = try await server.shell(
        "curl -sI -H 'Host: docs.test' http://127.0.0.1/app.0f3c8a1b2d4e.css")
      #expect(fields.contains("immutable") && fields.contains("X-Content-Type-Options: nosniff"), "\(fields)")
    }

    /// nginx can read what the owner of the files can't.
    @Test func linksToTheFilesOfOthersAreNotServed() async throws {
      let server = try await Self.prepared.value
      _ = try await server.shell(
        """
        install -d -o deploy /var/www/his /var/www/his/real; ln -sfn /var/www/his /var/www/link
        cd /var/www/his; install -o deploy /dev/null mine; echo mine >mine; ln -sf real/../mine own; ln -sf /etc/hostname root
        ln -sfn / all; chown -h deploy own root all; echo deep >real/app.0f3c8a1b2d4e.css
        ln -sf /etc/hostname real/x.0f3c8a1b2d4e.css; chown -hR deploy real
        """)
      try await prove(on: server) {
        NginxSite("his", domains: ["his.test"], locations: [NginxLocation("/s/", from: "/var/www/link")])
        NginxSite("whole", domains: ["whole.test"], locations: [NginxLocation("/", from: "/var/www/link")])
      }
      for (prefix, host) in [("/s", "his.test"), ("", "whole.test")] {
        #expect(try await Self.get(prefix + "/own", host: host, on: server) == "mine\n 200")
        #expect(
          try await Self.get(prefix + "/real/app.0f3c8a1b2d4e.css", host: host, on: server) == "deep\n 200")
        for path in ["/root", "/all/etc/hostname", "/real/x.0f3c8a1b2d4e.css"] {
          let answer = try await Self.get(prefix + path, host: host, on: server)
          #expect(answer.hasSuffix(" 403") || answer.hasSuffix(" 404"), "\(host) \(path): \(answer)")
        }
      }
    }

    /// Row 33.
    @Test func longNames() async throws {
      let server = try await Self.prepared.value
      let long = String(repeating: "a", count: 60) + ".test"
      let longer =
        [String](repeating: String(repeating: "b", count: 48), count: 4).joined(separator: ".") + ".test"
      let files: [NginxLocation] = [NginxLocation("/", from: "/var/www/site")]
      try await prove(on: server) {
        NginxSite("short", domains: ["short.test"], locations: files)
        NginxSite("long", domains: [long], locations: files)
      }
      try await prove(on: server) { NginxSite("longer", domains: [longer], locations: files) }
      // The shorter one asks for no less.
      let again = try await server.run { NginxSite("long", domains: [long], locations: files) }
      #expect(again.recap.changed == 0 && again.recap.exchanges == 1)
      for name in [long, longer] { #expect(try await Self.get("/", host: name, on: server) == "front\n 200") }
    }

    /// Row 5.
    @Test func `A name that another site has is refused, and nginx's warnings are told once`() async throws {
      let server = try await Self.prepared.value
      let files: [NginxLocation] = [NginxLocation("/", from: "/var/www/site")]
      let first = try await server.run {
        NginxSite("one", domains: [], locations: files, removesDefault: true)
        NginxSite("named", domains: ["taken.test"], locations: files)
      }
      #expect(first.failure == "" && first.events.warnings.isEmpty, "\(first.events.warnings)")
      for names in [[], ["taken.test"], ["free.test", "TAKEN.test"]] {
        let second = try await server.run { NginxSite("two", domains: names, locations: files) }
        #expect(second.code == 1)
        #expect(
          second.failure.contains("sites-enabled/\(names.isEmpty ? "one" : "named")"), "\(second.failure)")
        #expect(try await server.shell("ls /etc/nginx/sites-*/two 2>/dev/null | wc -l") == "0")
      }
      #expect(try await server.run { NginxSite("second", domains: ["x.test"], isDefault: true) }.code == 0)
      let default_ = try await server.run { NginxSite("third", domains: ["y.test"], isDefault: true) }
      #expect(default_.failure.contains("duplicate default server"), "\(default_.failure)")
      @Sendable func odd() -> NginxSite {
        NginxSite("odd", content: "server { listen 8090; server_name a/b; }\n")
      }
      let warned = try await server.run { odd() }
      #expect(
        warned.events.warnings.contains { $0.contains("suspicious symbols") }, "\(warned.events.warnings)")
      let unchanged = try await server.run { odd() }
      #expect(unchanged.recap.changed == 0 && unchanged.events.warnings.isEmpty)
    }

    @Test func aSiteThatTurnsToHTTPS() async throws {
      let server = try await Self.prepared.value
      _ = try await server.shell(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 9 -keyout /etc/ssl/k.pem -out /etc/ssl/c.pem -subj /CN=x 2>&1"
      )
      let tls = NginxTLS(certificate: "/etc/ssl/c.pem", key: "/etc/ssl/k.pem")
      let files: [NginxLocation] = [NginxLocation("/", from: "/var/www/site")]
      let plain = try await server.run { NginxSite("turns", domains: ["turns.test"], locations: files) }
      #expect(plain.failure == "")
      try await prove(on: server) {
        NginxSite("turns-http", domains: ["turns.test"], redirectsToHTTPS: true).making(wayFor: "turns")
        NginxSite("turns", domains: ["turns.test"], locations: files, tls: tls)
      }
      #expect(try await Self.get("/", host: "turns.test", on: server).hasSuffix(" 301"))
    }

    /// Row 26: this host has IPv6 or hasn't; nginx starts either way, and listens for it only where it can.
    @Test func whatTheHostHas() async throws {
      let server = try await Self.prepared.value
      let run = try await server.run { NginxSite("six", domains: ["six.test"]) }
      #expect(run.failure == "")
      let has = try await server.shell("[ -e /proc/net/if_inet6 ] && echo 1 || echo 0")
      #expect(try await server.shell("grep -c '\\[::\\]' /etc/nginx/sites-available/six || true") == has)
    }
  }
}
