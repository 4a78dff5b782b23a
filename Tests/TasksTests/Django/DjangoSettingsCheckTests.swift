import MartletCore
import MartletFacts
import MartletTasks
import TestSupport
import Testing

@Suite struct DjangoSettingsCheckTests {
  private let project = DjangoProject(
    "/srv/shop/app", virtualenv: "/srv/shop/venv", environmentFile: "/srv/shop/env", user: "shop")

  private func task(
    domains: [String] = ["shop.example"], isHTTPS: Bool = false, generated: [String] = ["SECRET_KEY"],
    allowsDebug: Bool = false
  ) -> DjangoSettingsCheck {
    DjangoSettingsCheck(
      project, wsgi: "shop.wsgi:application", domains: domains, isHTTPS: isHTTPS,
      staticFolder: "/srv/shop/static", mediaFolder: "/srv/shop/media", generated: generated,
      allowsDebug: allowsDebug)
  }

  private var right: DjangoSettings {
    var settings = DjangoSettings()
    settings.module = "shop.settings"
    settings.wsgi = ["shop.settings", ""]
    settings.allowedHosts = ["shop.example"]
    settings.staticRoot = "/srv/shop/static"
    settings.isStaticPlace = true
    settings.staticURL = "/static/"
    settings.keyVariables = ["SECRET_KEY"]
    return settings
  }

  private func failure(
    _ task: DjangoSettingsCheck? = nil, _ change: (inout DjangoSettings) -> Void
  ) -> String? {
    var settings = right
    change(&settings)
    return (task ?? self.task()).decide(given: .settings(settings)).failure
  }

  @Test func whatFitsIsUnchanged() {
    #expect(task().decide(given: .settings(right)).isUnchanged)
    #expect(task().decide(given: .notReady("no manage.py")).failure == "no manage.py")
    #expect(failure(task(isHTTPS: true)) { $0.redirectsToHTTPS = true } == nil)
    // Files that the application serves, or another site.
    #expect(failure { ($0.staticURL, $0.isStaticPlace) = ("https://cdn.example/", false) } == nil)
    #expect(failure { ($0.staticStorage, $0.isStaticPlace) = ("S3Storage", false) } == nil)
    #expect(failure { ($0.staticURL, $0.whiteNoise, $0.isStaticPlace) = ("/assets/", true, false) } == nil)
    // A key from elsewhere, said so; uploads that the web server doesn't serve.
    #expect(failure(task(generated: [])) { $0.keyVariables = [] } == nil)
    #expect(failure { ($0.mediaRoot, $0.mediaURL) = ("/srv/shop/data/private", "/private/") } == nil)
  }

  @Test func whatDoesNotFitIsSaidWithWhatToWrite() {
    #expect(failure { $0.debug = true }?.contains("options.allowsDebug = true") == true)
    #expect(failure(task(allowsDebug: true)) { $0.debug = true } == nil)
    #expect(failure { $0.refusedHosts = ["shop.example"] }?.contains("status 400") == true)
    #expect(
      failure(task(domains: [])) { $0.refusedHosts = ["192.0.2.7"] }?.contains("domains: […]") == true)
    #expect(
      failure { ($0.staticRoot, $0.isStaticPlace) = ("", false) }?.contains(
        "STATIC_ROOT is not set, but the web server takes static files from /srv/shop/static") == true)
    // WhiteNoise or not: nginx is asked first.
    #expect(failure { ($0.isStaticPlace, $0.whiteNoise) = (false, true) }?.contains("STATIC_ROOT") == true)
    #expect(failure { $0.staticURL = "/assets/" }?.contains("options.staticURL = \"/assets/\"") == true)
    #expect(
      failure { ($0.mediaRoot, $0.mediaURL) = ("/var/media", "/media/") }?.contains(
        "[\"MEDIA_ROOT\": \"/srv/shop/media\"]") == true)
    #expect(
      failure { ($0.mediaRoot, $0.isMediaPlace, $0.mediaURL) = ("/srv/shop/media", true, "/up/") }?.contains(
        "options.mediaURL = \"/up/\"") == true)
    #expect(failure { $0.redirectsToHTTPS = true }?.contains("tls: .letsEncrypt") == true)
    #expect(
      failure { ($0.isInsecureKey, $0.keyVariables) = (true, []) }?.contains("os.environ[\"SECRET_KEY\"]")
        == true)
    #expect(failure { $0.keyVariables = [] }?.contains("options.generated = []") == true)
    #expect(
      failure { $0.wsgi = ["shop.settings.production", ""] }?.contains(
        "settings: \"shop.settings.production\"") == true)
    let written = DjangoSettings.Written(name: "MEDIA_ROOT", path: "/srv/shop/app/media", holds: false)
    #expect(failure { $0.written = [written] }?.contains("\"/srv/shop/media\"") == true)
  }

  @Test func dataAmongTheCodeStopsAnUpload() {
    let check = DjangoDataCheck(project)
    var database = DjangoSettings.Written(
      name: "DATABASES['default']['NAME']", path: "/srv/shop/app/db.sqlite3", holds: true)
    #expect(
      check.decide(given: .written([database])).failure?.contains(
        "cp -a /srv/shop/app/db.sqlite3* /srv/shop/data/") == true)
    database.holds = false
    #expect(check.decide(given: .written([database])).isUnchanged)
    #expect(check.decide(given: .notReady("")).isUnchanged && check.decide(given: .error("")).isUnchanged)
  }

  @Test func warningsOfPlainHTTP() {
    var settings = right
    settings.secureCookies = ["CSRF_COOKIE_SECURE"]
    #expect(task().warnings(given: .settings(settings)).first?.contains("CSRF_COOKIE_SECURE") == true)
    #expect(task(isHTTPS: true).warnings(given: .settings(settings)) == [])
  }
}
