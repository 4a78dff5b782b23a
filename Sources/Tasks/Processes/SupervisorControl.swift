import MartletCore

/// The scripts that bring a program of supervisord to a state, and wait until the state holds.
///
/// A program is its own group, so that `NAME:*` is all of its processes, also where there is only one.
struct SupervisorControl: Sendable {
  var name: String
  /// How long a process must have run before supervisord calls it running, in seconds.
  var startSeconds = 1
  /// How long to wait beyond that, in seconds.
  var patience = 20
  /// Where the processes write; what they have said since is shown if they don't come up.
  var log: RemotePath?

  /// The file that is touched before each restart: ``ChangedSince`` compares with it.
  var stamp: RemotePath { RemotePath("/run/martlet/supervisor-\(name)") }

  private var group: String { name + ":*" }

  private var functions: ShellCommand {
    var functions: ShellCommand = """
      all=\(group)
      size=\(splice: log.map { "$([ ! -r \($0) ] || wc -c <\($0))" } ?? "")
      size=${size:-0}
      status() { supervisorctl status "$all" 2>&1; }
      pids() { status | sed -n 's/.* pid \\([0-9]*\\),.*/\\1/p' | sort; }
      fail() {
      echo "$1"
      status

      """
    // A start that fails is tried again: what the first try says is the reason, and the end repeats it.
    if let log {
      functions += """
        if [ -r \(log) ]; then
        echo \("\(log) since then:")
        [ "$(wc -c <\(log))" -ge "$size" ] || size=0
        tail -c +$((size + 1)) \(log) | awk 'NR <= 32 { print } NR == 33 { print "…" }'
        fi

        """
    }
    return functions + """
      exit 1
      }
      daemon() {
      supervisorctl pid >/dev/null 2>&1 && return
      if [ -d /run/systemd/system ]; then systemctl start supervisor || systemctl start supervisord
      else service supervisor start || supervisord; fi >/dev/null 2>&1
      n=0
      until supervisorctl pid >/dev/null 2>&1; do
      n=$((n + 1))
      [ $n -lt 20 ] || { echo "supervisord does not start"; supervisorctl pid; exit 1; }
      sleep 0.5
      done
      }
      running() {
      end=$(($(date +%s) + \(startSeconds + patience)))
      while :; do
      now=$(status)
      case $now in
      *FATAL*|*EXITED*) fail \("\(name) does not run");;
      *STARTING*|*BACKOFF*|*STOPPED*|*STOPPING*) ;;
      *RUNNING*) break;;
      *) fail \("supervisord does not know \(name)");;
      esac
      [ "$(date +%s)" -lt "$end" ] || fail \("\(name) is not running after \(startSeconds + patience) seconds")
      sleep 0.3
      done
      before=$(pids)
      sleep 1
      [ "$before" = "$(pids)" ] && ! status | grep -qv ' RUNNING ' || fail \("\(name) does not stay running")
      }
      mark() { mkdir -p \(stamp.parent) && : >\(stamp).new; }
      marked() { mv -f -- \(stamp).new \(stamp); }

      """
  }

  /// Takes over the program's configuration if it has changed, restarts it once, and waits.
  var restart: ShellCommand {
    """
    \(splice: functions)
    daemon
    mark
    old=$(pids)
    supervisorctl reread || exit 1
    supervisorctl update \(name) || exit 1
    if [ -n "$old" ] && [ "$old" = "$(pids)" ]; then supervisorctl restart "$all"
    elif ! status | grep -Eq ' (RUNNING|STARTING|BACKOFF) '; then supervisorctl start "$all"; fi
    running
    marked
    """
  }

  /// Takes over the program's configuration if it has changed, starts what isn't running, and waits.
  var start: ShellCommand {
    """
    \(splice: functions)
    daemon
    mark
    supervisorctl reread || exit 1
    supervisorctl update \(name) || exit 1
    status | grep -qv ' RUNNING ' && supervisorctl start "$all"
    running
    marked
    """
  }

  /// Takes over the program's configuration if it has changed, and stops it.
  var stop: ShellCommand {
    """
    \(splice: functions)
    daemon
    supervisorctl reread || exit 1
    supervisorctl update \(name) || exit 1
    supervisorctl stop "$all"
    ! status | grep -Eq ' (RUNNING|STARTING|BACKOFF|STOPPING) ' || fail \("\(name) does not stop")
    """
  }
}
