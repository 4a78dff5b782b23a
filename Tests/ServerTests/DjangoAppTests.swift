import MartletCore
import MartletFacts
import MartletLab
import MartletTasks
import MartletTesting
import Subprocess
import TestSupport
import Testing

extension ServerTests {
  @Suite struct DjangoAppTests {
    /// The sample application, from the folder in which the tests are run.
    static let sample = "Playbooks/Django/app"

    /// Row 4: certbot's challenges are answered by the site that is still the plain one.
    @Test(.long("a whole deployment, three times")) func aPlainSiteTurnsToHTTPS() async throws {
      let server = try await Server.fresh()
      try await server.startACMEServer(for: "guestbook.test")
      let acme = ACMEServer.custom("https://localhost:14000/dir", certificateAuthority: "/opt/acme/ca.pem")
      @Sendable func app(_ tls: DjangoApp.TLS, isSecure: Bool) -> DjangoApp {
        DjangoApp(
          "guestbook", from: Self.sample, wsgi: "guestbook.wsgi", settings: "guestbook.settings",
          domains: ["guestbook.test"],
          environment: [
            "ALLOWED_HOSTS": "guestbook.test", "DATABASE": "/srv/guestbook/data/db.sqlite3",
            "STATIC_ROOT": "/srv/guestbook/static", "HTTPS": isSecure ? "1" : "0",
          ], tls: tls)
      }
      let plain = try await server.run { app(.none, isSecure: false) }
      try #require(plain.failure == "")
      let turned = try await server.run { app(.acme(acme, email: "ops@guestbook.test"), isSecure: true) }
      #expect(turned.failure == "")
      let again = try await server.run { app(.acme(acme, email: "ops@guestbook.test"), isSecure: true) }
      #expect(again.recap.changed == 0 && again.recap.exchanges == 1, "\(again.events.plans)")
      let page = try await server.ask(
        "curl", "-sk", "--connect-to", "::127.0.0.1:", "-o", "/dev/null", "-w", "%{http_code}",
        "https://guestbook.test/")
      #expect(page == "200")
    }

