/// Shell code that tells whether the names of a path can be taken at their word.
///
/// `_trust FOLDER` returns 0 if only root and the run's own user can change what they mean: each folder of the path is theirs
/// and nobody else may write to it. It returns 1 if others can, and more, with a message, where a symbolic link of somebody
/// else's is in the way. `_D` is then the folder with root's (and one's own) links resolved, `_whose` the first folder of
/// others and `_who` its owner's number. It costs one `stat` for a path, and one more for each of its links.
///
/// `_P` is the path that messages name; `_uid` may have the run's user's number.
package enum TrustedPath {
  package static let code = stripped(
    #"""
    unset QUOTING_STYLE TIME_STYLE BLOCK_SIZE LS_BLOCK_SIZE POSIXLY_CORRECT
    # Without a process, where there is /proc.
    [ -n "$_uid" ] || {
    while read -r _c _w _uid _r; do [ "$_c" = Uid: ] && break; done </proc/self/status
    [ "$_c" = Uid: ] || _uid=$(id -u)
    } 2>/dev/null
    # _trust FOLDER: 0 if only root and this run's user can change what the names of its path mean, 1 if others can;
    # more if it's refused. _D: the folder, with their own links resolved.
    _trust() {
    _D=$1 _hops=0
    while :; do
    _r=$_D _p=
    set -- /
    while :; do
    while :; do case $_r in /*) _r=${_r#/} ;; *) break ;; esac; done
    [ -n "$_r" ] || break
    _c=${_r%%/*} _r=${_r#"${_r%%/*}"}
    case $_c in
    .) continue ;;
    ..) _refuse "the path $_D has .. in it: name the folder itself"; return 2 ;;
    esac
    _p=$_p/$_c
    set -- "$@" "$_p"
    done
    _D=${_p:-/} _t=0 _l=
    while IFS=' ' read -r _u _f _w; do
    _at=$1
    shift
    case $_f in
    4???)
    case $_t$_u in
    0*) case $_u:$((0x$_f & 18)) in 0:0 | "$_uid:0") ;; *) _t=1 _whose=$_at _who=$_u ;; esac ;;
    esac ;;
    a???)
    case $_t:$_u in 0:0 | 0:"$_uid") _l=$_w ;; *) _t=2 ;; esac
    break ;;
    *) _t=3; break ;;
    esac
    done <<_END
    $(stat -c '%u %f %N' -- "$@" 2>/dev/null)
    _END
    case $_t in
    2) _refuse "$_at is a symbolic link that $(_user "$_u") could lead elsewhere: name the folder it leads to"; return 2 ;;
    3) _refuse "$_at is not a folder"; return 2 ;;
    esac
    if [ -z "$_l" ]; then
    [ $# = 0 ] || { _refuse "the folder $1 doesn't exist, or can't be entered"; return 2; }
    return $_t
    fi
    _hops=$((_hops + 1)) _r=${_D#"$_at"}
    case $_l in "'$_at' -> '"*"'") _l=${_l#"'$_at' -> '"}; _l=${_l%"'"} ;; *) _l="'" ;; esac
    case $_hops:$_l in
    *"'"* | 2[1-9]:*) _refuse "the symbolic link $_at can't be followed: name the folder it leads to"; return 2 ;;
    *:/*) _D=$_l$_r ;;
    *)
    _at=${_at%/*}
    while :; do
    case $_l in
    ../*) _l=${_l#../} _at=${_at%/*} ;;
    ./*) _l=${_l#./} ;;
    *) break ;;
    esac
    done
    _D=$_at/$_l$_r ;;
    esac
    done
    }
    _user() { case $1 in *[!0-9]*) echo "$1" ;; *) id -nu "$1" 2>/dev/null || echo "user $1" ;; esac; }
    _refuse() { printf '%s\n' "nothing is done at $_P: $1" >&2; return 1; }
    """#)

  /// Code without its comments, which are for the reader of the sources.
  package static func stripped(_ code: String) -> String {
    code.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined(separator: "\n") + "\n"
  }
}
