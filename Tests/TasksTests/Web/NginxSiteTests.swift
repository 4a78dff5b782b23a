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
        isWritten ? .file(owner: "root", group: "root") : .absent,
        isWritten ? FileDigest(of: site.content) : nil, .directory(), target, defaultSite, changed
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
    #expect(write.validate?.text.contains("nginx -t -q -c \"$copy/nginx.conf\"") == true)
  }

  @Test func aReloadThatWasMissedIsMadeUpFor() {
    let decision = decide(changed: ["/etc/nginx/sites-available/shop"])
    #expect(decision.changes == ["~ nginx has not read /etc/nginx/sites-available/shop yet"])
    #expect(decide(changed: nil).actions.count == 1)
  }

  @Test func theText() {
    let text = String(decoding: site.content.bytes, as: UTF8.self)
    #expect(text.contains("listen 443 ssl http2;"))
    #expect(!text.contains("listen 80"))
    #expect(text.contains("server \"unix:/srv/shop/run/g.sock\" fail_timeout=0;"))
    #expect(text.contains("ssl_certificate \"/etc/letsencrypt/live/shop.test/fullchain.pem\";"))
    #expect(text.contains("location ~ \"^/static/(.+\\.[0-9a-f]{8,64}\\.[A-Za-z0-9.]+)$\" {"))
    #expect(text.filter { $0 == "{" }.count == text.filter { $0 == "}" }.count)
    let http = NginxSite(
      "shop-http", domains: ["shop.test"], acmeWebroot: "/var/www/acme", redirectsToHTTPS: true)
    let plain = String(decoding: http.content.bytes, as: UTF8.self)
    #expect(plain.contains("location ^~ /.well-known/acme-challenge/ {"))
    #expect(plain.contains("return 301 https://$host$request_uri;"))
    #expect(!plain.contains("ssl"))
  }

  @Test func withoutNginx() {
    let decision = site.decide(given: (.absent, nil, .absent, nil, .absent, nil))
    #expect(decision.failure?.contains("AptPackages(\"nginx\")") == true)
  }

  @Test func wrongArgumentsAreRefused() {
    #expect(throws: InvalidTask.self) { try NginxSite("../x").validate() }
    #expect(throws: InvalidTask.self) { try NginxSite("x", domains: ["a;b"]).validate() }
    #expect(throws: InvalidTask.self) { try NginxSite("x", proxy: .port(70_000)).validate() }
    #expect(throws: InvalidTask.self) { try NginxSite("x", maxBodySize: "20 MB").validate() }
    #expect(throws: InvalidTask.self) {
      try NginxSite("x", locations: [NginxLocation("static", from: "/srv")]).validate()
    }
    #expect(throws: InvalidTask.self) {
      try NginxSite("x", tls: .certbot("x.test"), redirectsToHTTPS: true).validate()
    }
    #expect(throws: Never.self) { try site.validate() }
  }
}
