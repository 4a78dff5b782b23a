public import MartletCore

/// What stands around a Django application, and has to fit its settings.
public struct DjangoSurroundings: Sendable, Hashable {
  /// The module with the WSGI application that the process manager runs; empty to leave out that question.
  public var wsgi: String
  /// The names that visitors ask for; none for the host's own address.
  public var names: [String]
  /// The folder that the web server takes static files from.
  public var staticFolder: RemotePath
  /// The folder that the web server takes uploaded files from.
  public var mediaFolder: RemotePath

  public init(wsgi: String = "", names: [String], staticFolder: RemotePath, mediaFolder: RemotePath) {
    self.wsgi = wsgi
    self.names = names
    self.staticFolder = staticFolder
    self.mediaFolder = mediaFolder
  }
}

/// Django's settings in effect, as far as they have to fit what stands around the application.
public struct DjangoSettings: Sendable, Hashable, Decodable {
  /// Something that requests write into, and that lies in the code's folder.
  public struct Written: Sendable, Hashable, Decodable {
    /// The setting, or the field of a model, that names it.
    public var name: String
    public var path: String
    /// Whether there is a file.
    public var holds: Bool

    public init(name: String, path: String, holds: Bool) {
      self.name = name
      self.path = path
      self.holds = holds
    }
  }

  /// `DJANGO_SETTINGS_MODULE`, as `manage.py` ends up with it.
  public var module = ""
  /// `DJANGO_CONFIGURATION`, of django-configurations; empty if there is none.
  public var configuration = ""
  /// Both as the WSGI module ends up with them; nil if that wasn't asked for, or can't be told.
  public var wsgi: [String]?
  public var debug = false
  public var allowedHosts: [String] = []
  /// The names that visitors ask for and `ALLOWED_HOSTS` doesn't take.
  public var refusedHosts: [String] = []
  /// The class that keeps static files, if it isn't a folder of the host; "none" without
  /// `django.contrib.staticfiles`; else empty.
  public var staticStorage = ""
  /// `STATIC_ROOT`; empty if it isn't set.
  public var staticRoot = ""
  /// Whether it is the web server's folder.
  public var isStaticPlace = false
  public var staticURL = ""
  /// `MEDIA_ROOT`; empty if it isn't set.
  public var mediaRoot = ""
  /// Whether it is the web server's folder.
  public var isMediaPlace = false
  /// `MEDIA_URL`; `/` if it isn't set.
  public var mediaURL = "/"
  /// Whether the application serves its static files itself, by WhiteNoise.
  public var whiteNoise = false
  /// `SECURE_SSL_REDIRECT`
  public var redirectsToHTTPS = false
  /// Of `SESSION_COOKIE_SECURE` and `CSRF_COOKIE_SECURE` those that are on.
  public var secureCookies: [String] = []
  /// The environment variables that have the value of `SECRET_KEY`, which itself stays on the host.
  public var keyVariables: [String] = []
  /// Whether `SECRET_KEY` is one that `startproject` writes into the settings.
  public var isInsecureKey = false
  public var written: [Written] = []

  public init() {}
}
