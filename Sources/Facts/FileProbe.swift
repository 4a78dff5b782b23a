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
      + "run as root (become), or as a user who may"
  }

  /// Prints what the files hold: `= PATH` and lines of base64 for each regular file up to the limit, `> PATH`
  /// for a larger one, `! PATH` for anything else, `- PATH` for nothing. What can't be read is left out.
  ///
  /// Base64, as not every way of capturing output keeps NUL bytes. One process finds the small files, one
  /// encodes each.
  ///
  /// - Parameter limit: The largest file to print, in bytes; rounded down to blocks of 512.
  static func contents(of paths: [RemotePath], limit: Int) -> ShellCommand {
    guard !paths.isEmpty else { return "" }
    return """
      ( set --
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
      printf '%s\\n' "= $_p"; base64 <"$_p" 2>/dev/null || printf '%s\\n' "? $_p"
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
