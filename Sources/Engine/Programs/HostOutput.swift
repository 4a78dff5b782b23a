/// The shell functions that keep what actions print, to a bound, and that say what a disk has to do with a failure.
enum HostOutput {
  /// How much of an action's output is sent, from its end: of a failed one, and of any where all is wanted.
  static let failureLimit = 16 << 10
  static let verboseLimit = 64 << 10
  /// How much is sent from the beginning of an output that was cut on the host.
  static let headLimit = 4 << 10
  /// From which size on the host keeps only beginning and end.
  static let fileLimit = 8 << 20

  static let functions = """
    # Called four times a second: from a certain size on, the beginning and the end of the action's output are kept.
    _bound_output() {
      _o=$MARTLET_TMP/out.$1
      [ -n "$(find "$_o" -size +\(fileLimit / 512) 2>/dev/null)" ] || return
      [ -e "$_o.head" ] || head -c \(headLimit) <"$_o" >"$_o.head"
      tail -c \(verboseLimit) <"$_o" >"$_o.new" && mv -f "$_o.new" "$_o.tail"
      : >"$_o"
    }
    # Sends the beginning of the output of the action $1 if that was cut, and the last $2 bytes after the record $3.
    _show() {
      _o=$MARTLET_TMP/out.$1
      [ ! -e "$_o.head" ] || { _record head "$1"; cat "$_o.head" >&3; }
      _record $3
      if [ -e "$_o.tail" ]; then cat "$_o.tail" "$_o" | tail -c "$2" >&3; else tail -c "$2" <"$_o" >&3; fi
    }
    # Which of some places have no space left, or can't be written to.
    _space() {
      _i=$1; shift
      for _d; do
        [ "$_uid" != 0 ] || [ ! -d "$_d" ] || [ -w "$_d" ] || _record space "$_i" readonly "$_d"
      done
      { df -Pk -- "$@"; echo; df -Pi -- "$@"; } 2>/dev/null | {
        _unit=64
        while read -r _ _total _used _free _part _mount; do
          case $_total in '') _unit=0; continue ;; 0 | *[!0-9]*) continue ;; esac
          [ "$_free" -gt "$_unit" ] || _record space "$_i" full "$_mount"
        done
      }
    }
    # The end of a program whose action has failed: number, status, places.
    _fail() {
      _i=$1; _r=$2; shift 2
      _space "$_i" "${MARTLET_TMP:-/var/tmp}" "$@"
      _show "$_i" \(failureLimit) "failed $_i $_r"; _record end; exit 0
    }
    """
}
