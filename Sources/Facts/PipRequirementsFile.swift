public import MartletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A pip requirements file on a host, with those that it names by `-r` and `-c`, and sums of the local projects and
/// archives that they name.
///
///     var observes: PipRequirementsFile { PipRequirementsFile("/srv/shop/app/requirements.txt") }
///
/// The host finds what the files name by their lines alone. A reader who finds more in them than was brought, as a
/// name in an unusual form, knows that he doesn't know all.
public struct PipRequirementsFile: ProbedFact, CustomStringConvertible {
  public typealias Value = PipRequirementsText

  /// The file.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "requirements file"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.tree(path.parent)] }

  /// How many files are read at most, however they name each other.
  static let limit = 50

  /// Two processes for each file, and one or two for each local project.
  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    // A line that names something becomes a letter, a blank and the rest: r for files, e for editable projects, p
    // for other paths.
    """
    ( \(splice: PipLocalProject.sum)
    _bare() {
    case $_l in
    \\"*) _l=${_l#\\"}; _l=${_l%%\\"*} ;;
    \\'*) _l=${_l#\\'}; _l=${_l%%\\'*} ;;
    *) _l=${_l%%[[:space:]]*} ;;
    esac; }
    _nl='
    '
    _cr=$(printf '\\r'); _bom=$(printf '\\357\\273\\277')
    _martlet_requirements() {
    _q=$1; _b=${1%/*}; _seen=$_nl; _n=0
    while [ -n "$_q" ] && [ $_n -lt \(limit) ]; do
    _f=${_q%%"$_nl"*}; _q=${_q#"$_f"}; _q=${_q#"$_nl"}
    case $_seen in *"$_nl$_f$_nl"*) continue ;; esac
    _seen=$_seen$_f$_nl; _n=$((_n + 1))
    if ! { [ -f "$_f" ] && [ -r "$_f" ]; }; then printf '! %s\\n' "$_f"; continue; fi
    printf '= %s\\n' "$_f"
    base64 <"$_f"
    IFS=$_nl
    for _l in $(sed -n -e :a -e '/\\\\$/{N' -e 's/\\\\\\n//' -e ta -e '}' \
    -e "s/^$_bom//" -e 's/^[[:space:]]*//' \
    -e 's/^-[rc][[:space:]]*/r /p' -e 's/^--requirement[[:space:]=][[:space:]]*/r /p' \
    -e 's/^--constraint[[:space:]=][[:space:]]*/r /p' \
    -e 's/^-e[[:space:]]*/e /p' -e 's/^--editable[[:space:]=][[:space:]]*/e /p' \
    -e '/^[re] /d' -e '/^[-#]/d' -e '/\\/\\|\\.whl\\|\\.zip\\|\\.t[abglx]/s/^/p /p' -e 's/^\\.[[:space:]]*$/p ./p' <"$_f")
    do
    _l=${_l%"$_cr"}; _k=${_l%% *}; _l=${_l#* }
    case $_k$_l in p*' @ file://'*) _l=${_l#*' @ '} ;; esac
    _bare
    if [ "$_k" != r ]; then _l=${_l%%;*}; _l=${_l%%\\[*}; _l=${_l%%#*}; _l=${_l#file://}; fi
    case $_l in ''|*://*|*'$'*) continue ;; esac
    if [ "$_k" = r ]; then
    case $_l in /*) ;; *) _l=${_f%/*}/$_l ;; esac
    _q=$_q${_q:+$_nl}$_l
    else
    case $_l in /*) ;; *) _l=$_b/$_l ;; esac
    [ ! -e "$_l" ] || printf 's %s %s %s\\n' "$_k" "$(_martlet_sum "$_k" "$_l")" "$_l"
    fi
    done
    unset IFS
    done; }
    set -f
    for _a in \(facts.map(\.path)); do printf 'A %s\\n' "$_a"; _martlet_requirements "$_a"; done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var values: [Self: Value] = [:]
    var current: Self?
    var encoded = ""
    var path: String?
    func finish() {
      defer { (path, encoded) = (nil, "") }
      guard let path, let current, let data = Data(base64Encoded: encoded) else { return }
      values[current]?.files[path] = .some(PipRequirementsText.decode([UInt8](data)))
    }
    for line in output.lines {
      guard line.dropFirst().first == " ", let mark = line.first else {
        guard path != nil else { throw FactError.malformed(kind, String(line.prefix(200))) }
        encoded += line
        continue
      }
      finish()
      let rest = String(line.dropFirst(2))
      switch (mark, current) {
      case ("A", _):
        let fact = Self(RemotePath(rest))
        current = fact
        values[fact] = PipRequirementsText()
      case ("=", _?): path = rest
      case ("!", let fact?): values[fact]?.files[rest] = .some(nil)
      case ("s", let fact?):
        let words = rest.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        if words.count == 3 { values[fact]?.sums["\(words[0]) \(words[2])"] = String(words[1]) }
      default: throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    finish()
    return values
  }
}

/// What a requirements file and all that it names hold.
public struct PipRequirementsText: Sendable, Hashable {
  /// The text of each file by its path, with `..` as it was written; nil for one that isn't there.
  public var files: [String: String?]
  /// The sums of local projects by `e PATH` for an editable one and `p PATH` for all others.
  public var sums: [String: String]

  public init(_ files: [String: String?] = [:], sums: [String: String] = [:]) {
    self.files = files
    self.sums = sums
  }

  /// A file's text as pip decodes it: by its byte order mark, otherwise as UTF-8.
  public static func decode(_ bytes: [UInt8]) -> String {
    func sixteen(_ high: Int, _ low: Int) -> String {
      let units = stride(from: 2, to: bytes.count - 1, by: 2).map { index in
        UInt16(bytes[index + high]) << 8 | UInt16(bytes[index + low])
      }
      return String(decoding: units, as: UTF16.self)
    }
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { return String(decoding: bytes[3...], as: UTF8.self) }
    if bytes.starts(with: [0xff, 0xfe]) { return sixteen(1, 0) }
    if bytes.starts(with: [0xfe, 0xff]) { return sixteen(0, 1) }
    return String(decoding: bytes, as: UTF8.self)
  }
}
