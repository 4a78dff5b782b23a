import MartletCore
import MartletFacts
@testable import MartletTasks
import TestSupport
import Testing

@Suite struct NginxSiteTests {
  private let site = NginxSite(
    "shop", domains: ["shop.test"], proxy: .unixSocket("/srv/shop/run/g.sock"),
    locations: [NginxLocation("/static/", from: "/srv/shop/static")], tls: .certbot("shop.test"),
    removesDefault: true)

  private func decide(
    isWritten: Bool = true, target: String? = "/etc/nginx/sites-available/shop",
    defaultSite: FileStatus = .absent, changed: [String]? = []
  ) -> Decision {
    site.decide(
      given: (
        (
          isWritten ? .file(owner: "root", group: "root") : .absent,
          isWritten ? FileDigest(of: site.content(hasIPv6: true)) : nil, .directory(), target, defaultSite,
          changed
        ), true, [], []
      ))
  }

  @Test func oneThatNginxHasReadIsLeftAlone() { #expect(decide().isUnchanged) }

  @Test func aNewSiteIsTestedLinkedAndRead() {
    let decision = decide(isWritten: false, target: nil, defaultSite: .file())
    #expect(
      decision.actions.map(\.summary) == [
        "write /etc/nginx/sites-available/shop", "switch the default site off", "enable the site shop",
        "reload nginx",
      ])
    guard case .write(let write)? = decision.actions.first?.effect else { return }
    #expect(write.validate?.text.contains("nginx -t -q -c \"$copy/etc/nginx/nginx.conf\"") == true)
  }

  @Test func aReloadThatWasMissedIsMadeUpFor() {
    let decision = decide(changed: ["/etc/nginx/sites-available/shop"])
    #expect(decision.changes == ["~ nginx has not read /etc/nginx/sites-available/shop yet"])
    #expect(decide(changed: nil).actions.count == 1)
  }

  @Test func theText() {
    let text = String(decoding: site.content(hasIPv6: true).bytes, as: UTF8.self)
    #expect(text.contains("listen 443 ssl http2;"))
    #expect(!text.contains("listen 80"))
    #expect(text.contains("server \"unix:/srv/shop/run/g.sock\" fail_timeout=0;"))
    #expect(text.contains("ssl_certificate \"/etc/letsencrypt/live/shop.test/fullchain.pem\";"))
    #expect(text.contains("location ~ \"^/static/(.+\\.[0-9a-f]{8,64}\\.[A-Za-z0-9.]+)$\" {"))
    #expect(text.filter { $0 == "{" }.count == text.filter { $0 == "}" }.count)
    let http = NginxSite(
      "shop-http", domains: ["shop.test"], acmeWebroot: "/var/www/acme", redirectsToHTTPS: true)
    let plain = String(decoding: http.content(hasIPv6: true).bytes, as: UTF8.self)
    #expect(plain.contains("location ^~ /.well-known/acme-challenge/ {"))
    #expect(plain.contains("return 301 https://$host$request_uri;"))
    #expect(!plain.contains("ssl"))
  }

  @Test func `Links lead to files of the same owner, unless a playbook says otherwise`() {
    func text(_ location: NginxLocation) -> String {
      String(decoding: NginxSite("a", locations: [location]).content(hasIPv6: true).bytes, as: UTF8.self)
    }
    let line = "disable_symlinks if_not_owner \"from=/srv/a b\";\n"
    for location in [
      NginxLocation("/static/", from: "/srv/a b"), NginxLocation("/", from: "/srv/a b"),
      NginxLocation("/media/", from: "/srv/a b", isUntrusted: true),
    ] { #expect(text(location).contains(line), "\(text(location))") }
    #expect(!text(NginxLocation("/static/", from: "/srv/a", followsLinks: true)).contains("disable_symlinks"))
    #expect(throws: InvalidTask.self) {
      try NginxSite(
        "a", locations: [NginxLocation("/m/", from: "/srv/a", isUntrusted: true, followsLinks: true)]
      ).validate()
    }
  }

  @Test func `A host without IPv6 gets a site without it`() {
    func listens(_ site: NginxSite, _ hasIPv6: Bool) -> [String] {
      String(decoding: site.content(hasIPv6: hasIPv6).bytes, as: UTF8.self).split(separator: "\n")
        .filter { $0.contains("listen ") }.map { $0.drop { $0 == " " } }.map(String.init)
    }
    #expect(listens(site, false) == ["listen 443 ssl http2;"])
    #expect(listens(site, true) == ["listen 443 ssl http2;", "listen [::]:443 ssl http2;"])
    #expect(listens(NginxSite("a", isDefault: true), false) == ["listen 80 default_server;"])
    // The file of a host that has lost it is wrong, and the other way round.
    let found = (FileStatus.file(owner: "root", group: "root"), FileDigest(of: site.content(hasIPv6: true)))
    let decision = site.decide(
      given: ((found.0, found.1, .directory(), "/etc/nginx/sites-available/shop", .absent, []), false, [], [])
    )
    #expect(decision.changes == ["contents /etc/nginx/sites-available/shop"])
  }

