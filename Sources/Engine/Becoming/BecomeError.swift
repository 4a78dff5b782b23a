internal import MartletCore

/// Why programs can't run as the user whom they should run as, and what to do about it.
struct BecomeError: Error, CustomStringConvertible {
  let description: String
  /// Whether it can be otherwise on a terminal.
  let wantsTerminal: Bool

  /// - Parameters:
  ///   - reason: The end of the sentence, with what to do.
  ///   - wantsTerminal: Whether it can be otherwise on a terminal.
  init(_ become: Become, _ reason: String, wantsTerminal: Bool = false) {
    self.wantsTerminal = wantsTerminal && !become.usesTerminal
    description =
      "\(become.login) can't become \(become.user) on \(become.host) by \(become.tool): \(reason)"
  }

  /// The password was refused. It is never tried again.
  ///
  /// - Parameter account: Whose password was asked for, if that is known.
  static func wrongPassword(_ become: Become, account: String?) -> BecomeError {
    let owner = become.method == .su ? become.user : account ?? become.login
    var reason = "\(become.tool) refused the password of \(owner); it was tried once only. "
    if owner != become.login, become.method == .sudo {
      reason +=
        "The host's sudoers wants this password and not \(become.login)'s (targetpw, rootpw or runaspw). "
    }
    return BecomeError(
      become,
      reason + "Give the right one at --ask-become-pass, or as become_password of the host in the inventory")
  }

  /// Whether a tool that ended by itself says that the password which it got was wrong.
  static func isRefusal(_ errorOutput: String) -> Bool {
    let text = errorOutput.lowercased()
    return [
      "authentication failure", "incorrect password", "incorrect authentication attempt", "su: sorry",
      "doas: authentication failed",
    ].contains { text.contains($0) }
  }

  static func missingPassword(_ become: Become) -> BecomeError {
    let give = "give it at --ask-become-pass, or as become_password of the host in the inventory"
    switch become.method {
    case .su: return BecomeError(become, "su wants the password of \(become.user): " + give)
    case .doas:
      return BecomeError(
        become,
        "doas wants a password: \(give); or do without one by this line in /etc/doas.conf: "
          + doasLine(become, "nopass "))
    case .sudo, .none:
      return BecomeError(
        become,
        "sudo wants a password: \(give); or do without one by this line, added with visudo: "
          + "\(become.login) ALL=(ALL:ALL) NOPASSWD: ALL")
    }
  }

  /// There is a password, and no terminal to give it on.
  static func missingTerminal(_ become: Become) -> BecomeError {
    BecomeError(
      become,
      "doas reads a password only from a terminal, which can't be had here: do without one by this line in "
        + "/etc/doas.conf: \(doasLine(become, "nopass "))")
  }

  /// - Parameter question: What the tool printed last, and no line break after it.
  static func timeout(_ become: Become, question: String) -> BecomeError {
    let seconds = become.timeout.components.seconds
    let last = question.isEmpty ? "" : "; it may be waiting for an answer to \"\(question.suffix(200))\""
    return BecomeError(
      become,
      "\(become.tool) did not come to an end within \(seconds) s\(last). "
        + "Where it is only slow, give it longer by become_timeout in the inventory")
  }

  /// What the tool's own words mean, if it was the tool that failed.
  init?(become: Become, errorOutput: String) {
    guard become.method != .none else { return nil }
    let text = errorOutput.lowercased()
    func says(_ words: String...) -> Bool { words.contains { text.contains($0) } }
    let own = "\(become.login) ALL=(\(become.user == "root" ? "root" : become.user)) NOPASSWD: /bin/sh"
    if says(
      "\(become.tool): not found", "'\(become.tool)': no such file", "can't execute '\(become.tool)'",
      "\(become.tool): no such file")
    {
      let other =
        become.method == .su ? "sudo" : "su, which wants \(become.user)'s password"
      self.init(become, "there is no \(become.tool) on the host: install it, or use become_method: \(other)")
    } else if says(
      "unknown user", "does not exist", "user '\(become.user.lowercased())' not found", "unknown login")
    {
      self.init(become, "there is no user \(become.user) on the host")
    } else if says("must have a tty", "standard in must be a tty", "must be run from a terminal") {
      self.init(
        become,
        become.method == .su
          ? "this su works only on a terminal: use sudo (become_method: sudo)"
          : "the host's sudoers wants a terminal (requiretty): add this line with visudo: "
            + "Defaults:\(become.login) !requiretty",
        wantsTerminal: become.method == .sudo)
    } else if become.method == .doas {
      guard let line = Self.lastWords(errorOutput, of: "doas") else { return nil }
      if says("authentication required", "authorization required", "tty is required") {
        self = .missingPassword(become)
      } else if says("operation not permitted", "not enabled") {
        self.init(
          become,
          "doas.conf doesn't let \(become.login) do it: add this line to /etc/doas.conf: "
            + Self.doasLine(become, become.password == nil ? "nopass " : ""))
      } else {
        self.init(become, "it says \"\(line)\"")
      }
    } else if says(
      "password is required", "terminal is required", "password is needed", "authentication required",
      "authentication is required")
    {
      self = .missingPassword(become)
    } else if says("not in the sudoers", "may not run sudo") {
      self.init(
        become,
        "sudoers doesn't name \(become.login): add this line with visudo: \(become.login) ALL=(ALL:ALL) "
          + (become.password == nil ? "NOPASSWD: ALL" : "ALL"))
    } else if says("not allowed to execute", "i'm afraid i can't do that", "not allowed to run") {
      self.init(
        become,
        "sudoers doesn't let \(become.login) run /bin/sh as \(become.user), which carries out all programs: "
          + "add this line with visudo: \(own)")
    } else if let line = Self.lastWords(errorOutput, of: become.tool) {
      self.init(become, "it says \"\(line)\"")
    } else {
      return nil
    }
  }

  private static func doasLine(_ become: Become, _ option: String) -> String {
    "permit \(option)\(become.login) as \(become.user)"
  }

  /// The last line that begins with the tool's name.
  private static func lastWords(_ text: String, of tool: String) -> String? {
    text.split(separator: "\n").map(\.trimmed).last {
      $0.hasPrefix("\(tool):") || $0.hasPrefix("\(tool)-rs:")
    }
    .map { String($0.prefix(300)) }
  }
}
