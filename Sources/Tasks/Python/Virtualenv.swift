public import MartletCore
public import MartletFacts

/// A Python virtual environment, made by `python -m venv`.
///
///     Virtualenv("/srv/shop/venv", user: "shop")
///     Virtualenv("/srv/shop/venv", python: "python3.12", user: "shop")
///
/// One that doesn't work any more, as after an upgrade of the system's Python, or that was made with another
/// interpreter, is built anew beside the old one, which it then takes the place of. Its packages are gone then:
/// a ``PipInstall`` that follows brings them back, in the same run.
public struct Virtualenv: HostTask {
  let path: RemotePath
  let python: String
  let user: String?

  /// - Parameters:
  ///   - path: The environment's folder. The folder that it is in must be there.
  ///   - python: The interpreter: a name to be found in the host's `PATH`, or an absolute path.
  ///   - user: Whom the environment is to belong to; nil for the user whom the play runs as. He can be any
  ///     user: it is made by the play's user, and handed over.
  public init(_ path: RemotePath, python: String = "python3", user: String? = nil) {
    self.path = path
    self.python = python
    self.user = user
  }

  public var label: String { "virtualenv \(path)" }

  public var observes: VirtualEnvironment { VirtualEnvironment(path, python: python) }

  public func decide(given state: VirtualEnvironmentState) -> Decision {
    guard let wanted = state.wantedInterpreter else {
      return .failed("\(python) is not installed: place InstallPython() before \(label)")
    }
    var reason = state.defect
    if reason == nil, let made = state.madeWith ?? state.interpreter, made != wanted {
      reason = "its interpreter is \(made), not \(wanted)"
    }
    guard let reason else {
      guard let user, let owner = state.owner, owner != user else { return .unchanged }
      return [
        .run(
          """
          _P=\(path)
          _enter \(path.parent) && [ ! -L ./\(path.name) ] && cd -P -- ./\(path.name) || exit 1
          _D=${_D%/}/\(path.name)
          _prove && chown -R -h -- \(user + ":") .
          """, summary: "hand \(path) over to \(user)",
          changes: [.modified("owner \(owner) → \(user)")], touches: [.path(path)]
        ).usingSafeWrites()
      ]
    }
    let change: Change =
      state.exists ? .modified("rebuilt: \(reason)") : .added("\(path) with \(wanted)")
    return [
      .run(build, summary: "\(python) -m venv \(path)", changes: [change], touches: [.tree(path)])
        .usingSafeWrites().predicting(PipPackages(in: path), PythonPackages())
    ]
  }

  public func validate() throws {
    if python.isEmpty || python.hasPrefix("-") { throw InvalidTask("\"\(python)\" is no interpreter") }
    if path.string == "/" { throw InvalidTask("the root folder can't be a virtual environment") }
    let isPlain = path.string.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || "/._+-".contains($0))
    }
    if !isPlain {
      throw InvalidTask(
        "the virtual environment \(path) can't work: its programs name it in their first line, which may only have "
          + "letters, digits and . _ + - in it")
    }
  }

  /// The programs in `bin` name their interpreter by its full path: after the environment was made in a place of its own,
  /// they are told where it is going to be.
  ///
  /// Python finds its files by their full paths. So it works in the stage only where nobody else can change what that path
  /// means, and else in the run's own temporary folder; and no program of the environment is started once it is another's.
  private var build: ShellCommand {
    var command: ShellCommand = """
      set -e
      umask 022
      _P=\(path)
      _enter \(path.parent)
      _stage
      trap _drop EXIT
      new=$PWD/\(path.name)
      case $_g$new in 1*|*[!A-Za-z0-9/._+-]*) new=$MARTLET_TMP/venv; rm -rf -- "$new";; esac
      \(python) -m venv -- "$new"
      "$new/bin/python" -B -c 'import pip'
      for f in "$new"/bin/*; do
      if [ -f "$f" ] && ! [ -L "$f" ]; then sed -i "1,70s|$new|"\(path)'|g' "$f"; fi
      done
      sed -i "s|$new|"\(path)'|g' "$new/pyvenv.cfg"
      printf 'made-with = %s\\n' "$(readlink -f -- "$(command -v -- \(python))")" >>"$new/pyvenv.cfg"
      [ "$new" = "$PWD/"\(path.name) ] || mv -- "$new" ./\(path.name)

      """
    if let user { command += "chown -R -h -- \(user + ":") ./\(path.name)\n" }
    command += """
      if [ -e ../\(path.name) ] || [ -L ../\(path.name) ]; then mv -f -- ../\(path.name) ./.old; fi
      mv -f -- ./\(path.name) ../
      _rmtree .old
      _unstage
      """
    return command
  }
}
