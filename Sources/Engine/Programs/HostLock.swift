internal import MartletCore

/// The lock that a user's programs hold on a host while they act, so that two controllers never act at once.
///
/// The kernel keeps it (flock(1)): it is free when its holder is gone, however that died. Each user of a host has a lock of
/// its own, root's is in /run/martlet, for one that two users could open could be kept by the weaker for ever. A look takes
/// nothing and writes nothing.
///
/// Beside the lock lie what people want to know of its holder, the action that runs, and a *generation*: a word that every
/// program replaces before its first action and after its last. A look reads it. A program that finds another one than its
/// look did was decided by what may be true no more: it does nothing, and the engine looks again.
struct HostLock: Sendable {
  /// Who holds the lock, for those who wait: one line.
  var holder: String
  /// The generation that the decisions rest on; nil to act whatever has happened since.
  var generation: String?
  /// How long to wait for the lock.
  var patience: Duration

  /// The generation that a host reports, which is untrusted, in the form that the host compares it in.
  static func generation(reported text: Substring) -> String {
    let isOne =
      (1...100).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) || "+-".utf8.contains($0)
      }
    return isOne ? String(text) : "none"
  }

  /// A line for the files beside the lock: what people wrote, in one line that is not too long.
  static func line(_ text: String) -> String {
    let line = String(
      String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    return line.utf8.count > 200 ? line.prefix(150) + "…" : line
  }

  /// What is told of a host where there is no lock.
  static let missing =
    "there is no folder for a lock (the play's user can write neither /run/martlet nor a state folder of its own): "
    + "don't let two runs change this host at once"

  /// Sets what the functions want to know. `id` is the program's, by which its actions are marked.
  func settings(id: String) -> String {
    """
    _A=\(id); _holder=\(Shell.quote(Self.line(holder))); _expected=\(Shell.quote(generation ?? ""))
    _patience=\(max(0, patience.components.seconds)); _link=; _acting=
    """
  }

  /// The shell functions. `_lock` returns with the lock on descriptor 9, or ends the program.
  ///
  /// Records: `lock WHY AGE WHO TAB WHAT` every 15 s; `busy` with the same, at the end of the patience; `stale`; and
  /// `unlocked` where there is no folder to keep a lock in.
  static let functions = #"""
    # Where there is no flock(1), the lock is a link, whose text is its holder. A dead one's is taken away by whoever gets
    # a second link.
    _take() {
      if command -v flock >/dev/null 2>&1; then
        flock -n 9 || return
        # The folder may have been removed and made anew meanwhile.
        [ ! -e /proc/self/fd/9 ] || [ /proc/self/fd/9 -ef "$_L/lock" ] || { command exec 9>>"$_L/lock"; return 1; }
        return 0
      fi
      ln -s "$$:$_mainbegan:$_boot" "$_L/link" 2>/dev/null && { _link=1; return; }
      _other=$(readlink "$_L/link") || return
      ! _lives "$_other" || return
      if ln -s "$$:$_mainbegan:$_boot" "$_L/breaks" 2>/dev/null; then
        [ "$(readlink "$_L/link")" != "$_other" ] || rm -f "$_L/link"
        rm -f "$_L/breaks"
      else
        _other=$(readlink "$_L/breaks") && ! _lives "$_other" && rm -f "$_L/breaks"
      fi
      return 1
    }
    _lives() {
      _o=${1#*:}
      [ "${_o#*:}" = "$_boot" ] || return
      [ -n "$_mainbegan" ] || { kill -0 "${1%%:*}" 2>/dev/null; return; }
      _stat "${1%%:*}" && [ "$_began" = "${_o%%:*}" ]
    }
    _held() {
      _since=; _who=; _what=
      { read -r _since && IFS= read -r _who; } 2>/dev/null <"$_L/holder"
      { read -r _ && IFS= read -r _what; } 2>/dev/null <"$_L/action"
    }
    # Whether the last action of a program that was killed still goes on.
    _unfinished() {
      _mark=; _since=; _who=; _what=
      { read -r _mark _p _b _o _since _s && IFS= read -r _what; } 2>/dev/null <"$_L/action" || return
      [ "$_o" = "$_boot" ] || return
      _stat "$_p" && [ "$_began" = "$_b" ] && [ "$_state" != Z ] && return
      [ $((_up - _since)) -le $((_s + 60)) ] && [ -n "$(grep -lsz "^MARTLET_ACTION=$_mark\$" /proc/[0-9]*/environ)" ]
    }
    _lock() {
      [ -d "$_L" ] || (umask 077; mkdir -p "$_L") 2>/dev/null
      if [ ! -d "$_L" ] || [ -L "$_L" ] || [ ! -O "$_L" ] || ! { (umask 077; : >>"$_L/lock"); } 2>/dev/null \
        || ! command exec 9>>"$_L/lock"; then
        _L=; _record unlocked; return
      fi
      _waited=0
      while :; do
        _uptime
        if ! _take; then _held; _why=held
        elif _unfinished; then _why=unfinished
        else break; fi
        _age=-; [ -z "$_since" ] || _age=$((_up - _since))
        if [ "$_waited" -ge "$_patience" ]; then _record busy "$_why" "$_age" "$_who	$_what"; _record end; exit 0; fi
        [ $((_waited % 15)) != 0 ] || _record lock "$_why" "$_age" "$_who	$_what"
        sleep 1 9>&-; _waited=$((_waited + 1))
      done
      : >"$_L/action"
      printf '%s\n%s\n' "$_up" "$_holder" >"$_L/holder"
      _generation=; { IFS= read -r _generation; } 2>/dev/null <"$_L/generation"
      case $_generation in '' | *[!a-z0-9+-]*) _generation=none ;; esac
      # A program died in the middle, or is looked at in the middle: nobody can say what was seen of it.
      case $_generation in *+) printf '%s\n' "$_A" >"$_L/generation"; _generation=stale ;; esac
      [ -z "$_expected" ] || [ "$_generation" = "$_expected" ] || { _record stale; _record end; exit 0; }
      _acting=1; printf '%s+\n' "$_A" >"$_L/generation"
    }
    """#
}
