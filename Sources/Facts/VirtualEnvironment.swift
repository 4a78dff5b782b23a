public import MartletCore

/// A Python virtual environment, and the interpreter that it should be made with. No Python is started.
///
///     var observes: VirtualEnvironment { VirtualEnvironment("/srv/shop/venv", python: "python3") }
///
/// An environment works if its `bin/python` leads to an executable, and that executable is of the version that
/// `pyvenv.cfg` names: after an upgrade of the system the link often leads to a Python that doesn't look into
/// the environment's packages any more.
public struct VirtualEnvironment: ProbedFact, CustomStringConvertible {
  public typealias Value = VirtualEnvironmentState

  /// The environment's folder.
  public let path: RemotePath
  /// The interpreter that is wanted: a name to be found in `PATH`, or an absolute path.
  public let python: String

  public init(_ path: RemotePath, python: String = "python3") {
    self.path = path
    self.python = python
  }

  public static let kind = "virtual environment"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.tree(path), .packages] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    let arguments = facts.flatMap { [$0.path.string, $0.python] }
    // A Debian alternative or a pyenv shim may stand between the name and the program, so links are followed.
    return """
      ( set -- \(arguments)
      while [ $# -gt 1 ]; do
      printf '= %s\\n' "$1"
      printf 'python %s\\n' "$2"
      _w=$(command -v -- "$2" 2>/dev/null) && [ -x "$_w" ] && printf 'wanted %s\\n' "$(readlink -f -- "$_w")"
      if [ -e "$1" ] || [ -L "$1" ]; then echo exists; fi
      if [ -f "$1/pyvenv.cfg" ] && [ -r "$1/pyvenv.cfg" ]; then while read -r _k _e _v; do
      case $_k in version|version_info) printf 'version %s\\n' "$_v";; made-with) printf 'made %s\\n' "$_v";; esac; done <"$1/pyvenv.cfg"; fi
      if [ -x "$1/bin/python" ]; then printf 'interpreter %s\\n' "$(readlink -f -- "$1/bin/python")"; fi
      for _l in "$1"/lib/python3.*; do [ -d "$_l/site-packages" ] && printf 'library %s\\n' "${_l##*/python}"; done
      [ -d "$1" ] && stat -c 'owner %U' -- "$1"
      shift 2
      done ) 2>/dev/null
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var path = RemotePath("/")
    var current: Self?
    for line in output.lines {
      let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      let rest = parts.count == 2 ? String(parts[1]) : ""
      if parts[0] == "=" {
        path = RemotePath(rest)
        continue
      }
      if parts[0] == "python" {
        current = Self(path, python: rest)
        values[Self(path, python: rest)] = VirtualEnvironmentState()
        continue
      }
      guard let fact = current else { throw FactError.malformed(kind, String(line.prefix(200))) }
      switch parts[0] {
      case "exists": values[fact]?.exists = true
      case "wanted": values[fact]?.wantedInterpreter = rest
      case "made": values[fact]?.madeWith = rest
      case "version": values[fact]?.version = rest
      case "interpreter": values[fact]?.interpreter = rest
      case "library": values[fact]?.libraries.append(rest)
      case "owner": values[fact]?.owner = rest
      default: throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    return values
  }
}

/// What is known of a virtual environment.
public struct VirtualEnvironmentState: Sendable, Hashable {
  /// Whether anything is at its path.
  public var exists = false
  /// The version in its `pyvenv.cfg`, as `3.11.2`; nil if there is no such file.
  public var version: String?
  /// Where its `bin/python` leads to in the end; nil if that isn't there or can't be executed.
  public var interpreter: String?
  /// What its maker was given as interpreter; nil if a tool made it that doesn't note it.
  public var madeWith: String?
  /// The versions that it has a folder of packages for, as `3.11`.
  public var libraries: [String] = []
  /// The name of its owner.
  public var owner: String?
  /// Where the wanted interpreter leads to in the end; nil if it isn't there.
  public var wantedInterpreter: String?

  public init(
    exists: Bool = false, version: String? = nil, interpreter: String? = nil, madeWith: String? = nil,
    libraries: [String] = [], owner: String? = nil, wantedInterpreter: String? = nil
  ) {
    self.exists = exists
    self.version = version
    self.interpreter = interpreter
    self.madeWith = madeWith
    self.libraries = libraries
    self.owner = owner
    self.wantedInterpreter = wantedInterpreter
  }

  /// The version as far as packages depend on it, as `3.11`.
  public var minorVersion: String? {
    version.map { $0.split(separator: ".").prefix(2).joined(separator: ".") }
  }

  /// Why the environment can't be used as it is; nil if it can.
  public var defect: String? {
    guard exists else { return "it is not there" }
    guard let minorVersion else { return "it has no pyvenv.cfg" }
    guard let interpreter else { return "its interpreter is gone" }
    // The name says the version on every system that has more than one: /usr/bin/python3.11.
    let name = interpreter.split(separator: "/").last ?? ""
    if name.hasPrefix("python3."), name.dropFirst("python".count) != minorVersion {
      return "it was made with Python \(minorVersion), and its interpreter is now \(name)"
    }
    if !libraries.contains(minorVersion) { return "it has no packages folder for Python \(minorVersion)" }
    return nil
  }
}
