package import ArgumentParser
package import MartletCore

/// The options that say whom to be on the hosts: the same for every command that can be another user there than the one
/// who logged in.
package struct BecomeOptions: ParsableArguments {
  @Flag(
    inversion: .prefixedNo, exclusivity: .exclusive,
    help: "Become another user, root if none is named, or don't, whatever the inventory and the playbook say."
  )
  package var become: Bool?

  @Option(
    help: ArgumentHelp(
      "Become this user, whatever the inventory and the playbook say.", valueName: "name"))
  package var becomeUser: String?

  @Option(
    help: ArgumentHelp(
      "Become another user by sudo, su or doas, whatever the inventory says.", valueName: "method"),
    transform: { word in
      guard let method = BecomeMethod(rawValue: word) else {
        throw ValidationError("\"\(word)\" is none of sudo, su and doas")
      }
      return method
    })
  package var becomeMethod: BecomeMethod?

  @Flag(
    name: [.customShort("K"), .customLong("ask-become-pass")],
    help: "Ask once, before anything runs, for the password that sudo, su or doas wants.")
  package var asksPassword = false

  package init() {}

  package func validate() throws {
    guard let becomeUser else { return }
    if let problem = PlayUser.problem(withName: becomeUser) {
      throw ValidationError("--become-user: \(problem)")
    }
    guard become != false else {
      throw ValidationError("--become-user and --no-become contradict each other")
    }
  }

  /// Lays over what the inventory says of a host what the options say.
  ///
  /// - Parameter password: What was answered to `--ask-become-pass`.
  package func apply(to host: inout InventoryHost, password: Secret? = nil) {
    if let become { host.connection.become = become }
    if let becomeUser {
      host.connection.become = true
      host.connection.becomeUser = becomeUser
    }
    if let becomeMethod { host.connection.becomeMethod = becomeMethod }
    if let password { host.connection.becomePassword = password }
  }

  /// Asks for the password of `--ask-become-pass` if it is given.
  ///
  /// - Parameter login: The password to log in with, if there is one; an empty answer means the same.
  package func askPassword(otherwise login: Secret?) throws -> Secret? {
    guard asksPassword else { return nil }
    let hint = login == nil ? "" : " (empty: the same)"
    return try PasswordPrompt.ask("Password for sudo, su or doas on the hosts\(hint): ", whenEmpty: login)
  }

  /// The same options as words of a command line.
  package var commandLine: [String] {
    (become.map { [$0 ? "--become" : "--no-become"] } ?? [])
      + (becomeUser.map { ["--become-user=\($0)"] } ?? [])
      + (becomeMethod.map { ["--become-method=\($0.rawValue)"] } ?? [])
      + (asksPassword ? ["--ask-become-pass"] : [])
  }
}
