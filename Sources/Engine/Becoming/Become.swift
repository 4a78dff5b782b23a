package import MartletCore

/// Whom a host's programs run as, and how they become that user.
package struct Become: Sendable {
  /// How the user is reached from the login.
  enum Method: Sendable, Hashable {
    /// It is the one who logged in.
    case none
    /// A password is only asked for where there is one to give.
    case sudo
    case su
    /// A password is read only from a terminal, so that is used where there is one to give.
    case doas
  }

  let method: Method
  /// Whom to be.
  let user: String
  /// Whom the host was logged in to as.
  let login: String
  /// The host's name in the inventory, for messages.
  let host: String
  package let password: Secret?
  /// How long it may take until the user's shell runs.
  let timeout: Duration
  /// Whether the user's shell runs on a terminal.
  let usesTerminal: Bool

  /// - Parameters:
  ///   - host: What inventory and command line say.
  ///   - play: What the play says; for what is no play, ``PlayUser/login``.
  package init(_ host: InventoryHost, play: PlayUser) {
    let settings = host.connection
    self.host = host.name
    login = settings.loginUser
    timeout = settings.becomeTimeout
    let wanted: String? =
      (settings.become ?? (play != .login)) ? settings.becomeUser ?? play.name ?? "root" : nil
    // Who is the user already has no one to become; a sudo that isn't installed must not be in the way.
    guard let wanted, wanted != login else {
      (method, user, password, usesTerminal) = (.none, login, nil, false)
      return
    }
    user = wanted
    // Root may become anyone by runuser, or by su, which is everywhere, and is asked for nothing.
    password = login == "root" ? nil : settings.becomePassword
    method =
      switch settings.becomeMethod ?? (login == "root" ? .su : .sudo) {
      case .sudo: .sudo
      case .su: .su
      case .doas: .doas
      }
    usesTerminal = method == .doas && password != nil
  }

  private init(onTerminal other: Become) {
    (method, user, login, host) = (other.method, other.user, other.login, other.host)
    (password, timeout, usesTerminal) = (other.password, other.timeout, true)
  }

  /// The same on a terminal.
  var onTerminal: Become { Become(onTerminal: self) }

  /// Programs of one key can share a shell.
  var key: String { method == .none ? "" : user }

  /// What the user is reached by, for messages.
  var tool: String {
    switch method {
    case .none: "the login"
    case .sudo: "sudo"
    case .su: "su"
    case .doas: "doas"
    }
  }

  /// Whether a question for a password can come: then nothing may be sent before the shell has said that it runs.
  var mayAsk: Bool { method == .su || usesTerminal || method == .sudo && password != nil }

  // Bash lets TMOUT end a read; IFS and an exported variable of that name must not change what is read.
  private static let start = #"unset TMOUT _p; IFS= read -r _p && eval "$_p""#

  /// The command line of a shell that reads its first line as code and evaluates it.
  ///
  /// Every login shell understands it alike: plain words and single quotes only, and one line.
  static let shell = "/bin/sh -c '\(start)'"

  /// The command line of such a shell that is the user's, and says that it runs before it reads.
  ///
  /// - Parameter marker: A nonce, which frames what the shell says before its first program.
  func commandLine(marker: String) -> String {
    let code = "echo; echo \(marker) ready; \(Self.start)"
    let shell = usesTerminal ? Self.detached(code) : "/bin/sh -c '\(code)'"
    // The process number is for the sudo that would go on asking. A terminal has one output only, and what was printed
    // there before the marker is the login shell's noise, and no question.
    let begin =
      usesTerminal
      ? "stty raw -echo; echo; echo \(marker) pid $$; echo \(marker)" : "echo; echo \(marker) pid $$"
    let outer = #"/bin/sh -c '\#(begin); exec "$@"' sh "#
    // Under the C locale, what these programs say can be recognised.
    let plain = "env LC_ALL=C LANGUAGE=C"
    let user = Shell.quote(user)
    switch method {
    case .none: return Self.shell
    case .doas where usesTerminal: return "\(outer)\(plain) doas -u \(user) \(shell)"
    case .doas: return "\(plain) doas -n -u \(user) \(shell)"
    case .sudo where password == nil:
      return (usesTerminal ? outer : "") + "\(plain) sudo -n -H -u \(user) -- \(shell)"
    case .sudo:
      // sudo replaces %p by the user whose password it wants (sudo(8), -p).
      return outer + "\(plain) sudo -H -S -p '\(marker) for %p:' -u \(user) -- \(shell)"
    case .su where login == "root":
      // runuser asks nobody, and takes accounts that have expired, as su doesn't: the same that actions use (UserSwitch).
      return plain
        + #" /bin/sh -c 'echo \#(marker) >&2; if command -v runuser >/dev/null 2>&1; then exec runuser -u "$1" -- "#
        + #"/bin/sh -c "$2"; fi; exec su -s /bin/sh -c "$2" "$1"' sh \#(user) '\#(code)'"#
    case .su:
      // What was printed to standard error before the marker is the login shell's noise, and no prompt.
      return #"/bin/sh -c 'echo \#(marker) >&2; exec "$@"' sh \#(plain) su -s /bin/sh -c "#
        + "'\(code)' \(user)"
    }
  }

  /// The command line of a shell for a program that came to its user on a terminal, and goes on without it: nothing
  /// that it starts can ask there, and a connection that is lost ends none of it. Standard error would come in between
  /// what is framed.
  private static func detached(_ code: String) -> String {
    let detach =
      #"if command -v setsid >/dev/null 2>&1; then setsid /bin/sh -c "$1"; else trap "" HUP; eval "$1"; fi"#
    return "/bin/sh -c '\(detach)' sh 'exec 2>/dev/null; \(code)'"
  }
}
