import MartletCore

/// What Martlet knows of files that programs of the system read, by where they lie: how a new one is tried before it
/// goes live where the playbook gives no `validate:`, and what makes such a program leave a file alone in silence.
enum DaemonFile {
  /// The command that tries a new file, `$1`; nil for a path of which nothing is known.
  static func check(of path: RemotePath, _ content: Contents) -> ShellCommand? {
    switch path.string {
    case "/etc/fstab": return fstab
    case "/etc/crontab": return CronTable(content).usersExist(path)
    default: break
    }
    if path.parent == "/etc/cron.d" { return CronTable(content).usersExist(path) }
    if let unit = SystemdUnit(path) { return unit.check }
    return whole(of: path)?.check(of: path)
  }

  /// The action that tries the configuration without a path before that is removed; nil where nobody reads it, and where
  /// all that a program reads goes.
  static func trial(ofRemoving path: RemotePath) -> Action? {
    guard let whole = whole(of: path), !whole.main.isInside(path) else { return nil }
    return trial(whole, whole.check(ofRemoving: path), "without \(path)")
  }

  /// The action that tries the configuration with a link before that is made; nil where nobody reads it.
  ///
  /// - Parameter target: As it stands in the link.
  static func trial(ofLinking path: RemotePath, to target: String) -> Action? {
    guard let whole = whole(of: path) else { return nil }
    let target = target.utf8.first == UInt8(ascii: "/") ? target : "\(path.parent.string)/\(target)"
    return trial(whole, whole.check(ofLinking: path, to: target), "with \(path)")
  }

  private static func trial(_ whole: WholeConfiguration, _ command: ShellCommand, _ what: String) -> Action {
    var action = Action.run("(\(splice: command)\n)", summary: "try \(whole.program)'s configuration \(what)")
    action.changedWhen = .never
    return action
  }

  /// The configuration that the file is a part of.
  private static func whole(of path: RemotePath) -> WholeConfiguration? {
    let all: [WholeConfiguration] = [.nginx, .sudoers, .sshd, .supervisor, .logrotate, .apt]
    // Keys and passwords are read by the same programs, but aren't configuration.
    if ["/etc/apt/keyrings", "/etc/apt/trusted.gpg.d", "/etc/apt/auth.conf.d"].contains(where: path.isInside)
    {
      return nil
    }
    if path.isInside("/etc/apt/preferences.d") || path == "/etc/apt/preferences" { return .aptPreferences }
    return all.first { whole in whole.parts.contains { path.isInside($0) } }
  }

  /// Why the program that reads a folder would pass over a file, or a link, of this name; nil if it wouldn't, or nothing is
  /// known of it.
  static func problem(ofName path: RemotePath) -> String? {
    let name = path.name
    let folder = path.parent.string
    switch folder {
    case "/etc/cron.d" where name.hasPrefix("."): return nil
    case "/etc/cron.d":
      // cron(8): the names that run-parts(8) takes.
      if name.utf8.allSatisfy({ isLetterOrDigit($0) || $0 == 0x2d || $0 == 0x5f }) { return nil }
      return
        "cron reads no file of /etc/cron.d with a dot or another sign than letters, digits, - and _ in its name, "
        + "as \"\(name)\" has."
    case "/etc/sudoers.d" where name.contains(".") || name.hasSuffix("~"):
      return
        "sudo reads no file of /etc/sudoers.d with a dot in its name or a ~ at its end, as \"\(name)\" has."
    case "/etc/ssh/sshd_config.d" where !name.hasSuffix(".conf"):
      return "sshd reads no file of \(folder) whose name doesn't end with .conf, as \"\(name)\"."
    case "/etc/apt/sources.list.d" where !name.hasSuffix(".list") && !name.hasSuffix(".sources"):
      return
        "apt reads no file of \(folder) whose name ends with neither .list nor .sources, as \"\(name)\"."
    default: return nil
    }
  }

  /// Why the program that the file is meant for would not read it; nil if it would, or nothing is known of it.
  ///
  /// - Parameters:
  ///   - mode: The permission bits that it will have.
  ///   - owner: Whose it will be, where the playbook says so.
  static func problem(_ path: RemotePath, _ content: Contents, mode: FileMode, owner: String? = nil)
    -> String?
  {
    let otherwise = "If it is not meant to be read, say validate: \"true\""
    if let problem = problem(ofName: path) { return "\(problem) \(otherwise)" }
    let name = path.name
    let reader: String
    switch path.parent.string {
    case "/etc/cron.d" where name.hasPrefix("."): return nil
    case "/etc/cron.d": reader = "cron"
    case "/etc/sudoers.d": reader = "sudo"
    case "/etc/logrotate.d": reader = "logrotate"
    case "/etc" where name == "crontab": reader = "cron"
    case "/etc" where name == "sudoers": reader = "sudo"
    default: return nil
    }
    if mode.bits & 0o022 != 0 {
      return "\(reader) doesn't read \(path) if others than its owner may write to it: its mode is \(mode)"
    }
    if let owner, !["root", "0"].contains(owner) {
      return "\(reader) doesn't read \(path) if it isn't root's: its owner is to be \(owner)"
    }
    if reader == "cron", let fault = CronTable(content).fault {
      return "cron would ignore all of \(path): \(fault). \(otherwise)"
    }
    return nil
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
  }

  /// What can't be parsed keeps a host from booting. Disks that aren't there yet are none of its business.
  private static let fstab: ShellCommand = """
    command -v findmnt >/dev/null 2>&1 || exit 0
    ! findmnt --verify -F "$1" 2>&1 | grep 'parse error at line'
    """
}
