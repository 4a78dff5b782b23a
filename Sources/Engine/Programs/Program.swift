internal import MartletCore

/// A program for one exchange: shell code that frames what it prints with a marker of its own.
struct Program {
  let marker: String
  let code: String

  /// - Parameters:
  ///   - marker: A nonce, fresh for each exchange.
  ///   - body: What to run between the common beginning and the last record.
  init(marker: String, body: String) {
    self.marker = marker
    // One compound command: a shell parses it to its closing brace before it runs any of it, so that an upload
    // which is cut off does nothing at all.
    code = """
      {
      LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin; export PATH
      unset CDPATH ENV BASH_ENV; umask 022; cd /; exec 3>&1 </dev/null; trap 'exit 141' PIPE
      _M=\(marker)
      _record() { printf '\\n%s %s\\n' "$_M" "$*" >&3 || exit 141; }
      _S=$MARTLET_STATE
      if [ -z "$_S" ]; then
        _S=/var/lib/martlet; [ -w /var/lib ] || _S=${XDG_STATE_HOME:-$HOME/.local/state}/martlet
      fi
      # Where the lock is: of root not where others may write; of others in their own folder. A shell that can write to
      # /run is root's: no process is needed to know.
      _L=$_S; [ -n "$MARTLET_STATE" ] || [ ! -w /run ] || _L=/run/martlet
      _record hello
      \(body)
      _record end
      exit 0
      }

      """
  }

  /// 128 random bits in hexadecimal.
  static func nonce() -> String {
    var generator = SystemRandomNumberGenerator()
    func word() -> String {
      let digits = String(generator.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    return "martlet-" + word() + word()
  }
}
