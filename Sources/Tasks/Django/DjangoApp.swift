public import MartletCore
public import MartletFacts

/// A whole Django application on one server: code, environment, database schema, static files, gunicorn under
/// supervisor, nginx, a certificate, and the proof that it answers.
///
///     DjangoApp(
///       "shop", from: "app", wsgi: "shop.wsgi", settings: "shop.settings", domains: ["shop.example"],
///       environment: ["ALLOWED_HOSTS": "shop.example", "STATIC_ROOT": "/srv/shop/static"],
///       secrets: ["DATABASE_URL": .environment("DATABASE_URL")], tls: .letsEncrypt(email: "ops@shop.example"))
///
/// All of it lies in `/srv/NAME`. The application runs as a user of its own, who can't change its code:
///
/// - `app`: the code. `venv`: its Python packages. `env`: its environment variables. `gunicorn.py`: gunicorn's
///   settings. Root's.
/// - `static`: the settings' `STATIC_ROOT`. `media`: `MEDIA_ROOT`. The application's, readable by nginx.
/// - `data`: the application's alone, as for a SQLite database.
/// - `run`: the socket that nginx finds gunicorn at.
///
/// Nothing in `app` that somebody else than root has made is deleted, and no upload begins while visitors' data
/// lies there. Before anything is restarted Django is asked what it is really set to (``DjangoSettingsCheck``); at
/// the end the page is asked for by every name that visitors use, and one static file (``SiteCheck``).
///
/// gunicorn loads the application once, with its views and templates, before it forks its processes: one that dies
/// after a deployment that failed is replaced by the code that was live. A thread that the application starts as it
/// is loaded then runs in gunicorn's first process alone; see ``Options/preloads``.
///
/// A server that needs something else composes the tasks that this is made of.
public struct DjangoApp: CompositeTask {
  /// How a site is reached.
  @frozen public enum TLS: Sendable, Hashable {
    /// By plain HTTP only.
    case none
    /// By HTTPS, with a certificate from Let's Encrypt.
    case letsEncrypt(email: String?)
    /// By HTTPS, with a certificate from another ACME server, or from Let's Encrypt's for trials.
    case acme(ACMEServer, email: String?)
    /// By HTTPS, with a certificate that is on the host already.
    case certificate(NginxTLS)
  }

  /// What of an application differs from most others.
  public struct Options: Sendable {
    /// The requirements file, from the code's folder; nil for none.
    public var requirements: String? = "requirements.txt"
    /// Python packages that the requirements don't have, as `gunicorn`.
    public var packages: [String] = []
    /// Debian packages that the application needs.
    public var systemPackages: [String] = []
    /// The interpreter.
    public var python = "python3"
    /// gunicorn's processes.
    public var workers = 3
    /// How long gunicorn lets a request take, in seconds.
    public var requestTimeout = 30
    /// Further arguments for gunicorn. A `gunicorn.conf.py` beside `manage.py` is read too.
    public var gunicornArguments: [String] = []
    /// Whether gunicorn loads the application before it forks its processes: less memory, and a process that dies is
    /// replaced by the same code, whatever lies on the disk by then. Nil for yes, unless its arguments name gevent
    /// or eventlet, which have to be there before the application is.
    public var preloads: Bool?
    /// What in the code's folder is not uploaded, by the rules of gitignore(5).
    public var excludes = [
      "__pycache__/", "*.pyc", "*.egg-info/", "venv/", ".venv/", "db.sqlite3*", "static_root/",
    ]
    /// What is uploaded though git's rules leave it out, by the same rules.
    public var includes: [String] = []
    /// Where static files are in URLs: the settings' `STATIC_URL`.
    public var staticURL = "/static/"
    /// Where uploaded files are in URLs: the settings' `MEDIA_URL`.
    public var mediaURL = "/media/"
    /// The largest request, as nginx writes it.
    public var maxBodySize = "10m"
    /// Further directives for nginx's `server` block.
    public var nginx = ""
    /// Whether the site answers requests for names that no site has.
    public var isDefaultSite = false
    /// The lowest level of Django's checks that stops a deployment.
    public var failLevel: DjangoCheck.Level = .error
    /// The variables whose values the host makes up once, and keeps.
    public var generated = ["SECRET_KEY"]
    /// The page that must answer in the end, by every name, with a status below 400.
    public var healthPath = "/"
    /// Whether DEBUG may be on: for a site that nobody else can reach.
    public var allowsDebug = false

