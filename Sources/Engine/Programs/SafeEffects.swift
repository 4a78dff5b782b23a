extension SafeWrites {
  /// The functions for what tasks want done with one name: `_put`, `_set_file`, `_set_folder`, `_folder`, `_link`, `_remove`.
  /// They need ``stage``.
  package static let effects = stripped(
    #"""
    # _put FOLDER NAME OWNER MODE VALIDATOR SUMS SIZE: a file of what _source prints, and _more adds. SUMS: what may be there now.
    _put() {
    _name=$2
    _enter "$1" && _stage || return 1
    trap _drop EXIT
    if [ -d "../$_name" ] && ! [ -L "../$_name" ]; then _refuse 'it is a directory'; return 1; fi
    [ -z "$6" ] || _expect "$6" || return 1
    _source >"./$_name" || return 1
    [ -z "$7" ] || [ "$(wc -c <"./$_name")" -eq "$7" ] || { _refuse 'the file came out short'; return 1; }
    _more || return 1
    [ -z "$3" ] || chown -h -- "$3" "./$_name" || return 1
    chmod "$4" "./$_name" || return 1
    if [ -n "$5" ]; then
    # The file has its final mode: a validator that is another user finds it.
    chmod 0711 .
    if [ $_g = 0 ]; then /bin/sh -c "cd /; $5" sh "$PWD/$_name"; else /bin/sh -c "$5" sh "./$_name"; fi || return
    fi
    mv -f -- "./$_name" ../ && _unstage
    }
    _more() { :; }
    # _generate OWNER NAMES: a line for each variable. It's the one of the file that is there now, if that can be believed:
    # root's, the run's user's or the one's who is to own it; and root's own word only as it stands.
    _generate() {
    _whole= _o=
    if [ -f "../$_name" ] && ! [ -L "../$_name" ]; then
    _o=../$_name _c=
    [ $_g = 0 ] || { _o=./.old; ln -- "../$_name" ./.old 2>/dev/null; }
    _c=$(stat -c '%f:%h %u %U' "$_o" 2>/dev/null)
    case ${_c#* } in
    "0 "* | "$_uid "*) [ $_g = 1 ] || [ $((0x${_c%%:*} & 18)) != 0 ] || _whole=1 ;;
    *" $1" | "$1 "*) ;;
    *) echo "the variables are made anew: ../$_name belongs to ${_c##* }, and is not believed"; _o= ;;
    esac
    case $_g:$_c in 0:8???:* | 1:8???:"2 "*) ;; *) _o= ;; esac
    fi
    for _c in $2; do
    _l=
    [ -z "$_o" ] || _l=$(sed -n "/^$_c=./p" <"$_o" | tail -n 1)
    if [ -z "$_l" ]; then
    _w=$(tr -dc 'A-Za-z0-9' </dev/urandom 2>/dev/null | head -c 50)
    [ ${#_w} = 50 ] || { _refuse 'there are no random numbers from /dev/urandom'; return 1; }
    _l="$_c=$_w"
    elif [ -z "$_whole" ]; then
    _w=${_l#*=}
    case ${#_w}:$_w in 50:*[!A-Za-z0-9]*) _w= ;; 50:*) ;; *) _w= ;; esac
    [ -n "$_w" ] || {
    _refuse "others can write to the file or to its folder, and its $_c is none that Martlet has made: give the value with \
    secrets:, or remove the line, and another is made up"
    return 1
    }
    fi
    printf '%s\n' "$_l" >>"./$_name" || return 1
    done
    rm -f ./.old
    }
    # _old: the file of the name $_name that is there now, as $_o, which nobody can exchange for another.
    _old() {
    _o=../$_name
    [ $_g = 1 ] && [ "$_uid" = 0 ] || return 0
    ln -- "../$_name" ./.old && _o=./.old
    }
    _expect() {
    _c=-
    if [ -e "../$_name" ] || [ -L "../$_name" ]; then
    _c=
    if _old && [ -f "$_o" ] && ! [ -L "$_o" ]; then _c=$(sha256sum <"$_o"); fi
    rm -f ./.old
    fi
    case " $1 " in *" ${_c%% *} "*) ;; *) _refuse 'it was changed by someone else since it was looked at; run again' ;; esac
    }
    # _set_file FOLDER NAME OWNER GROUP MODE: of the file that OWNER has. It stays his: who has it open can go on writing.
    _set_file() {
    _enter "$1" || return 1
    _c=./$2
    if [ $_g = 1 ]; then
    _stage || return 1
    trap _drop EXIT
    _c=./.old
    ln -- "../$2" ./.old || return 1
    case $(stat -c '%f %h %u %U' ./.old) in
    8???" 2 ${3:-$_uid} "* | 8???" 2 "*" $3") ;;
    *) _refuse "it is no longer a file of $(_user "${3:-$_uid}") with one name; run again"; return 1 ;;
    esac
    elif ! [ -f "$_c" ] || [ -L "$_c" ]; then
    _refuse 'it is no longer a file; run again'
    return 1
    fi
    { [ -z "$4" ] || chgrp -h -- "$4" "$_c"; } && { [ -z "$5" ] || chmod "$5" "$_c"; } || return 1
    [ $_g = 0 ] || { rm -f ./.old && _unstage; }
    }
    # _set_folder FOLDER NAME OWNER NEW MODE: of the folder that OWNER has. Without NAME: of FOLDER, where a link may lead.
    _set_folder() {
    _enter "$1" || return 1
    if [ -n "$2" ]; then
    [ -d "./$2" ] && ! [ -L "./$2" ] && cd -P -- "./$2" || { _refuse 'it is no longer a folder; run again'; return 1; }
    _D=${_D%/}/$2
    fi
    if [ $_g = 1 ]; then
    _prove || return 1
    case $(stat -c '%u %U ' .) in
    "${3:-$_uid} "* | *" $3 ") ;;
    *) _refuse "it no longer belongs to $(_user "${3:-$_uid}"); run again"; return 1 ;;
    esac
    fi
    { [ -z "$4" ] || chown -h -- "$4" .; } && { [ -z "$5" ] || chmod "$5" .; }
    }
    # _folder PATH OWNER MODE DEFAULT: a new one, with those above it.
    _folder() {
    _a=${1%/*}
    while [ -n "$_a" ] && ! [ -d "$_a" ]; do _a=${_a%/*}; done
    _enter "${_a:-/}" || return 1
    _r=${1#"$_a"/}
    # At once, where nothing is to be given to anybody.
    if [ $_g = 0 ] && [ -z "$2" ] && { [ -z "$3" ] || ! [ -g . ]; }; then
    mkdir -p -m "${3:-$4}" -- "./$_r"
    return
    fi
    _stage || return 1
    trap _drop EXIT
    case $_r in */*) mkdir -p -- "./${_r%/*}" || return 1 ;; esac
    mkdir -m 0700 -- "./$_r" && { [ -z "$2" ] || chown -h -- "$2" "./$_r"; } && chmod "${3:-$4}" "./$_r" || return 1
    mv -f -- "./${_r%%/*}" ../ && _unstage
    }
    # _link FOLDER NAME TARGET
    _link() {
    _enter "$1" || return 1
    if [ $_g = 0 ] && ! [ -e "./$2" ] && ! [ -L "./$2" ]; then ln -s -- "$3" "./$2"; return; fi
    _stage || return 1
    trap _drop EXIT
    ln -s -- "$3" "./$2" && mv -f -- "./$2" ../ && _unstage
    }
    # _remove FOLDER NAME
    _remove() {
    _enter "$1" && _prove || return 1
    if [ $_g = 0 ] || ! [ -d "./$2" ] || [ -L "./$2" ] || _gnu; then _rmtree "$2"; return; fi
    _stage || return 1
    trap _drop EXIT
    mv -f -- "../$2" ./ && _rmtree "$2" && _unstage
    }
    """#)
}
