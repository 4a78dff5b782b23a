internal import MartletCore
internal import MartletEngine
internal import Synchronization

/// Where on a host something comes into being before it is put in its place: a stage of the engine's `SafeWrites`, which
/// nobody else can enter or lead elsewhere, whoever may write to the target's folder.
enum PutStage {
  /// Shell functions for scripts that put something: `$p` is the target, `$d` its folder, `$f` its name.
  ///
  /// `approach FOLDER` makes it the current folder, or ends the script; `stage` makes a stage there and enters it; `again
  /// NAME MARK` enters one of an earlier script; `drop` takes it away from within.
  static let functions =
    SafeWrites.stage + #"""
      _P=$p _N=
      _refuse() { _why="nothing is done at $_P: $1"; return 1; }
      refused() { [ -n "$_why" ] || _why="$_P can't be entered"; die "$_why"; }
      # A path without `.` and `..`, as a shell's cd reads them.
      approach() {
        _o= _i=${1%/}/
        while [ -n "$_i" ]; do
          _c=${_i%%/*} _i=${_i#*/}
          case $_c in '' | .) ;; ..) _o=${_o%/*} ;; *) _o=$_o/$_c ;; esac
        done
        _o=${_o:-/}
        if stat -c %u / >/dev/null 2>&1; then
          _enter "$_o" || refused
        else
          e=$(cd -P -- "$_o" 2>&1) || die "$e"
          cd -P -- "$_o" && _D=$(env pwd -P) _g=1 || exit 1
          if [ "$_uid" = 0 ] && [ "$_D" != "$_o" ]; then
            _refuse "$_o leads through a symbolic link: name the folder it leads to"; refused
          fi
        fi
      }
      stage() {
        trap drop EXIT
        if has mktemp; then
          _stage 2>/dev/null && return
          e=$(mktemp -d ./.martlet.XXXXXX 2>&1) && { rmdir "$e"; e=$_why; }
          die "$e"
        fi
        # Not in POSIX. What counts are the proofs, and that nothing is there yet; the name is one that nobody can know.
        _n=.martlet.${n#"${n%??????}"}
        e=$(umask 077; mkdir "./$_n" 2>&1) || die "$e"
        if cd -P -- "./$_n" && [ "$(env pwd -P)" = "${_D%/}/$_n" ]; then
          set -- $(ls -lan .)
          case $#:$3:$5 in 20:drwx------*:"$_uid" | 20:drwx--[-S]---*:"$_uid") _in=1; return ;; esac
        fi
        _moved || refused
      }
      again() {
        _n=$1
        cd -P -- "./$_n" && [ "$(env pwd -P)" = "${_D%/}/$_n" ] && [ -O . ] && { [ -z "$2" ] || [ -f "./.$2" ]; } ||
          { [ -z "$2" ] || die "what was sent is gone from $_D"; exit 1; }
        _in=1
      }
      drop() {
        [ -n "$_in" ] || return 0
        [ "$_uid" = 0 ] || chmod -R u+rwx . 2>/dev/null
        _drop
      }

      """#

  /// A name that a host says its stage has, if it can be one.
  static func name(_ text: Substring?) -> String? {
    guard let text, text.utf8.count == 15, text.hasPrefix(".martlet."),
      text.utf8.dropFirst(9).allSatisfy({
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
      })
    else { return nil }
    return String(text)
  }

  /// Shell code that enters the stage a host has told of, for the one who goes on with it or tidies up.
  final class Known: Sendable {
    private let value = Mutex<String?>(nil)

    /// - Parameters:
    ///   - name: What the host says.
    ///   - folder: The shell's variable of the folder that it is in.
    func set(_ name: Substring?, in folder: String) {
      value.withLock {
        $0 = PutStage.name(name).map { "trap drop EXIT; approach \"$\(folder)\"; again \($0)" }
      }
    }

    var entering: String? { value.withLock { $0 } }
  }
}
