public import MartletCore

/// The Python packages of a virtual environment. No Python is started.
///
///     var observes: PipPackages { PipPackages(in: "/srv/shop/venv") }     // versions["django"] == "5.1"
///
/// They are the names of the `*.dist-info` folders, which every installer writes last ("Recording installed
/// projects" of the Python packaging specifications). Nil if the environment isn't there.
public struct PipPackages: ProbedFact, CustomStringConvertible {
  public typealias Value = PythonPackages?

  /// The environment's folder.
  public let environment: RemotePath

  public init(in environment: RemotePath) { self.environment = environment }

  public static let kind = "Python packages"

  public var description: String { "in \(environment)" }

  public var dependsOn: [Resource] { [.tree(environment)] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( for _v in \(facts.map(\.environment)); do
    printf '= %s\\n' "$_v"
    [ -e "$_v/pyvenv.cfg" ] || continue
    echo exists
    _m=$(sed -n '/^version/{s/^[a-z_]* *= *\\([0-9]*\\.[0-9]*\\).*/\\1/p;q;}' "$_v/pyvenv.cfg")
    for _d in "$_v/lib/python$_m/site-packages"/*.dist-info; do
    [ -d "$_d" ] && printf '+ %s\\n' "${_d##*/}"
    done
    for _d in "$_v"/.martlet-pip-*; do
    [ -r "$_d" ] && IFS= read -r _l <"$_d" && printf '# %s %s\\n' "${_d##*/}" "$_l"
    done
    done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var current: Self?
    for line in output.lines {
      if line.hasPrefix("= ") {
        let fact = Self(in: RemotePath(String(line.dropFirst(2))))
        current = fact
        values[fact] = .some(nil)
      } else if let current, line == "exists" {
        values[current] = PythonPackages()
      } else if let current, line.hasPrefix("+ "), line.hasSuffix(".dist-info") {
        // NAME-VERSION.dist-info: a dash in either was written as an underscore.
        let parts = line.dropFirst(2).dropLast(".dist-info".count).split(separator: "-", maxSplits: 1)
        guard parts.count == 2 else { continue }
        values[current]??.versions[normalizedPackageName(parts[0])] = String(parts[1])
      } else if let current, line.hasPrefix("# ") {
        let parts = line.dropFirst(2).split(separator: " ")
        if parts.count == 2 { values[current]??.stamps[String(parts[0])] = String(parts[1]) }
      } else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    return values
  }
}

/// What is installed in a virtual environment.
public struct PythonPackages: Sendable, Hashable {
  /// The version of each package, by normalised name.
  public var versions: [String: String]
  /// What `PipInstall` has noted in the environment about what names don't tell, by the name of the file.
  public var stamps: [String: String]

  public init(_ versions: [String: String] = [:], stamps: [String: String] = [:]) {
    self.versions = versions
    self.stamps = stamps
  }
}

/// A Python package's name as the index compares it: `Django_Rest--Framework` is `django-rest-framework`
/// (PEP 503, "Normalized Names").
public func normalizedPackageName(_ name: some StringProtocol) -> String {
  var result = ""
  for character in name.lowercased() {
    let isSeparator = "-_.".contains(character)
    if isSeparator, result.last == "-" { continue }
    result.append(isSeparator ? "-" : character)
  }
  return result
}
