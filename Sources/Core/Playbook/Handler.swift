/// Something to be done once, at the end of a play, if a task that notifies it changed something.
///
///     let reload = Handler("reload nginx", run: "systemctl reload nginx")
///     File("/etc/nginx/conf.d/shop.conf", content: text).notify(reload)
///
/// Its name is how the host remembers that it is due, also from one run to the next: two handlers of one
/// play with the same name must do the same.
public struct Handler: Sendable {
  /// What it is called in reports.
  public let name: String
  package let actions: [Action]

  public init(_ name: String, _ actions: [Action]) {
    self.name = name
    self.actions = actions
  }

  /// A handler that is one command.
  public init(_ name: String, run command: ShellCommand) { self.init(name, [.run(command)]) }

  /// The name of the file that marks it as due on a host.
  package var marker: String { String(SHA256.hex(name).prefix(24)) }
}
