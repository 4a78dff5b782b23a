import MartletCore

/// The shell code that runs apt-get so that it never asks, and waits for whoever else is at work.
///
/// No lock is ever judged from outside: apt and dpkg are run, take their locks themselves or say who has them, and
/// in that case the action ends as one that is held up (``Action/waitsUpTo``). So nothing is done to packages, a
/// mending `dpkg --configure -a` included, but by a program that has the lock.
struct AptScript {
  /// Keeps debconf, needrestart and ucf from asking (debconf(7), needrestart(1), ucf(1)).
  static let environment = [
    "DEBIAN_FRONTEND": "noninteractive", "DEBIAN_PRIORITY": "critical", "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_MODE": "l", "NEEDRESTART_SUSPEND": "1", "UCF_FORCE_CONFFOLD": "1",
  ]

  /// Functions that the commands below use. Everything goes to standard output, whose end is shown when it
  /// fails.
  ///
  /// - `_run` runs apt or dpkg, and ends the action if another program has their locks. Those are locks of fcntl(2),
  ///   which no tool for shells can take or ask about; apt (2.0 and later) and dpkg name the holder.
  /// - `_set_up` waits for cloud-init: what it installs comes in several steps, between which no lock is held, and
  ///   it may write the sources. A play that cloud-init itself runs doesn't wait for it.
  /// - `_mend` finishes what an interrupted dpkg left. Its journal is also there while a dpkg works: then this one
  ///   gets no lock, and waits. What it can't finish is left to apt, which installs such packages anew.
  /// - `_update` leaves its stamp only if every source was read; apt succeeds also if it could reach none.
  private static let functions: ShellCommand = """
    _apt() {
      apt-get -q -y -o DPkg::Lock::Timeout=3 -o DPkg::Options::=--force-confdef \
        -o DPkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1
    }
    _dpkg() { dpkg --force-confdef --force-confold "$@" </dev/null 2>&1; }
    _holder() {
      _p=$(printf '%s\\n' "$_o" | sed -n 's/.* held by process \\([0-9]\\{1,\\}\\).*/\\1/p
        s/.* another process with pid \\([0-9]\\{1,\\}\\).*/\\1/p' | tail -n 1)
      _c=; [ "${_p:-0}" = 0 ] || _c=$(tr '\\0' '\\n' <"/proc/$_p/cmdline" | grep -v -e '^-' -e = -e :// -e '^$' |
        tr -c '[:graph:]' ' ' | cut -c 1-120)
      [ -n "$_c" ] || { echo 'another program that has the locks of apt'; return; }
      _b=$(sed 's/.*) //' "/proc/$_p/stat" | cut -d ' ' -f 20); read -r _t _ </proc/uptime
      _t=$((${_t%.*} - ${_b:-0} / $(getconf CLK_TCK || echo 100)))
      echo "${_c% } (process $_p, since $(date -u -d "@$(($(date +%s) - _t))" +%H:%M) UTC)"
    }
    _held_up() { printf '%s\\n' "$_o" "$1"; exit 75; }
    _run() {
      _o=$("$@"); _s=$?
      [ $_s = 0 ] || case $_o in
      *'E: Could not get lock '*|*', is another process using it?'*|*'locked by another process'*)
        _held_up "$(_holder 2>/dev/null)" ;;
      esac
      printf '%s\\n' "$_o"
      return $_s
    }
    _set_up() {
      [ -d /run/cloud-init ] && [ ! -e /run/cloud-init/result.json ] && [ ! -e /run/cloud-init/disabled ] || return 0
      ! grep -q cloud- /proc/self/cgroup || return 0
      _o=$( { systemctl is-system-running; systemctl show -p ActiveState cloud-init-local cloud-init-main \
        cloud-init-network cloud-init cloud-config cloud-final; } 2>/dev/null)
      case $_o in
      *initializing*|*starting*|*activating*) _held_up 'cloud-init, which still sets this host up' ;;
      esac
    }
    _mend() {
      for _f in /var/lib/dpkg/updates/[0-9]*; do
        [ ! -e "$_f" ] || _run _dpkg --configure -a; return 0
      done
    }
    _update() {
      _run _apt update || return
      : >"$MARTLET_TMP/apt-updated"
      case $_o in *'Some index files failed to download'*) _partly=1; return ;; esac
      mkdir -p /var/lib/apt/periodic && touch /var/lib/apt/periodic/update-success-stamp
    }
    _partly=
    _set_up
    _mend
    """

  /// Installs packages, in versions as named.
  ///
  /// A source that can't be read is no reason not to install what the others have.
  ///
  /// - Parameters:
  ///   - names: The packages, as apt-get takes them.
  ///   - recommends: Whether recommended packages are installed too.
  ///   - listsValidFor: How old the package lists may be; nil for any age.
  func install(_ names: [String], recommends: Bool, listsValidFor: Duration?) -> ShellCommand {
    let isStale: ShellCommand =
      listsValidFor.map { valid in
        """
        _n=/var/lib/apt/lists; _m=/var/lib/apt/periodic/update-success-stamp; [ $_m -nt $_n ] && _n=$_m
        [ -n "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer $_n 2>/dev/null)" ] ||
          [ -z "$(find $_n -maxdepth 0 -mmin -\(valid.components.seconds / 60) 2>/dev/null)" ]
        """
      } ?? "false"
    return """
      \(splice: Self.functions)
      _stale() {
        [ ! -e "$MARTLET_TMP/apt-updated" ] || return
        for _f in /var/lib/apt/lists/*Release; do [ -e "$_f" ] || return 0; break; done
        \(splice: isStale)
      }
      \(splice: installing(names, recommends: recommends))
      _updated=
      if _stale; then _update; _updated=1; fi
      _install && exit 0
      case $_o in
      *'Unable to locate package'*|*'has no installation candidate'*|*'was not found'*|*'Failed to fetch'*)
        [ -z "$_updated" ] || exit $_s
        _update && _install ;;
      *) exit $_s ;;
      esac
      """
  }

  /// Fetches the package lists, and installs what is newest in them. It fails if one of them can't be fetched: what is
  /// newest isn't known then.
  func installNewest(_ names: [String], recommends: Bool) -> ShellCommand {
    """
    \(splice: Self.functions)
    \(splice: installing(names, recommends: recommends))
    _update || exit
    [ -z "$_partly" ] || exit 100
    _install
    """
  }

  private func installing(_ names: [String], recommends: Bool) -> ShellCommand {
    let option: ShellCommand = recommends ? "" : "--no-install-recommends"
    return "_install() { _run _apt install \(splice: option) -- \(names); }"
  }

  /// Removes packages; what was installed only for them stays.
  func remove(_ names: [String]) -> ShellCommand {
    "\(splice: Self.functions)\n_run _apt remove -- \(names)"
  }
}
