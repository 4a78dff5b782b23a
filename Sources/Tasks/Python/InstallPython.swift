public import MartletCore

/// The distribution's Python 3, with what it takes to make virtual environments.
///
///     InstallPython()
///     InstallPython(headers: true)        // for packages that compile against Python or PostgreSQL
///
/// On Debian and Ubuntu the `venv` module lacks its heart without the package `python3-venv`. Nothing is ever
/// installed into the system's own Python, which Debian 12 and later refuse anyway (PEP 668).
public struct InstallPython: CompositeTask {
  let headers: Bool

  /// - Parameter headers: Whether a compiler and Python's headers are wanted, for packages without wheels.
  public init(headers: Bool = false) { self.headers = headers }

  var packages: [String] {
    ["python3", "python3-venv"] + (headers ? ["python3-dev", "build-essential"] : [])
  }

  public var body: Steps { AptPackages(packages, recommends: false) }
}
