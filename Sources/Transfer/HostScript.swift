internal import MartletCore

/// A program for the host's `/bin/sh`, which is sent on its standard input and can be talked with afterwards.
///
/// POSIX only, and what GNU, BusyBox and the BSDs share. It answers with records: lines that begin with a nonce, so
/// that nothing a login shell prints is taken for one.
struct HostScript: Sendable {
  /// What records begin with.
  let nonce: String
  private let body: String
  private let sums: Bool

  /// - Parameters:
  ///   - body: Shell code that may use `say`, `die`, `size`, `pick` and `sum`.
  ///   - sums: Whether `sum` makes sums.
  init(_ body: String, nonce: String, sums: Bool = true) {
    self.body = body
    self.nonce = nonce
    self.sums = sums
  }

  /// Random enough that no file has it in its name.
  static func newNonce() -> String {
    (0..<2).map { _ in String(UInt64.random(in: 1 << 63 ... .max), radix: 36) }.joined()
  }

  /// What the login shell runs: one line of plain words and single quotes, which all of them read alike. The shell's
  /// `read` takes no byte more than its line, so what follows the program is there for the program.
  var command: String {
    let code =
      #"eval "$(while IFS= read -r l; do case $l in \#(nonce)) break;; esac; printf "%s\n" "$l"; done)""#
    return "/bin/sh -c '\(code)'"
  }

  /// The program. In braces, so that one that is cut off is a syntax error and not half a program.
  var input: [UInt8] { Array("{\n\(prologue)\(body)\nexit\n}\n\(nonce)\n".utf8) }

  private var prologue: String {
    #"""
    LC_ALL=C; export LC_ALL
    n=\#(nonce)
    nl='
    '
    say() { printf '\n%s %s\n' "$n" "$1"; }
    die() { say "error ${1%%"$nl"*}"; exit 1; }
    has() { command -v "$1" >/dev/null 2>&1; }
    size() ( set -f; set -- $(ls -lndL "$1"); echo "$5" )
    pick() {
      tool=\#(sums ? "cksum" : "none; return")
      if [ "$1" -gt 8388608 ] && has openssl; then tool=openssl
      elif has sha256sum; then tool=sha256sum
      elif has shasum; then tool=shasum
      elif has openssl; then tool=openssl
      fi
    }
    sum() {
      case $tool in
      openssl) _s=$(openssl dgst -sha256 -r) ;;
      sha256sum) _s=$(sha256sum) ;;
      shasum) _s=$(shasum -a 256) ;;
      none) _s=0 ;;
      *) _s=$(cksum) ;;
      esac || return 1
      echo "$tool ${_s%% *}"
    }

    """#
  }
}

/// A line of a host that a script meant for Martlet.
struct HostRecord: Sendable {
  let verb: String
  let rest: String

  var words: [Substring] { rest.split(separator: " ") }

  init(_ text: String) {
    let parts = text.split(separator: " ", maxSplits: 1)
    verb = parts.first.map(String.init) ?? ""
    rest = parts.count > 1 ? String(parts[1]) : ""
  }
}

/// What a program of the host said when it failed, in fewer words where it is one of the usual things.
func reason(in text: String) -> String {
  let usual = [
    "No such file or directory": "there is no such file or folder",
    "Directory nonexistent": "there is no such file or folder",
    "nonexistent directory": "there is no such file or folder",
    "Permission denied": "permission denied",
    "Operation not permitted": "the operation is not permitted",
    "No space left on device": "no space is left on the disk",
    // GNU tar's words for the write that filled the disk.
    "Wrote only": "no space is left on the disk",
    "Disk quota exceeded": "the disk quota is used up",
    "Read-only file system": "the file system is read-only",
    "Not a directory": "a part of the path is not a folder",
    "File name too long": "the name is too long",
    "File too large": "the file is too large for the file system, or for the user's limits",
    "Input/output error": "the disk has an error",
  ]
  return usual.first { text.contains($0.key) }?.value ?? shown(text.trimmed)
}
