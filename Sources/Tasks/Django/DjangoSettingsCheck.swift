public import MartletCore
public import MartletFacts

/// Asks Django what it is really set to, and compares that with what stands around it. It changes nothing.
///
///     DjangoSettingsCheck(
///       project, wsgi: "shop.wsgi", domains: ["shop.example"], isHTTPS: true,
///       staticFolder: "/srv/shop/static", mediaFolder: "/srv/shop/media")
///
/// Django is asked in the environment that the application runs in, through the project's own `manage.py`. What
/// would make a site that looks well and isn't stops the host's run before anything is restarted: DEBUG, names
/// that visitors ask for and `ALLOWED_HOSTS` doesn't take, static or uploaded files in another place than the web
/// server looks in, uploads or a database in the code's folder, a redirect to HTTPS that isn't served, a
/// `SECRET_KEY` that is in the code, and settings that aren't those of the WSGI module. The error names the
/// setting, its value, what the playbook says, and what to write.
public struct DjangoSettingsCheck: HostTask {
  let project: DjangoProject
  let surroundings: DjangoSurroundings
  let isHTTPS: Bool
  let staticURL: String
  let mediaURL: String
  let generated: [String]
  let allowsDebug: Bool

  /// - Parameters:
  ///   - project: The project.
  ///   - wsgi: The module that gunicorn runs, with or without `:application`; empty to leave out whether it has
  ///     the same settings.
  ///   - domains: The names that visitors ask for; none for the host's address. `*.` stands for any name there.
  ///   - isHTTPS: Whether the web server answers by HTTPS.
  ///   - staticFolder: Where the web server takes static files from.
  ///   - staticURL: Where they are in URLs.
  ///   - mediaFolder: Where the web server takes uploaded files from.
  ///   - mediaURL: Where they are in URLs.
  ///   - generated: The variables that the host has made up: if one is a secret key, it must be the one in
  ///     effect.
  ///   - allowsDebug: Whether DEBUG may be on, for a site that isn't public.
  public init(
    _ project: DjangoProject, wsgi: String = "", domains: [String], isHTTPS: Bool, staticFolder: RemotePath,
    staticURL: String = "/static/", mediaFolder: RemotePath, mediaURL: String = "/media/",
    generated: [String] = [], allowsDebug: Bool = false
  ) {
    self.project = project
    surroundings = DjangoSurroundings(
      wsgi: String(wsgi.prefix { $0 != ":" }),
      names: domains.map { $0.hasPrefix("*.") ? "www" + $0.dropFirst() : $0 }, staticFolder: staticFolder,
      mediaFolder: mediaFolder)
    self.isHTTPS = isHTTPS
    self.staticURL = staticURL
    self.mediaURL = mediaURL
    self.generated = generated
    self.allowsDebug = allowsDebug
  }

  public var label: String { "django settings \(project.path)" }

  public var observes: DjangoFact { DjangoFact(project, .settings(surroundings)) }

  public func decide(given answer: DjangoAnswer) -> Decision {
    switch answer {
    case .notReady(let why): return .failed(why)
    case .error(let why): return .failed("Django can't say its settings in \(project.path): \(why)")
    case .settings(let settings):
      let problems = problems(of: settings)
      guard !problems.isEmpty else { return .unchanged }
      return .failed(
        "the settings in effect (\(settings.module)) don't fit the playbook; nothing was restarted:\n"
          + problems.map { "- " + $0 }.joined(separator: "\n"))
    default: return .failed("Django gave an answer to another question")
    }
  }

  public func warnings(given answer: DjangoAnswer) -> [String] {
    guard case .settings(let settings) = answer else { return [] }
    var warnings: [String] = []
    if !isHTTPS, !settings.secureCookies.isEmpty {
      warnings.append(
        "\(settings.secureCookies.joined(separator: " and ")) on, but the site is served by plain HTTP: browsers "
          + "don't send such cookies back, so that nobody can log in or send a form")
    }
    if !settings.mediaRoot.isEmpty, settings.mediaURL == "/" {
      warnings.append(
        "MEDIA_ROOT is set and MEDIA_URL isn't: links to uploaded files lead nowhere. Write MEDIA_URL = \"\(mediaURL)\""
      )
    }
    return warnings
  }

