/// What the login shell of a host's user can do to the programs that are sent there.
package enum LoginShell {
  /// Where to look when it ended by itself, and not even the first word came from what it was to run.
  package static let advice =
    "Look for an exit in the files that it reads even for a command (~/.bashrc, ~/.zshenv, config.fish), "
    + "for a shell that runs no commands (nologin in /etc/passwd), and for a forced command (ForceCommand in "
    + "sshd_config, command= in ~/.ssh/authorized_keys)"
}

extension ProgramError {
  /// The login shell ended by itself, and nothing was heard of what it was to run.
  ///
  /// - Parameter words: What it said.
  static func loginShellEnded(of become: Become, _ status: ExitStatus, words: String) -> ProgramError {
    ProgramError(
      "the login shell of \(become.login) on \(become.host) ended (\(status.words)) before the program ran"
        + (words.isEmpty ? "" : ", and said \"\(words)\"") + ". " + LoginShell.advice)
  }
}
