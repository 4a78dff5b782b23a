import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct SiteCheckTests {
  private let task = SiteCheck(
    domains: ["shop.example"], staticFolder: "/srv/shop/static", python: "/usr/bin/python3")

  private func failure(_ hops: (String, Int?)..., error: String? = nil, debug: Bool = false) -> String? {
    let page = SiteAnswers.Page(
      name: "shop.example", hops: hops.map { .init(url: $0.0, status: $0.1) }, isDebugPage: debug,
      error: error)
    return task.decide(given: SiteAnswers(pages: [page])).failure
  }

  @Test func pages() {
    #expect(failure(("http://shop.example/", 200)) == nil)
    #expect(failure(("http://shop.example/", 302), ("http://shop.example/login", 200)) == nil)
    // Another site's page isn't this one's to ask for, but for a name that is meant to be its own.
    #expect(failure(("http://shop.example/", 302), ("https://login.example/", nil)) == nil)
    #expect(
      failure(("http://shop.example/", 301), ("http://www.shop.example/", nil))?.contains("PREPEND_WWW")
        == true)
    #expect(
      failure(("http://shop.example/", 301), ("https://shop.example/", nil), error: "ConnectionRefusedError")?
        .contains("http://shop.example/ (301) → https://shop.example/: ConnectionRefusedError") == true)
    #expect(failure(("http://shop.example/", 400))?.contains("ALLOWED_HOSTS") == true)
    #expect(failure(("http://shop.example/", 200), debug: true)?.contains("DEBUG") == true)
    #expect(failure() != nil)
    #expect(task.decide(given: SiteAnswers(problem: "no python")).failure == "no python")
  }

  @Test func staticFiles() {
    func failure(_ status: Int?, _ isSame: Bool) -> String? {
      let file = SiteAnswers.StaticFile(
        file: "/srv/shop/static/a.css", url: "http://shop.example/static/a.css", status: status,
        isSame: isSame)
      return task.decide(given: SiteAnswers(staticFile: file)).failure
    }
    #expect(failure(200, true) == nil)
    #expect(failure(403, false)?.contains("can't") == true)
    #expect(failure(404, false)?.contains("status 404") == true)
    #expect(failure(200, false)?.contains("elsewhere") == true)
  }

  @Test func namesOfOtherSites() {
    let servers = [
      NginxServer(
        file: "/etc/nginx/sites-enabled/one", listens: [["80", "default_server"], ["[::]:80"]], names: ["_"]),
      NginxServer(file: "/etc/nginx/sites-enabled/two", listens: [["443", "ssl"]], names: ["two.example"]),
      NginxServer(file: "/etc/nginx/conf.d/status.conf", listens: [["127.0.0.1:80"]]),
    ]
    func failure(_ name: String, _ domains: [String], _ ports: [Int]) -> String? {
      NginxNameCheck(name, domains: domains, ports: ports).decide(given: servers).failure
    }
    #expect(failure("zoo", [], [80])?.contains("sites-enabled/one answers on port 80 for any name") == true)
    #expect(failure("one", [], [80]) == nil)
    #expect(failure("zoo", ["two.example"], [80]) == nil)
    #expect(failure("zoo", ["x.example", "Two.example"], [80, 443])?.contains("Two.example") == true)
    #expect(failure("zoo", [], [8080]) == nil)
  }
}
