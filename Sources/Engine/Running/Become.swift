internal import MartletCore

/// How the programs of a host become the user whom they run as.
///
/// Every login shell understands the command lines alike: plain words and single quotes only.
enum Become: Sendable {
  /// As the one who logged in.
  case none
  /// As root by sudo, without a password.
  case sudo
  /// As root by sudo, which may ask for this password.
  case sudoWithPassword(Secret)

  /// - Parameters:
  ///   - host: What inventory and command line say.
  ///   - play: What the play says.
  init(_ host: ConnectionSettings, play: Bool) {
    // Root has no one to become; a sudo that isn't installed must not be in the way.
    if host.loginUser == "root" || !(host.become ?? play) {
      self = .none
    } else if let password = host.becomePassword {
      self = .sudoWithPassword(password)
    } else {
      self = .sudo
    }
  }

  /// The command line that runs shell code read from standard input.
  ///
  /// `eval "$(cat)"` reads all of it before any of it runs, so no child can eat the rest of the program.
  func commandLine(marker: String) -> String { wrap(#"eval "$(cat)""#, marker: marker) }

  /// The command line for code that reads its own standard input; the code has no single quotes in it.
  func commandLine(running code: String, marker: String) -> String { wrap(code, marker: marker) }

  private func wrap(_ code: String, marker: String) -> String {
    switch self {
    case .none: "/bin/sh -c '\(code)'"
    case .sudo: "sudo -n -- /bin/sh -c '\(code)'"
    case .sudoWithPassword:
      "sudo -S -p '\(Self.prompt(marker))' -- /bin/sh -c 'echo; echo \(marker) ready; \(code)'"
    }
  }

  /// What sudo prints when it wants the password: a nonce, so that nothing else is taken for it.
  static func prompt(_ marker: String) -> String { "\(marker)-password:" }
}

/// Why a program could not run as the user whom it should run as.
enum BecomeError: Error, CustomStringConvertible {
  case wrongPassword
  case failed(String)

  var description: String {
    switch self {
    case .wrongPassword:
      "sudo refused the password: give the right one at --ask-become-pass"
    case .failed(let text):
      text
    }
  }

  /// What sudo's own words mean, if it was sudo that failed.
  init?(become: Become, status: ExitStatus, errorOutput: String) {
    guard case .none = become else {
      let text = errorOutput.lowercased()
      if text.contains("password is required") || text.contains("terminal is required")
        || text.contains("a password is needed") || text.contains("authentication required")
      {
        self = .failed(
          "sudo wants a password and none was given: run with --ask-become-pass, or allow the user to "
            + "run everything without one (NOPASSWD: ALL in sudoers)")
      } else if text.contains("not in the sudoers") || text.contains("may not run sudo")
        || text.contains("not allowed to")
      {
        self = .failed(
          "sudo doesn't allow this user to become root: add it to sudoers, as in \"USER ALL=(ALL) ALL\"")
      } else if text.contains("not found"), text.contains("sudo") {
        self = .failed("there is no sudo on the host: log in as root, or install it")
      } else {
        return nil
      }
      return
    }
    return nil
  }
}
