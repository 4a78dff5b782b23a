import MartletCore

/// Files that one program reads as a whole, so that a fault in one of them stops all that it does.
///
/// A new file is tried in a copy of all of them before it goes live: at no moment does a file that the program
/// would refuse stand where it is read, also if everything dies in the middle. What was at fault before isn't held
/// against a new file that isn't named in the complaint: it may be one of several that are to be mended. A file that is
/// just being written, `.martlet.*`, is no part of the copy.
struct WholeConfiguration: Sendable {
  /// The program that is asked; a host without it has nothing to break.
  var program: String
  /// The file that it begins with.
  var main: RemotePath
  /// What it reads: folders and files.
  var parts: [RemotePath]
  /// Beginnings of paths, as they stand in the files, that are led to the copy: text without `|`, `.` escaped.
  var prefixes: [String]
  /// Further expressions for sed, for names that are relative to a fixed folder.
  var expressions: [String] = []
  /// Asks. In the copy a file stands at `"$copy"PATH`. It prints what is wrong, and fails.
  var test: ShellCommand
  /// Whether the program calls a file by its name without the folder.
  var saysLastName = false

  /// A check for a new file, `$1`, that is to lie at a path.
  ///
  /// - Parameters:
  ///   - path: Where it will be.
  ///   - places: Where else, as the link that will lead to it. Links that are there already are found.
  ///   - removed: What will be gone by then.
  ///   - further: What is asked once the program takes the whole: the program's words are in `"$room/said"`, and
  ///     `try ''` makes them those of the present state, and with `later=PATH` that file is left out, too.
  func check(
    of path: RemotePath, at places: [RemotePath] = [], without removed: [RemotePath] = [],
    further: ShellCommand = ":"
  ) -> ShellCommand {
    check(
      named: path, places: [path] + places, shared: "readlink -f -- \(path)", without: removed,
      further: further)
  }

  /// A check for what is going to be removed. Links to it then lead to nothing.
  func check(ofRemoving path: RemotePath) -> ShellCommand {
    let check = check(
      named: path, places: [], shared: "[ -L \(path) ] || readlink -f -- \(path)", without: [path],
      further: ":")
    return "set -- /none\n\(splice: check)"
  }

  /// A check for a link to a file that is there already, which may lie elsewhere.
  func check(ofLinking path: RemotePath, to target: String) -> ShellCommand {
    """
    set -- \(target)
    if command -v \(program) >/dev/null 2>&1 && [ ! -e "$1" ]; then
    printf '%s\\n' \("\(path) would lead to nothing, and \(program) reads it: make \(target) first"); exit 1
    fi
    [ -f "$1" ] || exit 0
    \(splice: check(named: path, places: [path], shared: ":", without: [], further: ":"))
    """
  }

  /// The copy lies in the program's own folder, which nobody else can enter; without that, in a folder of 0700 that mktemp
  /// makes. `$1` is the new file, or `/none` where something is to be removed.
  ///
  /// - Parameter shared: Prints the file that other links lead to as well, which change with it.
  private func check(
    named path: RemotePath, places: [RemotePath], shared: ShellCommand, without removed: [RemotePath],
    further: ShellCommand
  ) -> ShellCommand {
    let names = saysLastName ? [path.name + ":"] : ([path] + places).map(\.string)
    return """
      command -v \(program) >/dev/null 2>&1 && [ -e \(main) ] || exit 0
      new=$1
      case $new in /*) ;; *) new=$PWD/$new;; esac
      room=$(mktemp -d "${MARTLET_TMP:-/var/tmp}/whole.XXXXXX") || exit 1
      trap 'rm -rf -- "$room"' EXIT
      copy=$room/copy
      later=
      target=$(\(splice: shared))
      { [ -z \(places.isEmpty ? "" : "any") ] || printf '%s\\n' \(places)
      [ -z "$target" ] || find \(parts) -type l 2>/dev/null | while IFS= read -r link; do
      [ "$(readlink -f -- "$link")" != "$target" ] || printf '%s\\n' "$link"; done; } >"$room/places"
      { printf '%s\\n' \(names); \(raw: saysLastName ? ":" : "cat \"$room/places\""); } >"$room/names"
      try() {
      rm -rf -- "$copy"; mkdir -- "$copy" || exit 1
      for part in \(parts); do
      if [ -e "$part" ]; then mkdir -p -- "$copy${part%/*}"; cp -RL -- "$part" "$copy$part"; fi
      done 2>/dev/null
      find "$copy" -name '.martlet.*' -prune -exec rm -rf -- {} +
      if [ -n "$1" ]; then
      for gone in \(removed) ${later:+"$later"}; do rm -rf -- "$copy$gone"; done
      while IFS= read -r place; do
      mkdir -p -- "$copy${place%/*}"; rm -f -- "$copy$place"
      if [ "$1" = /none ]; then ln -s -- /none "$copy$place"; else cp -- "$1" "$copy$place" || exit 1; fi
      done <"$room/places"
      fi
      \(splice: leadingToTheCopy)
      (\(splice: test)
      ) >"$room/said" 2>&1
      status=$?
      sed -i "s|$copy||g" "$room/said"
      return $status
      }
      if try "$new"; then \(splice: further)
      exit 0; fi
      mv -- "$room/said" "$room/new"
      if ! try '' && ! grep -qF -f "$room/names" "$room/new"; then exit 0; fi
      cat "$room/new"
      exit 1
      """
  }

