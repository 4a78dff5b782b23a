import MartletCore

/// The shell code that runs apt-get so that it never asks, and waits for its locks.
struct AptScript {
  var lockTimeout: Duration

  /// Keeps debconf, needrestart and ucf from asking (debconf(7), needrestart(1), ucf(1)).
  static let environment = [
    "DEBIAN_FRONTEND": "noninteractive", "DEBIAN_PRIORITY": "critical", "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_MODE": "l", "NEEDRESTART_SUSPEND": "1", "UCF_FORCE_CONFFOLD": "1",
  ]

  private var seconds: Int64 { max(1, lockTimeout.components.seconds) }

  /// Functions that the commands below use. Everything goes to standard output, whose end is shown when it
  /// fails.
  ///
  /// `DPkg::Lock::Timeout` is for dpkg's lock only (apt 2.0); the lock of the lists is waited for by trying
  /// again.
  private var functions: ShellCommand {
    """
    _apt() {
      apt-get -q -y -o DPkg::Lock::Timeout=\(seconds) -o DPkg::Options::=--force-confdef \
        -o DPkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" </dev/null 2>&1
    }
    _locked() { case $1 in *'Could not get lock'*|*'Unable to lock'*|*'is held by process'*) ;; *) false ;; esac; }
    _finish_interrupted() {
      for _f in /var/lib/dpkg/updates/[0-9]*; do
        [ -e "$_f" ] || return 0
        dpkg --configure -a --force-confdef --force-confold </dev/null 2>&1
        return
      done
    }
    _update() {
      _waited=0
      while :; do
        _o=$(_apt update); _s=$?
        if [ $_s != 0 ] && _locked "$_o" && [ $_waited -lt \(seconds) ]; then
          sleep 5; _waited=$((_waited + 5)); continue
        fi
        printf '%s\\n' "$_o"
        [ $_s = 0 ] && { mkdir -p /var/lib/apt/periodic && touch /var/lib/apt/periodic/update-success-stamp; }
        return $_s
      done
    }
    """
  }

  /// Installs packages, in versions as named.
  ///
  /// - Parameters:
  ///   - names: The packages, as apt-get takes them.
  ///   - recommends: Whether recommended packages are installed too.
  ///   - listsValidFor: How old the package lists may be.
  func install(_ names: [String], recommends: Bool, listsValidFor: Duration) -> ShellCommand {
    let minutes = listsValidFor.components.seconds / 60
    let option: ShellCommand = recommends ? "" : "--no-install-recommends"
    return """
      \(splice: functions)
      _stale() {
        for _f in /var/lib/apt/lists/*Release; do [ -e "$_f" ] || return 0; break; done
        [ -z "$(find /var/lib/apt/lists /var/lib/apt/periodic/update-success-stamp -maxdepth 0 \
          -mmin -\(minutes) 2>/dev/null)" ]
      }
      _install() { _apt install \(splice: option) -- \(names); }
      _finish_interrupted || exit
      _updated=
      if _stale; then _update || exit; _updated=1; fi
      _o=$(_install); _s=$?
      printf '%s\\n' "$_o"
      [ $_s = 0 ] && exit 0
      case $_o in
      *'dpkg was interrupted'*)
        dpkg --configure -a --force-confdef --force-confold </dev/null 2>&1 || exit
        _install ;;
      *'Unable to locate package'*|*'has no installation candidate'*|*'was not found'*|*'Failed to fetch'*)
        [ -z "$_updated" ] || exit $_s
        _update && _install ;;
      *) exit $_s ;;
      esac
      """
  }

  /// Removes packages; what was installed only for them stays.
  func remove(_ names: [String]) -> ShellCommand {
    """
    \(splice: functions)
    _finish_interrupted || exit
    _apt remove -- \(names)
    """
  }
}
