public import MartletCore
public import MartletFacts

/// Nothing at this path: a file, a link, or a folder with all that is in it is removed.
///
///     Absent("/etc/nginx/sites-enabled/default")
///
/// A path that many things depend on, as `/etc` or `/usr/bin`, is refused. Of a symbolic link only the link
/// goes. What a daemon reads goes only if the daemon would start without it.
public struct Absent: HostTask {
  let path: RemotePath

  /// - Parameter path: What is to be gone.
  public init(_ path: RemotePath) { self.path = path }

  public var label: String { "no \(path)" }

  public var observes: FileState { FileState(path) }

  /// Folders of two components that belong to the system (Filesystem Hierarchy Standard 3.0).
  private static let system: Set<String> = [
    "/etc/apt", "/etc/init.d", "/etc/network", "/etc/pam.d", "/etc/security", "/etc/ssh", "/etc/ssl",
    "/etc/systemd", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local",
    "/usr/sbin", "/usr/share", "/var/backups", "/var/cache", "/var/lib", "/var/lock", "/var/log", "/var/mail",
    "/var/run", "/var/spool", "/var/tmp", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/docker",
    "/var/lib/postgresql", "/var/lib/systemd", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/fstab",
  ]

  public func validate() throws {
    let depth = path.string.split(separator: "/").count
    // A path with a problem of its own is refused for that.
    guard path.problem == nil else { return }
    if depth < 2 {
      throw InvalidTask("Absent(\"\(path)\") would remove a whole top folder of the host: name what is in it")
    }
    if Self.system.contains(path.string) {
      throw InvalidTask("Absent(\"\(path)\") would remove a part of the system: name what is in it")
    }
  }

  public func decide(given found: FileStatus) -> Decision {
    guard found.exists else { return .unchanged }
    let isFolder = found.kind == .directory
    let trial = DaemonFile.trial(ofRemoving: path)
    return Decision(
      [trial].compactMap { $0 } + [
        .remove(path, changes: [.removed(isFolder ? "\(path)/ and all in it" : path.string)])
          .predicting(FileState(path), .absent)
          .predicting(FileSum(path), nil)
          .predicting(FileText(path), .absent)
          .predicting(SymbolicLink(path), nil)
      ])
  }
}
