/// How code on a host runs as another user than the one whom a program runs as: one text for facts and for actions.
package enum UserSwitch {
  /// The shell function `_as USER CODE`: runs the code in a `/bin/sh` of the user's, with the caller's input and output.
  ///
  /// Root uses runuser(1): it asks nobody, takes accounts that have expired or have no login shell, and leaves the
  /// process in its session, where it can be found again. setpriv(1) is next, and su(1) only where neither is there
  /// (BusyBox). Whoever isn't root uses sudo or doas, without a password. Whatever PAM, login.defs or sudoers say, the
  /// umask is 022: what `collectstatic` writes is to be read by the web server.
  ///
  /// Words in `$_bound`, such as `timeout 30`, stand before what becomes the user. The code is an argument, so it must not
  /// hold secrets; ``reader`` is code that reads the real one.
  package static let function: ShellCommand = #"""
    _bound=; _uid=$(id -u); _me=$(id -un)
    _as() {
      set -- "$1" "umask 022
    $2"
      if [ "$1" = "$_me" ]; then $_bound /bin/sh -c "$2"
      elif [ "$_uid" != 0 ]; then
        if command -v sudo >/dev/null 2>&1; then $_bound sudo -n -H -u "$1" -- /bin/sh -c "$2"
        else $_bound doas -n -u "$1" /bin/sh -c "$2"; fi
      elif command -v runuser >/dev/null 2>&1; then $_bound runuser -u "$1" -- /bin/sh -c "$2"
      elif setpriv --reuid 0 true >/dev/null 2>&1; then
        _home=/; case $1 in *[!A-Za-z0-9_.-]*) ;; *) eval "_home=~$1" ;; esac
        HOME=$_home USER=$1 LOGNAME=$1 $_bound setpriv --reuid "$1" --regid "$(id -g "$1")" --init-groups /bin/sh -c "$2"
      else $_bound su -s /bin/sh -c "$2" "$1"; fi
    }
    """#

  /// Code for the function that runs what stands, escaped, in the first line of its input. Neither a list of processes nor
  /// sudo's log shows it.
  package static let reader = #"IFS= read -r _l && eval "$(printf %b "$_l")""#

  /// Runs code as another user, unseen: for ``reader``, and then what the code reads itself.
  ///
  /// - Parameters:
  ///   - code: The code.
  ///   - user: The user's name.
  ///   - input: A command that prints what the code is to read; nil for nothing.
  package static func run(_ code: String, as user: String, input: String? = nil) -> String {
    // By bytes: for Swift a carriage return and the line break after it are one character.
    let line = String(
      decoding: code.utf8.flatMap { byte in
        byte == 0x0a ? Array("\\n".utf8) : byte == UInt8(ascii: "\\") ? Array("\\\\".utf8) : [byte]
      }, as: UTF8.self)
    return
      "{ printf '%s\\n' \(Shell.quote(line)); \(input ?? ":"); } | _as \(Shell.quote(user)) \(Shell.quote(reader))"
  }
}