  /// The expressions are constants of this module alone.
  private var leadingToTheCopy: ShellCommand {
    let all = prefixes.map { "s|\($0)|$copy\($0.replacing("\\.", with: "."))|g" } + expressions
    if all.isEmpty { return ":" }
    let arguments = all.map { "-e \"\($0)\"" }.joined(separator: " ")
    return "find \"$copy\" -type f -exec sed -i \(raw: arguments) {} +"
  }
}

extension WholeConfiguration {
  static let nginx = WholeConfiguration(
    program: "nginx", main: "/etc/nginx/nginx.conf", parts: ["/etc/nginx"], prefixes: ["/etc/nginx/"],
    test: "nginx -t -q -c \"$copy/etc/nginx/nginx.conf\"")

  static let sudoers = WholeConfiguration(
    program: "visudo", main: "/etc/sudoers", parts: ["/etc/sudoers", "/etc/sudoers.d"],
    prefixes: ["/etc/sudoers\\.d"], test: "visudo -c -f \"$copy/etc/sudoers\"")

  /// A name that isn't absolute is one of /etc/ssh (sshd_config(5), "Include"). The folder is what sshd wants even
  /// to read its configuration; Debian's unit makes it before each start.
  static let sshd = WholeConfiguration(
    program: "sshd", main: "/etc/ssh/sshd_config", parts: ["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d"],
    prefixes: ["/etc/ssh/sshd_config\\.d"],
    expressions: [
      "/^[[:space:]]*[Ii][Nn][Cc][Ll][Uu][Dd][Ee][[:space:]]/"
        + "s|[[:space:]]sshd_config\\.d/| $copy/etc/ssh/sshd_config.d/|g"
    ],
    test: """
      [ -d /run/sshd ] || mkdir -m 0755 /run/sshd
      "$(command -v sshd)" -t -f "$copy/etc/ssh/sshd_config"
      """)

  /// Supervisor has no option for it, but is a library too: its own reader, in its own interpreter, with the
  /// environment of the daemon that runs, which a file may name (`%(ENV_X)s`).
  static let supervisor = WholeConfiguration(
    program: "supervisord", main: "/etc/supervisor/supervisord.conf", parts: ["/etc/supervisor"],
    prefixes: ["/etc/supervisor/"],
    test: """
      pid=$(cat /run/supervisord.pid 2>/dev/null)
      $(sed -n '1s/^#!//p' "$(command -v supervisord)") -c \(
        """
        import os, sys
        try:
            with open("/proc/%s/environ" % sys.argv[2], "rb") as f: entries = f.read()
            for entry in entries.decode("utf-8", "surrogateescape").split(chr(0)):
                if "=" in entry: os.environ.__setitem__(*entry.split("=", 1))
        except Exception: pass
        from supervisor.options import ServerOptions
        ServerOptions.usage = lambda self, message: sys.exit("supervisord would not start: %s" % message)
        ServerOptions().realize(["-c", sys.argv[1]])
        """) "$copy/etc/supervisor/supervisord.conf" "$pid"
      """)

  /// Only faults with a line: a log that isn't there yet is none.
  static let logrotate = WholeConfiguration(
    program: "logrotate", main: "/etc/logrotate.conf", parts: ["/etc/logrotate.conf", "/etc/logrotate.d"],
    prefixes: ["/etc/logrotate\\.d"],
    test: "! logrotate -d \"$copy/etc/logrotate.conf\" 2>&1 | grep '^error: [^ ]*:[0-9]'", saysLastName: true)

  static let apt = apt("apt-get indextargets >/dev/null")

  /// Of preferences apt complains only when it has read what is installed. The lists are left out of that, which would
  /// take seconds, and nothing is written down.
  static let aptPreferences = apt(
    "apt-cache policy -o Dir::State::lists=\"$room\" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= >/dev/null"
  )

  private static func apt(_ question: ShellCommand) -> WholeConfiguration {
    WholeConfiguration(
      program: "apt-get", main: "/etc/apt", parts: ["/etc/apt"], prefixes: [],
      test: """
        printf 'Dir::Etc "%s";\\n' "$copy/etc/apt" >"$room/apt.conf"
        export APT_CONFIG="$room/apt.conf"
        \(splice: question)
        """)
  }
}
