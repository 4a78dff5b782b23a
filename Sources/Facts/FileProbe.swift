import MartletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The pieces of shell that the probes of files have in common.
enum FileProbe {
  /// Succeeds if nothing can be at `$_p`: the nearest folder above it that shows itself may also be entered.
  ///
  /// Builtins only. `test` says "no" alike for what is absent and what is hidden behind a closed folder, and
  /// a hidden file that was taken for an absent one would be overwritten.
  static let isSurelyAbsent: ShellCommand = """
    { _d=$_p; while [ -n "$_d" ]; do _d=${_d%/*}; [ -d "${_d:-/}" ] && break; done; [ -x "${_d:-/}" ]; }
    """

  /// What a silence about a path means.
  static func silence(_ path: RemotePath) -> String {
    "it can't be known what is at \(path): the user of this run may not read it, or not enter a folder above it; "
      + "run as root (become), or as a user who may; or somebody who can write to its folder has put a link there"
  }

  /// Prints what the files hold: `= PATH` and lines of base64 for each regular file up to the limit, `> PATH`
  /// for a larger one, `! PATH` for anything else, `- PATH` for nothing. What can't be read is left out.
  ///
  /// Where others can write to the folder, or to one above it, the kernel's own path of what was opened must be the file's,
  /// and it must have no other name: what one of them put a link to is not read.
  ///
  /// Base64, as not every way of capturing output keeps NUL bytes. One process finds the small files, one
  /// encodes each, and one for each folder tells whether it can be trusted.
  ///
  /// - Parameter limit: The largest file to print, in bytes; rounded down to blocks of 512.
  static func contents(of paths: [RemotePath], limit: Int) -> ShellCommand {
    guard !paths.isEmpty else { return "" }
    return """
      ( unset _uid
      \(raw: TrustedPath.code)_last=
      set --
      for _p in \(paths); do
      if [ -L "$_p" ]; then printf '%s\\n' "! $_p"
      elif [ -f "$_p" ]; then
      if [ -r "$_p" ]; then set -- "$@" "$_p"; fi
      elif [ -e "$_p" ]; then printf '%s\\n' "! $_p"
      elif \(splice: isSurelyAbsent); then printf '%s\\n' "- $_p"
      fi
      done
      [ $# = 0 ] && exit 0
      _big=$(find "$@" -size +\(limit / 512))
      for _p do
      case "
      $_big
      " in
      *"
      $_p
      "*) printf '%s\\n' "> $_p"; continue;;
      esac
      _d=${_p%/*}
      [ "$_d" = "$_last" ] || { _last=$_d _P=$_p _g=0; _trust "${_d:-/}" 2>/dev/null || _g=$?; _p=$_P; }
      if [ $_g = 0 ]; then printf '%s\\n' "= $_p"; base64 <"$_p" 2>/dev/null || printf '%s\\n' "? $_p"
      elif [ $_g = 1 ]; then {
      [ "$(readlink /proc/self/fd/4)" = "${_D%/}/${_p##*/}" ] && [ "$(stat -L -c %h /proc/self/fd/4)" = 1 ] &&
      printf '%s\\n' "= $_p" && base64 <&4 2>/dev/null
      } 4<"$_p" || printf '%s\\n' "? $_p"
      fi
      done )
      """
  }

  /// What `contents(of:limit:)` printed about one path.
  enum Found {
    case file([UInt8])
    case tooLarge
    case notAFile
    case absent
  }

  /// Reads what `contents(of:limit:)` printed.
  static func parse(_ lines: some Sequence<Substring>) -> [RemotePath: Found] {
    var found: [RemotePath: Found] = [:]
    var current: RemotePath?
    var encoded = ""
    func finish() {
      guard let current else { return }
      found[current] = Data(base64Encoded: encoded).map { .file([UInt8]($0)) }
      encoded = ""
    }
    for line in lines {
      guard line.dropFirst().hasPrefix(" /"), let mark = line.first else {
        if current != nil { encoded += line }
        continue
      }
      finish()
      let path = RemotePath(String(line.dropFirst(2)))
      current = nil
      switch mark {
      case "=": current = path
      case ">": found[path] = .tooLarge
      case "!": found[path] = .notAFile
      case "-": found[path] = .absent
      default: found[path] = nil
      }
    }
    finish()
    return found
  }
}
