public import MartletCore

/// The Python packages of a virtual environment. No Python is started.
///
///     var observes: PipPackages { PipPackages(in: "/srv/shop/venv") }     // versions["django"] == "5.1"
///
/// They are what pip itself finds ("Recording installed projects" of the Python packaging specifications, and what
/// setuptools did before): `*.dist-info`, `*.egg-info` as a folder or a file, `*.egg`, and `*.egg-link` for a project
/// that is developed elsewhere. Where the environment looks into the system's packages, they count too. Nil if the
/// environment isn't there.
public struct PipPackages: ProbedFact, CustomStringConvertible {
  public typealias Value = PythonPackages?

  /// The environment's folder.
  public let environment: RemotePath

  public init(in environment: RemotePath) { self.environment = environment }

  public static let kind = "Python packages"

  public var description: String { "in \(environment)" }

  public var dependsOn: [Resource] { [.tree(environment)] }

  /// A function of the shell that prints, for an environment, a word for each package: the name of the folder or
  /// file that records it, or `v:NAME=VERSION` where that doesn't tell the version. Builtins only.
  package static let listing: ShellCommand = """
    _martlet_packages() {
    _m=; _s=
    # Only regular files are read: the environment may be another user's, and a pipe of his would hold the look up.
    [ -f "$1/pyvenv.cfg" ] || return 0
    while read -r _k _e _w || [ -n "$_k" ]; do case $_k in
    version|version_info) _e=${_w#*.}; _m=${_w%%.*}.${_e%%.*} ;;
    include-system-site-packages) _s=$_w ;;
    esac; done <"$1/pyvenv.cfg"
    set -- "$1/lib/python$_m/site-packages"
    [ "$_s" != true ] || set -- /usr/lib/python3/dist-packages "/usr/local/lib/python$_m/dist-packages" "$@"
    for _l do for _d in "$_l"/*.dist-info "$_l"/*.egg-info "$_l"/*.egg "$_l"/*.egg-link; do
    [ -e "$_d" ] || continue
    _e=$_d
    case ${_d##*/} in
    *[[:space:]]*) continue ;;
    *-[0-9]*-info|*-[0-9]*.egg) printf '%s\\n' "${_d##*/}"; continue ;;
    *.egg-link) [ -f "$_d" ] || continue; IFS= read -r _e <"$_d"; for _e in "$_e"/*.egg-info; do break; done ;;
    esac
    [ ! -d "$_e" ] || _e=$_e/PKG-INFO
    [ -f "$_e" ] && [ -r "$_e" ] || continue
    _n=; _v=
    while read -r _k _w; do case $_k in Name:) _n=$_w ;; Version:) _v=$_w ;; '') break ;; esac; done <"$_e"
    case $_n$_v in *[[:space:]]*) ;; *) printf 'v:%s=%s\\n' "$_n" "$_v" ;; esac
    done; done
    }
    """

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( \(splice: listing)
    for _p in \(facts.map(\.environment)); do
    printf '= %s\\n' "$_p"
    [ -f "$_p/pyvenv.cfg" ] || continue
    echo exists
    _martlet_packages "$_p"
    if [ -x "$_p/bin/python" ]; then
    _i=$(readlink -f -- "$_p/bin/python"); _i=${_i##*/}
    case $_i in python"$_m") ;; python3.[0-9]*) printf 'broken %s %s\\n' "$_m" "$_i" ;; esac
    elif [ -O "$_p/pyvenv.cfg" ] || [ "$(id -u)" = 0 ]; then echo 'broken gone'
    fi
    for _d in "$_p"/.martlet-pip-*; do
    [ -f "$_d" ] && [ -r "$_d" ] || continue
    _l=; _n=; { IFS= read -r _l; IFS= read -r _n; } <"$_d"
    printf '# %s %s %s\\n' "${_d##*/}" "$_l" "$_n"
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
      } else if let current, line.hasPrefix("broken ") {
        let words = line.split(separator: " ")
        values[current]??.defect =
          words.count == 3
          ? "it was made with Python \(words[1]), and its interpreter is now \(words[2])"
          : "its interpreter is gone"
      } else if let current, line.hasPrefix("# ") {
        let words = line.dropFirst(2).split(separator: " ")
        guard let name = words.first else { continue }
        var stamp = PipStamp(sum: words.count > 1 ? String(words[1]) : "")
        for word in words.dropFirst(2) {
          if let (name, version) = PythonPackages.entry(word) { stamp.versions[name] = version }
        }
        values[current]??.stamps[String(name)] = stamp
      } else if let current, !line.contains(" ") {
        if let (name, version) = PythonPackages.entry(line) { values[current]??.versions[name] = version }
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
  /// What `PipInstall` has noted in the environment, by the name of the file.
  public var stamps: [String: PipStamp]
  /// Why nothing of it can run, as after an upgrade of the system's Python; nil if it can.
  public var defect: String?

  public init(
    _ versions: [String: String] = [:], stamps: [String: PipStamp] = [:], defect: String? = nil
  ) {
    self.versions = versions
    self.stamps = stamps
    self.defect = defect
  }

  /// The name and version that one word of the listing says.
  static func entry(_ word: Substring) -> (name: String, version: String)? {
    if word.hasPrefix("v:") {
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1)
      return parts.count == 2 ? (normalizedPackageName(parts[0]), String(parts[1])) : nil
    }
    // NAME-VERSION.dist-info, NAME-VERSION-py3.11.egg-info: a dash in a name was written as an underscore.
    let stem = [".dist-info", ".egg-info", ".egg"].first { word.hasSuffix($0) }.map {
      word.dropLast($0.count)
    }
    guard let parts = stem?.split(separator: "-"), parts.count >= 2 else { return nil }
    return (normalizedPackageName(parts[0]), String(parts[1]))
  }
}

/// What pip was given when it last succeeded, and what it left.
public struct PipStamp: Sendable, Hashable {
  /// The sum of all that it was given.
  public var sum: String
  /// The versions that were there afterwards, by normalised name.
  public var versions: [String: String]

  public init(sum: String, versions: [String: String] = [:]) {
    self.sum = sum
    self.versions = versions
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