    public init() {}
  }

  let name: String
  let source: String
  let wsgi: String
  let settings: String?
  let domains: [String]
  let environment: [String: String]
  let secrets: [String: Secret]
  let tls: TLS
  let options: Options

  /// - Parameters:
  ///   - name: What it is called on the host: the folder, the user, the program and the site.
  ///   - source: The folder with `manage.py`, on the machine that runs the playbook.
  ///   - wsgi: The module with the WSGI application: `shop.wsgi`.
  ///   - settings: The settings module; nil for the one that `manage.py` names.
  ///   - domains: The names of the site; none for any name, as the host's address. A host can have one such site.
  ///   - environment: The application's environment variables.
  ///   - secrets: Those that must not be seen.
  ///   - tls: How the site is reached.
  ///   - options: What differs from most others.
  public init(
    _ name: String, from source: String, wsgi: String, settings: String? = nil, domains: [String] = [],
    environment: [String: String] = [:], secrets: [String: Secret] = [:], tls: TLS = .none,
    options: Options = Options()
  ) {
    self.name = name
    self.source = source
    self.wsgi = wsgi
    self.settings = settings
    self.domains = domains
    self.environment = environment
    self.secrets = secrets
    self.tls = tls
    self.options = options
  }

  /// Where an application of this name lies on its host.
  public static func folder(_ name: String) -> RemotePath { "/srv" / name }

  private var root: RemotePath { Self.folder(name) }
  private var code: RemotePath { root / "app" }
  private var virtualenv: RemotePath { root / "venv" }
  private var environmentFile: RemotePath { root / "env" }
  private var gunicornFile: RemotePath { root / "gunicorn.py" }
  private var socket: RemotePath { root / "run/gunicorn.sock" }
  private var isHTTPS: Bool { tls != .none }

  /// What tasks of one's own need to know of the project: `Migrate(app.project, database: "reports")`.
  public var project: DjangoProject {
    DjangoProject(
      code, virtualenv: virtualenv, settings: settings, environmentFile: environmentFile, user: name)
  }

  public var body: Steps {
    server
    files
    packages
    release
    site
    checks
  }

  @StepsBuilder private var server: Steps {
    NginxNameCheck([name, name + "-http"], domains: domains, ports: isHTTPS ? [80, 443] : [80])
    AptPackages(systemPackages, recommends: false)
    User(name, system: true, home: root / "data", shell: "/usr/sbin/nologin")
  }

  private var systemPackages: [String] {
    // In one transaction with Python: two would cost the first deployment one round more.
    var packages = InstallPython().packages + ["supervisor", "nginx"] + options.systemPackages
    switch tls {
    case .letsEncrypt, .acme: packages += ["certbot", "openssl"]
    case .none, .certificate: break
    }
    return packages
  }

  /// New files in a folder with the set-group-ID bit are nginx's group's, also the socket.
  @StepsBuilder private var files: Steps {
    DjangoDataCheck(project)
    Directory(root, mode: 0o755, owner: "root", group: "root", followsLink: true)
    for folder in ["static", "media", "run"] {
      Directory(root / folder, mode: 0o2750, owner: name, group: "www-data", followsLink: true)
    }
    Directory(root / "data", mode: 0o750, owner: name, group: name, followsLink: true)
    EnvironmentFile(
      environmentFile,
      environment.merging(settings.map { ["DJANGO_SETTINGS_MODULE": $0] } ?? [:]) { own, _ in own },
      secrets: secrets, generated: options.generated, group: name,
      // Only shells read it: any value is fine.
      isReadByDotenv: false, isReadBySystemd: false)
    File(
      gunicornFile, content: GunicornConfiguration.text(preloads: preloads), mode: 0o644, owner: "root",
      group: "root")
    TreeUpload(
      source, to: code, mode: 0o644, directoryMode: 0o755, owner: "root", group: "root",
      excludes: options.excludes, includes: options.includes, deleteExtraneous: true)
  }