  public func validate() throws {
    if let problem = project.invalidity { throw InvalidTask(problem) }
    try DjangoModule.check(surroundings.wsgi)
    for url in [staticURL, mediaURL] where !url.hasPrefix("/") || !url.hasSuffix("/") {
      throw InvalidTask("the location \"\(url)\" must begin and end with a slash: \"/static/\"")
    }
  }

  /// What doesn't fit, worst first.
  private func problems(of settings: DjangoSettings) -> [String] {
    var problems: [String] = []
    if settings.debug, !allowsDebug {
      problems.append(
        """
        DEBUG is on: every visitor who meets an error gets the code, the settings and the environment. Write \
        DEBUG = False, or DEBUG = os.environ.get("DEBUG") == "1" to switch it on elsewhere. If it is meant, as on a \
        server that isn't public: options.allowsDebug = true
        """)
    }
    problems +=
      modules(settings) + key(settings) + settings.written.map { Self.advice($0, project) } + hosts(settings)
    problems += staticFiles(settings) + media(settings)
    if settings.redirectsToHTTPS, !isHTTPS {
      problems.append(
        """
        SECURE_SSL_REDIRECT is on, but the playbook serves the site by plain HTTP alone (tls: .none): every page \
        would be a redirect to where nothing listens. Give the site a certificate (tls: .letsEncrypt(email: …)), \
        or switch the setting off
        """)
    }
    return problems
  }

  private func modules(_ settings: DjangoSettings) -> [String] {
    guard let wsgi = settings.wsgi, wsgi.count == 2, wsgi != [settings.module, settings.configuration] else {
      return []
    }
    let isModule = wsgi[0] != settings.module
    let name = isModule ? "DJANGO_SETTINGS_MODULE" : "DJANGO_CONFIGURATION"
    let (theirs, ours) = isModule ? (wsgi[0], settings.module) : (wsgi[1], settings.configuration)
    return [
      """
      the application runs with \(name) = \(theirs.debugDescription) (\(surroundings.wsgi)), manage.py with \
      \(ours.debugDescription): another database could be migrated than the one in use. Say which: \
      \(isModule ? "settings: \(theirs.debugDescription)" : "environment: [\"\(name)\": \(theirs.debugDescription)]") \
      in the playbook, and os.environ.setdefault(…) where one of the two files sets it
      """
    ]
  }

  private func key(_ settings: DjangoSettings) -> [String] {
    let made = generated.filter { $0.uppercased().contains("SECRET_KEY") }
    let isOurs = made.contains(where: settings.keyVariables.contains)
    if settings.isInsecureKey, settings.keyVariables.isEmpty {
      return [
        """
        SECRET_KEY is the one that startproject has written into the code: whoever has read that can forge \
        sessions. Write SECRET_KEY = os.environ["\(made.first ?? "SECRET_KEY")"]
        """
      ]
    }
    guard let name = made.first, !isOurs, settings.keyVariables.isEmpty else { return [] }
    return [
      """
      SECRET_KEY is not the one of the environment variable \(name), which the host has made up. Write \
      SECRET_KEY = os.environ["\(name)"]. If the key comes from elsewhere: options.generated = []
      """
    ]
  }

  /// What to do about something that requests write into the code's folder.
  static func advice(_ written: DjangoSettings.Written, _ project: DjangoProject) -> String {
    let isDatabase = written.name.hasPrefix("DATABASES")
    let beside = project.path.parent / (isDatabase ? "data/db.sqlite3" : "media")
    let setting = isDatabase ? written.name : "MEDIA_ROOT"
    let example =
      isDatabase
      ? "\"NAME\": os.environ[\"DATABASE_FILE\"], and environment: [\"DATABASE_FILE\": \"\(beside)\"]"
      : "MEDIA_ROOT = os.environ[\"MEDIA_ROOT\"], and environment: [\"MEDIA_ROOT\": \"\(beside)\"]"
    return """
      \(written.name) is \(written.path), in the folder that the code is uploaded to: what visitors put there would \
      be mixed up with the code, and lost with it. Set \(setting) to a place beside it: write \(example) in the \
      playbook
      """
  }

