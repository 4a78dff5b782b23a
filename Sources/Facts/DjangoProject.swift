public import MartletCore

/// A Django project on a host: what every task about it has to know.
///
///     let project = DjangoProject(
///       "/srv/shop/app", virtualenv: "/srv/shop/venv", environmentFile: "/srv/shop/env", user: "shop")
///     Migrate(project)
///     CollectStatic(project)
public struct DjangoProject: Sendable, Hashable {
  /// The folder with `manage.py`.
  public var path: RemotePath
  /// The virtual environment that Django is in.
  public var virtualenv: RemotePath
  /// The settings module; nil for `DJANGO_SETTINGS_MODULE` in the environment file, else the one that
  /// `manage.py` names.
  public var settings: String?
  /// The environment that the service runs with, so that its database and secrets are those of the service.
  public var environmentFile: RemotePath?
  /// The user whom the service runs as: what Django writes must belong to him. Nil for the play's own.
  public var user: String?

  public init(
    _ path: RemotePath, virtualenv: RemotePath, settings: String? = nil, environmentFile: RemotePath? = nil,
    user: String? = nil
  ) {
    self.path = path
    self.virtualenv = virtualenv
    self.settings = settings
    self.environmentFile = environmentFile
    self.user = user
  }

  /// The environment's Python.
  public var python: RemotePath { virtualenv / "bin/python" }

  /// What all that Django says depends on.
  public var resources: [Resource] {
    var resources: [Resource] = [.tree(path), .tree(virtualenv)]
    if let environmentFile { resources.append(.path(environmentFile)) }
    if let user { resources.append(.account(user)) }
    return resources
  }

  /// What is wrong with the names in it; nil if nothing is.
  public var invalidity: String? {
    if let settings,
      settings.isEmpty || !settings.allSatisfy({ $0.isLetter || $0.isNumber || "._".contains($0) })
    {
      return "\"\(settings)\" is no module: write it with dots, as in \"shop.settings\""
    }
    if let user, user.isEmpty || user.hasPrefix("-") { return "\"\(user)\" is no user" }
    return nil
  }

  /// A command in the project's folder and environment.
  public func command(_ command: ShellCommand) -> ShellCommand {
    var script: ShellCommand = "cd -- \(path) || exit 1\n"
    if let environmentFile { script += "set -a; . \(environmentFile) || exit 1; set +a\n" }
    if let settings { script += "DJANGO_SETTINGS_MODULE=\(settings); export DJANGO_SETTINGS_MODULE\n" }
    return script + "exec \(splice: command)"
  }
}
