extension RemotePath {
  /// Whether a package of the system may bring something to this path, by what it unpacks or by what its scripts do.
  ///
  /// The Filesystem Hierarchy Standard (3.0) leaves homes, `/srv`, `/usr/local` and what is mounted to the machine's
  /// administrator, and Debian's policy (9.1) keeps packages out of them. Web servers come with `/var/www/html`.
  public var mayComeFromPackage: Bool {
    let own = ["/srv", "/home", "/root", "/usr/local", "/tmp", "/var/tmp", "/mnt", "/media"]
    if own.contains(where: { isInside(RemotePath($0)) }) { return false }
    return !isInside("/var/www") || string == "/var/www" || isInside("/var/www/html")
  }

  /// What it depends on that nothing is at this path.
  package var sourcesOfAbsence: [Resource] { mayComeFromPackage ? [.packages] : [] }
}