    @Test func overHTTPSWithACertificateOfItsOwn() async throws {
      let server = try await Server.fresh()
      try await server.startACMEServer(for: "guestbook.test", "www.guestbook.test")
      // A copy, as the test changes it.
      let source = try TemporaryFolder()
      try await server.local("cp -R \(Shell.quote(Self.sample))/. \(Shell.quote(source.path))")
      let sample = source.path
      let acme = ACMEServer.custom("https://localhost:14000/dir", certificateAuthority: "/opt/acme/ca.pem")
      @Sendable func app(domains: [String] = ["guestbook.test"], workers: Int = 2) -> DjangoApp {
        var options = DjangoApp.Options()
        options.workers = workers
        options.healthPath = "/healthz"
        return DjangoApp(
          "guestbook", from: sample, wsgi: "guestbook.wsgi", settings: "guestbook.settings",
          domains: domains,
          environment: [
            "ALLOWED_HOSTS": domains.joined(separator: ","), "DATABASE": "/srv/guestbook/data/db.sqlite3",
            "STATIC_ROOT": "/srv/guestbook/static",
          ], tls: .acme(acme, email: "ops@guestbook.test"), options: options)
      }
      let first = try await server.run { app() }
      #expect(first.failure == "", "\(first.events.plans)")
      #expect(first.recap.exchanges <= 9, "\(first.recap)")
      try #require(first.code == 0)
      try await server.setMark()
      let second = try await server.run { app() }
      #expect(second.failure == "")
      #expect(second.recap.changed == 0, "\(second.events.plans)")
      #expect(second.recap.exchanges == 1)
      #expect(try await server.filesChangedSinceMark() == "")

      let page = try await server.ask(
        "curl", "-sk", "--connect-to", "::127.0.0.1:", "-D", "-", "https://guestbook.test/")
      #expect(page.contains("200") && page.lowercased().contains("guest book"))
      #expect(page.components(of: "x-frame-options:") == 1)
      let style = page.split(separator: "\"").first { $0.hasSuffix(".css") } ?? ""
      let served = try await server.ask(
        "curl", "-sk", "--connect-to", "::127.0.0.1:", "-D", "-", "-o", "/dev/null",
        "https://guestbook.test\(style)")
      #expect(served.contains("immutable") && served.contains("200"), "\(style): \(served)")

      // One more name: a new certificate, sites and environment; one restart.
      let before = try await server.ask("supervisorctl", "pid", "guestbook")
      let more = try await server.run { app(domains: ["guestbook.test", "www.guestbook.test"]) }
      #expect(more.failure == "")
      #expect(try await server.ask("supervisorctl", "pid", "guestbook") != before)
      let names = try await server.ask(
        "openssl", "x509", "-noout", "-ext", "subjectAltName", "-in",
        "/etc/letsencrypt/live/guestbook.test/fullchain.pem")
      #expect(names.contains("DNS:guestbook.test") && names.contains("DNS:www.guestbook.test"))

      // A site that nginx would not take never stands where nginx reads it.
      let bad = try await server.run {
        NginxSite("bad", content: "server { listen 8080; no_such_directive on; }\n")
      }
      #expect(bad.code == 1)
      #expect(bad.failure.contains("no_such_directive"), "\(bad.failure)")
      #expect(try await server.ask("sh", "-c", "ls /etc/nginx/*/bad* 2>&1 | grep -c 'No such'") == "1")

      // A lost certificate is issued again, though the site that names it keeps nginx from starting.
      _ = try await server.ask("sh", "-c", "rm -rf /etc/letsencrypt; systemctl stop nginx")
      let lost = try await server.run { app(domains: ["guestbook.test", "www.guestbook.test"]) }
      #expect(lost.failure == "")

      // Changed code alone: one restart, nothing else.
      let pid = try await server.ask("supervisorctl", "pid", "guestbook")
      try await server.local("echo >>\(Shell.quote(sample))/entries/views.py")
      let code = try await server.run { app(domains: ["guestbook.test", "www.guestbook.test"]) }
      #expect(code.failure == "")
      #expect(code.recap.changed == 2, "\(code.events.plans)")
      #expect(try await server.ask("supervisorctl", "pid", "guestbook") != pid)

      // A release that can't start: its exception is shown, and the one that runs is left alone.
      let running = try await server.ask("supervisorctl", "pid", "guestbook")
      try await server.local(
        "echo 'raise RuntimeError(7)' >>\(Shell.quote(sample))/guestbook/wsgi.py")
      let broken = try await server.run { app(domains: ["guestbook.test", "www.guestbook.test"]) }
      #expect(broken.code == 1)
      #expect(broken.failure.contains("RuntimeError: 7"), "\(broken.failure)")
      #expect(try await server.ask("supervisorctl", "pid", "guestbook") == running)
      let serving = try await server.ask(
        "curl", "-sk", "--connect-to", "::127.0.0.1:", "-o", "/dev/null", "-w", "%{http_code}",
        "https://guestbook.test/")
      #expect(serving == "200")
    }
  }
}

extension String {
  fileprivate func components(of text: String) -> Int { lowercased().split(separator: text).count - 1 }
}

extension Server {
  /// Runs a script on this machine.
  fileprivate func local(_ script: String) async throws {
    let result = try await Subprocess.run(
      .name("sh"), arguments: ["-c", script], output: .string(limit: 10_000),
      error: .string(limit: 10_000))
    guard result.terminationStatus.isSuccess else {
      throw InvalidTask("\(script): \(result.standardError)")
    }
  }

  /// Starts Pebble, Let's Encrypt's ACME server for tests, on the server itself, where the names lead to itself.
  func startACMEServer(for names: String...) async throws {
    try await local(
      """
      set -e
      d=$(mktemp -d)
      trap 'rm -rf "$d"' EXIT
      cp "$(command -v pebble)" "$d/"
      cd "$d"
      openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout ca.key -out ca.pem -subj /CN=ca 2>/dev/null
      openssl req -newkey rsa:2048 -nodes -keyout key.pem -out csr.pem -subj /CN=localhost 2>/dev/null
      echo subjectAltName=DNS:localhost >ext
      openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out cert.pem 2>/dev/null
      echo '{"pebble":{"listenAddress":"127.0.0.1:14000","managementListenAddress":"127.0.0.1:15000",
      "certificate":"/opt/acme/cert.pem","privateKey":"/opt/acme/key.pem","httpPort":80,"tlsPort":443}}' >config.json
      tar -c . | ssh -F \(Shell.quote(Server.lab.sshConfig)) \(name) 'mkdir -p /opt/acme && tar -C /opt/acme -x
      for n in \(names.joined(separator: " ")); do echo "127.0.0.1 $n" >>/etc/hosts; done
      PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 setsid /opt/acme/pebble -config /opt/acme/config.json >/var/log/pebble.log 2>&1 </dev/null &'
      """)
  }
}