  @StepsBuilder private var packages: Steps {
    Virtualenv(virtualenv, python: options.python)
    if let requirements = options.requirements {
      PipInstall(requirements: code / requirements, into: virtualenv)
    }
    if !options.packages.isEmpty { PipInstall(options.packages, into: virtualenv) }
  }

  private var preloads: Bool {
    options.preloads
      ?? !options.gunicornArguments.contains { $0.contains("gevent") || $0.contains("eventlet") }
  }

  @StepsBuilder private var release: Steps {
    DjangoSettingsCheck(
      project, wsgi: wsgi, domains: domains, isHTTPS: isHTTPS, staticFolder: root / "static",
      staticURL: options.staticURL, mediaFolder: root / "media", mediaURL: options.mediaURL,
      generated: options.generated, allowsDebug: options.allowsDebug)
    DjangoCheck(project, failLevel: options.failLevel)
    Migrate(project)
    CollectStatic(project)
    SupervisorProgram(
      name, command: gunicorn, directory: code, user: name, environmentFile: environmentFile,
      environment: ["HOME": (root / "data").string, "USER": name],
      restartedBy: [.tree(code), .virtualenv(virtualenv), .file(environmentFile), .file(gunicornFile)],
      check: "PYTHONDONTWRITEBYTECODE=1 \(splice: gunicorn) --check-config")
  }

  /// gunicorn lets everybody write to its socket; the folder lets in nginx alone.
  private var gunicorn: ShellCommand {
    let command: ShellCommand = """
      \(virtualenv / "bin/gunicorn") \(wsgi) --config \(gunicornFile) --bind \("unix:" + socket.string) \
      --workers \(options.workers) --timeout \(options.requestTimeout) --access-logfile -
      """
    guard !options.gunicornArguments.isEmpty else { return command }
    return "\(splice: command) \(options.gunicornArguments)"
  }

  /// A site for any name has to be the one that nginx takes where no name fits.
  private var isDefaultSite: Bool { options.isDefaultSite || domains.isEmpty }

  private var locations: [NginxLocation] {
    [
      NginxLocation(options.staticURL, from: root / "static"),
      NginxLocation(
        options.mediaURL, from: root / "media", lifetime: .seconds(3600), isUntrusted: true),
    ]
  }

  @StepsBuilder private var site: Steps {
    switch tls {
    case .none:
      // With the challenges: once the site turns to HTTPS, this file still answers while the certificate is issued.
      NginxSite(
        name, domains: domains, proxy: .unixSocket(socket), locations: locations,
        acmeWebroot: Certificate.webroot, isDefault: isDefaultSite, maxBodySize: options.maxBodySize,
        extra: options.nginx, removesDefault: true)
    case .letsEncrypt(let email): encrypted(by: .production, email: email)
    case .acme(let server, let email): encrypted(by: server, email: email)
    case .certificate(let tls):
      NginxSite(
        name + "-http", domains: domains, redirectsToHTTPS: true, isDefault: isDefaultSite,
        removesDefault: true
      ).making(wayFor: name)
      NginxSite(
        name, domains: domains, proxy: .unixSocket(socket), locations: locations, tls: tls,
        isDefault: isDefaultSite, maxBodySize: options.maxBodySize, extra: options.nginx)
    }
    Service("supervisor")
    Service("nginx")
  }

  private func encrypted(by server: ACMEServer, email: String?) -> HTTPSSite {
    HTTPSSite(
      name, domains: domains, proxy: .unixSocket(socket), locations: locations, email: email, server: server,
      isDefault: isDefaultSite, maxBodySize: options.maxBodySize, extra: options.nginx,
      removesDefault: true)
  }

  /// The host asks itself, by the names that visitors use.
  @StepsBuilder private var checks: Steps {
    SiteCheck(
      domains: domains, path: options.healthPath, certificates: certificates, staticFolder: root / "static",
      staticURL: options.staticURL, python: project.python, allowsDebug: options.allowsDebug,
      dependsOn: [
        .service(name), .service("nginx"), .tree("/etc/letsencrypt"), .tree(virtualenv),
        .named("static files of \(code)"),
      ])
  }

  private var certificates: SiteVisit.Certificates? {
    switch tls {
    case .none: nil
    case .letsEncrypt: .trusted
    case .acme, .certificate: .named
    }
  }
}
