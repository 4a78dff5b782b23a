internal import MartletCore

/// Shell code that changes one name in a folder, also where somebody else may write to that folder, or to one above it.
///
/// The rule: where only root (and the run's own user) can change what the names of a path mean, they are taken at their
/// word. Elsewhere nothing is followed, believed or changed by name. Whatever is made or replaced is made in a *stage*: a
/// fresh folder of 0700 inside the target folder, entered and then proven by the kernel's own path of the current folder
/// (getcwd(2)), by owner and mode, and by being empty. Nobody else can enter it, and as nobody else can write to it, nobody
/// can move it: its `..` is the target folder for sure. A rename into `..` ends it. All three proofs are needed: the path
/// admits a folder of the user's in the stage's place, owner and mode admit `/root`, both admit another folder of root's.
///
/// It runs in dash, bash and BusyBox's shell with GNU's and BusyBox's tools. It costs a process for a folder's trust
/// (`stat`), one for a stage and one for its end, and two more for the proof where one is needed.
///
/// Where it refuses, it says so on standard error and returns 1. Functions that use a stage set a trap for the end of the
/// shell that they run in: call them in a subshell. `_P`, the path that messages name, is the caller's to set; `_N` may name
/// a file that stages are listed in, so that what a killed run leaves can be taken away (``notes``).
package enum SafeWrites {
  /// The functions: `_trust` (``TrustedPath``), `_enter`, `_prove`, `_stage`, `_unstage`, `_drop`, `_rmtree`, `_sweep`, `_tidy`.
  package static let stage = TrustedPath.code + own

  private static let own = stripped(
    #"""
    _in=
    _moved() {
    cd /
    _refuse "$_D was changed while this ran, by somebody who may write to $_whose ($(_user "$_who") owns it). Run again; if that \
    happens again, look who it is, or give that folder to root"
    }
    # _enter FOLDER: makes it the current folder; _g is 1 if others can write to it, or to one above it.
    _enter() {
    _g=0
    _trust "$1" || _g=$?
    [ $_g -le 1 ] || return 1
    cd -P -- "$_D" && [ "$PWD" = "$_D" ] || _moved
    # bash makes up PWD: what isn't proven is only that nothing is left elsewhere.
    [ $_g = 0 ] || [ -z "$BASH_VERSION" ] || _prove
    }
    # What follows is done in the current folder, and in no other.
    _prove() { [ $_g = 0 ] || [ "$(env pwd -P)" = "$_D" ] || _moved; }
    # _stage: a fresh folder of our own in the current one, entered. Its .. is the folder for sure. That mktemp's name can't be
    # guessed is no proof: others see it at once.
    _stage() {
    _n=$(umask 077; exec mktemp -d ./.martlet.XXXXXX) || { _refuse "nothing can be made in $_D"; return 1; }
    _n=${_n#./}
    [ -z "$_N" ] || printf '%s\n' "${_D%/}/$_n" >>"$_N"
    if cd -P -- "./$_n"; then
    [ $_g = 1 ] || { _in=1; return; }
    if [ "$(env pwd -P)" = "${_D%/}/$_n" ]; then
    set -- $(ls -lan .)
    case $#:$3:$5 in 20:drwx------*:"$_uid" | 20:drwx--[-S]---*:"$_uid") _in=1; return ;; esac
    fi
    fi
    _moved
    }
    # Within its folder a user can give the stage another name, under which it stays then.
    _unstage() {
    _in=; cd -P .. || return
    [ $_g = 1 ] || { rmdir -- "./$_n"; return; }
    rmdir -- "./$_n" 2>/dev/null || {
    printf '%s\n' "$_P is done, but $_D was changed while this ran, by somebody who may write to $_whose: run again" >&2
    return 1
    }
    }
    # What a failure leaves of a stage.
    _drop() { [ -z "$_in" ] || { for _c in * .[!.]* ..?*; do _rmtree "$_c"; done; _unstage; } >/dev/null 2>&1; }
    # _rmtree NAME: in a folder that nobody else can write to, or with GNU's rm. Only that one can't be led away by those who
    # can write to the tree; before any other the tree is made ours.
    _rmtree() {
    [ -d "./$1" ] && ! [ -L "./$1" ] || { rm -f -- "./$1"; return; }
    _gnu || _seize "$1" || { _refuse "$1 can't be removed safely"; return 1; }
    rm -rf -- "./$1"
    }
    _gnu() { case $(rm --version 2>/dev/null) in *'GNU coreutils'*) ;; *) return 1 ;; esac; }
    # _seize NAME...: makes folders ours, from the top, and shuts others out: below them nobody can exchange names any more.
    _seize() {
    for _c do
    [ -d "./$_c" ] && ! [ -L "./$_c" ] || continue
    (cd -P -- "./$_c" && chown "$_uid" . && chmod 0700 . && _seize * .[!.]* ..?*) || return 1
    done
    }
    # _sweep STAGE: takes away what a run that was killed has left.
    _sweep() {
    _P=$1 _n=${1##*/}
    case $_n in .martlet.??????) ;; *) return ;; esac
    _enter "${1%/*}" && cd -P -- "./$_n" && [ "$(env pwd -P)" = "${_D%/}/$_n" ] || return
    set -- $(ls -land .)
    case $1:$3 in drwx------*:"$_uid" | drwx--[-S]---*:"$_uid") _in=1; _drop ;; esac
    }
    # _tidy LIST: the same for all stages of a list.
    _tidy() {
    while IFS= read -r _w; do
    if [ -d "$_w" ]; then (_sweep "$_w") >/dev/null 2>&1; fi
    done <"$1"
    }
    """#)

  /// Code without its comments, which are for the reader of this file.
  static func stripped(_ code: String) -> String { TrustedPath.stripped(code) }
}