  private func hosts(_ settings: DjangoSettings) -> [String] {
    guard !settings.refusedHosts.isEmpty else { return [] }
    let refused = settings.refusedHosts.joined(separator: ", ")
    let allowed = settings.allowedHosts.isEmpty ? "empty" : "\(settings.allowedHosts)"
    if surroundings.names.isEmpty {
      return [
        """
        ALLOWED_HOSTS is \(allowed), and the playbook names no domains: visitors come by the host's address, \
        \(refused), and would all get status 400. Name what they ask for, in domains: […] and in ALLOWED_HOSTS
        """
      ]
    }
    return [
      """
      ALLOWED_HOSTS is \(allowed), without \(refused), which the playbook has among its domains: those visitors \
      would all get status 400. Write ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(","), and in the \
      playbook environment: ["ALLOWED_HOSTS": "\(surroundings.names.joined(separator: ","))"]
      """
    ]
  }

  private func staticFiles(_ settings: DjangoSettings) -> [String] {
    guard settings.staticStorage.isEmpty, let path = Self.localPath(settings.staticURL) else { return [] }
    let folder = surroundings.staticFolder
    var problems: [String] = []
    if path != staticURL, !settings.whiteNoise {
      problems.append(
        """
        STATIC_URL is \(settings.staticURL.debugDescription), but the web server serves static files at \
        \(staticURL.debugDescription). Write options.staticURL = \(path.debugDescription) in the playbook
        """)
    }
    if !settings.isStaticPlace, path == staticURL || !settings.whiteNoise {
      let now = settings.staticRoot.isEmpty ? "not set" : settings.staticRoot
      problems.append(
        """
        STATIC_ROOT is \(now), but the web server takes static files from \(folder): they would all be missing. \
        Write STATIC_ROOT = os.environ["STATIC_ROOT"], and in the playbook environment: \
        ["STATIC_ROOT": "\(folder)"]
        """)
    }
    return problems
  }

  private func media(_ settings: DjangoSettings) -> [String] {
    let folder = surroundings.mediaFolder
    guard !settings.mediaRoot.isEmpty, let path = Self.localPath(settings.mediaURL) else { return [] }
    // In the code's folder: that has been said.
    if settings.written.contains(where: { $0.name == "MEDIA_ROOT" }) { return [] }
    if settings.isMediaPlace, path != mediaURL, path != "/" {
      return [
        """
        MEDIA_URL is \(settings.mediaURL.debugDescription), but the web server serves uploaded files at \
        \(mediaURL.debugDescription). Write options.mediaURL = \(path.debugDescription) in the playbook
        """
      ]
    }
    if !settings.isMediaPlace, path == mediaURL {
      return [
        """
        MEDIA_ROOT is \(settings.mediaRoot), but the web server takes uploaded files from \(folder): they would \
        all be missing. Write MEDIA_ROOT = os.environ["MEDIA_ROOT"], and in the playbook environment: \
        ["MEDIA_ROOT": "\(folder)"]
        """
      ]
    }
    return []
  }

  /// The path of a URL that this site itself serves; nil for one of another site.
  private static func localPath(_ url: String) -> String? {
    guard !url.contains("://"), !url.hasPrefix("//") else { return nil }
    return url.hasPrefix("/") ? url : "/" + url
  }
}

/// The rules for the names of Python modules.
enum DjangoModule {
  /// - Throws: ``InvalidTask`` if it isn't empty and can't be a module's name.
  static func check(_ name: String) throws {
    if !name.allSatisfy({ $0.isLetter || $0.isNumber || "._".contains($0) }) {
      throw InvalidTask("\"\(name)\" is no module: write it with dots, as in \"shop.wsgi\"")
    }
  }
}
