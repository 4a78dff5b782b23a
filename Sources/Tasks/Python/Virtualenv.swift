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
          "chown -R -h -- \(user + ":") \(path)", summary: "hand \(path) over to \(user)",
          changes: [.modified("owner \(owner) → \(user)")], touches: [.path(path)])
      ]
    }
    let change: Change =
      state.exists ? .modified("rebuilt: \(reason)") : .added("\(path) with \(wanted)")
    return [
      .run(build, summary: "\(python) -m venv \(path)", changes: [change], touches: [.tree(path)])
        .predicting(PipPackages(in: path), PythonPackages())
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

  /// The programs in `bin` name their interpreter by its full path: after the environment was made under a name
  /// of its own, they are told where it is going to be.
  private var build: ShellCommand {
    let new = RemotePath(path.string + ".new")
    let old = RemotePath(path.string + ".old")
    var command: ShellCommand = """
      set -e
      umask 022
      rm -rf -- \(new) \(old)
      \(python) -m venv -- \(new)
      for f in \(new)/bin/*; do
      if [ -f "$f" ] && ! [ -L "$f" ]; then sed -i '1,70s|'\(new)'|'\(path)'|g' "$f"; fi
      done
      sed -i 's|'\(new)'|'\(path)'|g' \(new / "pyvenv.cfg")
      printf 'made-with = %s\\n' "$(readlink -f -- "$(command -v -- \(python))")" >>\(new / "pyvenv.cfg")

      """
    if let user { command += "chown -R -h -- \(user + ":") \(new)\n" }
    command += """
      if [ -e \(path) ] || [ -L \(path) ]; then mv -T -- \(path) \(old); fi
      mv -T -- \(new) \(path)
      rm -rf -- \(old)
      \(path / "bin/python") -c 'import pip'
      """
    return command
  }
}
