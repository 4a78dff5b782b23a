/// The shell functions that look after an action's processes: which they are, and that they end in time.
///
/// An action is marked by a variable of its environment, which is in the environment of all that it starts, whatever session
/// or group that makes for itself; what is below its shell in the tree of processes belongs to it as well. Only what has both
/// left that tree and thrown its environment away escapes (`env -i setsid`). A watcher beside the program keeps the deadline,
/// so that it holds even if nobody listens any more. What installs packages is never ended: it would leave a system that is
/// half configured.
enum HostProcesses {
  static let functions = #"""
    # The process $1, or self: its number, start, parent, name and state.
    _stat() {
      _pid=; _began=; _parent=; _comm=; _state=
      { IFS= read -r _line <"/proc/$1/stat"; } 2>/dev/null || return 1
      _pid=${_line%% *}; _comm=${_line#*"("}; _comm=${_comm%")"*}
      set -- ${_line##*")"}; _state=$1; _parent=$2; _began=${20}
    }
    _uptime() { _up=0; { read -r _up _ </proc/uptime; } 2>/dev/null; _up=${_up%%.*}; }
    _nap() { sleep 0.25 2>/dev/null || sleep 1; }
    # In an action's own shell: number, seconds, user, label.
    _begin() {
      MARTLET_ACTION=$_A.$1; export MARTLET_ACTION
      _uptime; _stat self
      [ -z "$_L" ] || printf '%s %s %s %s %s %s\n%s\n' \
        "$MARTLET_ACTION" "${_pid:-0}" "${_began:-0}" "${_boot:-0}" "$_up" "$2" "$4" >"$_L/action"
      printf '%s %s %s %s %s\n' "$1" "$2" "${_pid:-0}" "$_up" "$3" >"$MARTLET_TMP/now"
    }
    # After it.
    _ended() { : >"$MARTLET_TMP/now"; [ -z "$_L" ] || : >"$_L/action"; }
    # The processes of the action $1, whose shell is $2, in _all; a program among them that is never ended in _keeps.
    _family() {
      _all=; _keeps=
      ! _stat "$2" || [ "$_state" = Z ] || _all=" $2 "
      for _f in $(grep -lsz "^MARTLET_ACTION=$_A.$1\$" /proc/[0-9]*/environ); do
        _f=${_f#/proc/}; _all="$_all ${_f%/environ} "
      done
      _more=1
      while [ -n "$_more" ]; do
        _more=; _keeps=
        for _f in /proc/[0-9]*; do
          _stat "${_f#/proc/}" && [ "$_state" != Z ] || continue
          case $_all in
            *" $_pid "*) ;;
            *" $_parent "*) _all="$_all $_pid "; _more=1 ;;
            *) continue ;;
          esac
          # Another user can give a process any name, and the mark, which it has seen.
          [ "$_uid" != 0 ] || [ -O "$_f" ] || continue
          case $_comm in
            apt | apt-get | aptitude | dpkg | dpkg-* | unattended-upgr | dnf* | yum | rpm | apk | pacman | zypper)
              _keeps=$_comm ;;
          esac
        done
      done
    }
    _signal() {
      kill "-$1" $_all 2>/dev/null
      [ -z "$2" ] || [ "$_uid" = 0 ] || _as "$2" "kill -$1 $_all" </dev/null >/dev/null 2>&1
    }
    # TERM, and after 5 s KILL for 5 s.
    _end() {
      : >"$MARTLET_TMP/late"
      _family "$1" "$2"
      if [ -n "$_keeps" ]; then
        # Where nobody listens any more, that ends the watcher.
        printf '%s\n' "$_all" >"$MARTLET_TMP/late.done"
        printf '\n%s keeps %s %s\n' "$_M" "$1" "$_keeps" >&3
      else
        _n=0
        while [ -n "$_all" ] && [ $_n -lt 40 ]; do
          case $_n in 0 | 1) _signal TERM "$3" ;; 2[0-9] | 3[0-9]) _signal KILL "$3" ;; esac
          _nap; _n=$((_n + 1)); _family "$1" "$2"
        done
        printf '%s\n' "$_all" >"$MARTLET_TMP/late.done"
      fi
    }
    _watch() {
      _over=
      while :; do
        _nap
        _i=; { read -r _i _limit _leader _from _user; } 2>/dev/null <"$MARTLET_TMP/now"
        if ! _stat $$ || [ "$_began" != "$_mainbegan" ]; then
          # The program was killed. Its action has until its deadline.
          [ -n "$_i" ] && _stat "$_leader" && [ "$_state" != Z ] || { rm -rf "$MARTLET_TMP"; exit; }
        fi
        [ -n "$_i" ] || continue
        _bound_output "$_i"
        _uptime
        if [ "$_i" != "$_over" ] && [ $((_up - _from)) -gt "$_limit" ]; then
          _over=$_i; _end "$_i" "$_leader" "$_user"
        fi
      done
    }
    # Whether the action $1 was ended; its last processes are waited for.
    _late() {
      [ -e "$MARTLET_TMP/late" ] || return
      while [ ! -e "$MARTLET_TMP/late.done" ] && kill -0 "$_watcher" 2>/dev/null; do _nap; done
      _all=; { read -r _all; } 2>/dev/null <"$MARTLET_TMP/late.done"
      _record late "$1" $_all
    }
    """#
}