  @Test func `Room for long names is made, never taken away, and not where somebody else has said how much`()
  {
    func room(_ length: Int, _ found: [RemotePath: Int]) -> Decision {
      NginxSite("a", domains: [String(repeating: "a", count: length - 5) + ".test"]).decide(
        given: ((.absent, nil, .directory(), nil, .absent, []), true, [found], []))
    }
    func first(_ length: Int, _ found: [RemotePath: Int] = [:]) -> String? {
      room(length, found).actions.first?.summary
    }
    let (site, hash) = ("write /etc/nginx/sites-available/a", "write \(NginxSite.nameBuckets)")
    #expect(first(46) == site && first(47) == hash)
    #expect(first(60, [NginxSite.nameBuckets: 128]) == site)
    #expect(first(200, [NginxSite.nameBuckets: 128]) == hash)
    #expect(first(60, ["/etc/nginx/nginx.conf": 128]) == site)
    #expect(room(60, ["/etc/nginx/nginx.conf": 64]).failure?.contains("make it 128") == true)
  }

  @Test func warnings() throws {
    let nginx = [
      "conflicting server name \"shop.test\" on 0.0.0.0:80, ignored",
      "conflicting server name \"other.test\" on 0.0.0.0:80, ignored",
      "the \"listen ... http2\" directive is deprecated, use the \"http2\" directive instead in "
        + "/etc/nginx/sites-enabled/shop:2",
      "server name \"a/b\" has suspicious symbols in /etc/nginx/sites-enabled/other:3",
      "could not build optimal variables_hash, you should increase either variables_hash_max_size: 1024",
      "server name \"a/b\" has suspicious symbols in /etc/nginx/sites-enabled/shop:3",
    ]
    let told = site.warnings(given: ((.absent, nil, .directory(), nil, .absent, []), true, [], nginx))
    #expect(told == ["nginx: \(nginx[0])", "nginx: \(nginx[5])"])
    let said = "2026/11/30 23:38:49 [warn] 785#785: \(nginx[0])\nnginx: [emerg] no\n"
    let fact = NginxWarnings(from: NginxSite.said)
    #expect(try NginxWarnings.parse(ProbeOutput(said), for: [fact])[fact] == [nginx[0]])
    // An unchanged run asks nothing.
    #expect(NginxWarnings.probe([fact], LookOptions()).text == ":")
  }

  @Test func aSiteOfFilesAlone() {
    let site = NginxSite(
      "docs", domains: ["docs.test"], locations: [NginxLocation("/", from: "/var/www/site")])
    #expect(throws: Never.self) { try site.validate() }
    let text = String(decoding: site.content(hasIPv6: true).bytes, as: UTF8.self)
    #expect(text.contains("    root \"/var/www/site\";\n") && text.contains("try_files $uri $uri/ =404;"))
    #expect(text.filter { $0 == "{" }.count == text.filter { $0 == "}" }.count)
  }

  @Test func `A site that turns to HTTPS is not in the way of its own site for port 80`() {
    let site = NginxSite("shop-http", domains: ["shop.test"], redirectsToHTTPS: true).making(wayFor: "shop")
    let decision = site.decide(given: ((.absent, nil, .directory(), nil, .absent, []), true, [], []))
    guard case .write(let write)? = decision.actions.first?.effect else { return }
    #expect(write.validate?.text.contains("later=/etc/nginx/sites-enabled/shop\n") == true)
  }

  @Test func withoutNginx() {
    let decision = site.decide(given: ((.absent, nil, .absent, nil, .absent, nil), true, [], []))
    #expect(decision.failure?.contains("AptPackages(\"nginx\")") == true)
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try NginxSite("../x").validate() }
    #expect(throws: InvalidTask.self) { try NginxSite("x", domains: ["a;b"]).validate() }
    #expect(throws: InvalidTask.self) { try NginxSite("x", proxy: .port(70_000)).validate() }
    for size in ["20 MB", "20kk", "½m", "m", "", "2;m"] {
      #expect(throws: InvalidTask.self) { try NginxSite("x", maxBodySize: size).validate() }
    }
    // Also what Swift takes for one character with its accent.
    for prefix in ["/a;\u{301}/", "/a}\u{301}/", "/a$\u{301}b/", "/a b/", "/a\t/", "/a\r\n/", "a/", "/a"] {
      #expect(throws: InvalidTask.self) {
        try NginxSite("x", locations: [NginxLocation(prefix, from: "/srv")]).validate()
      }
    }
    for path in ["/srv/a\"\u{301}; }", "/srv/$x", "/srv/a;b"] {
      #expect(throws: InvalidTask.self) {
        try NginxSite("x", locations: [NginxLocation("/a/", from: RemotePath(path))]).validate()
      }
    }
    #expect(throws: InvalidTask.self) {
      try NginxSite("x", proxy: .port(80), locations: [NginxLocation("/", from: "/srv")]).validate()
    }
    #expect(throws: InvalidTask.self) {
      try NginxSite("x", locations: [NginxLocation("static", from: "/srv")]).validate()
    }
    #expect(throws: InvalidTask.self) {
      try NginxSite("x", tls: .certbot("x.test"), redirectsToHTTPS: true).validate()
    }
    #expect(throws: Never.self) { try site.validate() }
  }
}
