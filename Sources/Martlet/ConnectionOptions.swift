package import ArgumentParser
package import MartletCore
internal import MartletLoader
package import MartletTransports

/// The options that say which hosts there are and how they are reached: the same for every command that reaches any.
package struct ConnectionOptions: ParsableArguments {
  @Option(
    name: [.short, .customLong("inventory")],
    help: ArgumentHelp(
      "An inventory file, or a list of hosts with a comma: web1,web2, (may be repeated).",
      discussion: "The default is inventory.yaml in the current folder.", valueName: "file"))
  package var inventories: [String] = []

  @Option(help: ArgumentHelp("Log in as this user, whatever the inventory says.", valueName: "name"))
  package var user: String?

  @Option(help: ArgumentHelp("Log in with this private key, whatever the inventory says.", valueName: "file"))
  package var key: String?

  @Flag(
    name: [.customShort("k"), .customLong("ask-pass")],
    help: "Ask once, before anything runs, for the password to log in with.")
  package var asksPassword = false

  @Option(
    help: ArgumentHelp(
      "Reach the hosts in this way, whatever the inventory says: \(Self.transports.joined(separator: ", ")).",
      valueName: "name"))
  package var transport: String?

  @Option(
    name: [.customShort("F"), .customLong("ssh-config")],
    help: ArgumentHelp(
      "Read this file instead of ~/.ssh/config and the system's; none for no file.", valueName: "file"))
  package var sshConfig: String?

  @Option(
    name: [.customShort("o"), .customLong("ssh-option")],
    help: ArgumentHelp(
      "An option of ssh_config(5) that wins over the files, such as ProxyJump=bastion (may be repeated).",
      valueName: "option=value"))
  package var sshOptions: [String] = []

  @Flag(
    name: .customLong("accept-new-host-keys"),
    help: "Trust the keys of hosts that are not known yet, and write them down.")
  package var acceptsNewHostKeys = false

  package init() {}

  private static let transports = ["auto"] + TransportChoice.names

  package func validate() throws {
    let texts = [("--user", user), ("--key", key), ("--ssh-config", sshConfig)]
    for (name, value) in texts where value?.isEmpty == true { throw ValidationError("\(name) is empty") }
    if let transport, !Self.transports.contains(transport) {
      throw ValidationError(
        "--transport must be one of \(Self.transports.joined(separator: ", ")), not \(transport)")
    }
    for option in sshOptions where !option.contains("=") && !option.contains(" ") {
      throw ValidationError("--ssh-option must be as ProxyJump=bastion, not \(option)")
    }
  }

  /// Lays over what the inventory says of a host what the options say.
  ///
  /// - Parameter password: What was answered to `--ask-pass`.
  package func apply(to host: inout InventoryHost, password: Secret? = nil) {
    if let user { host.connection.user = user }
    if let key { host.connection.keys = [LocalPath.resolve(key, in: "")] }
    if let transport, host.name != TransportChoice.localHost {
      host.connection.transport = TransportChoice(transport)
    }
    host.connection.sshOptions = sshOptions + host.connection.sshOptions
    if acceptsNewHostKeys { host.connection.acceptsNewHostKey = true }
    if let password { host.connection.password = password }
  }

  /// Asks for the password if `--ask-pass` is given.
  package func askPassword() throws -> Secret? {
    asksPassword ? try PasswordPrompt.ask("Password to log in on the hosts: ") : nil
  }

  /// What reaches the hosts, and asks on the terminal what it must know.
  ///
  /// - Parameter whileAsking: Called with true before a question and with false after it, so that nothing else is
  ///   drawn on the terminal meanwhile.
  package func hostTransport(
    whileAsking: @escaping @Sendable (_ isAsking: Bool) -> Void = { _ in }
  ) -> HostTransport {
    HostTransport(
      configuration: sshConfig.map { $0 == "none" ? $0 : LocalPath.resolve($0, in: "") },
      hostKeyQuestions: HostKeyPrompt.onTerminal(whileAsking: whileAsking),
      questions: TerminalQuestions(whileAsking: whileAsking))
  }

  /// The same options as words of a command line.
  package var commandLine: [String] {
    var words: [String] = []
    // With `=`, a value that begins with a dash stays a value.
    func add(_ name: String, _ values: [String]) { words += values.map { "--\(name)=\($0)" } }
    add("inventory", inventories)
    for (name, value) in [
      ("user", user), ("key", key), ("transport", transport), ("ssh-config", sshConfig),
    ] { add(name, value.map { [$0] } ?? []) }
    add("ssh-option", sshOptions)
    words += asksPassword ? ["--ask-pass"] : []
    words += acceptsNewHostKeys ? ["--accept-new-host-keys"] : []
    return words
  }
}
