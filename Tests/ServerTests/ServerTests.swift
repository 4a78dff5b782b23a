import MartletCore
import MartletEngine
import MartletLab
import MartletTesting
import MartletTransports
import Testing

/// Tasks and runs on real servers, over real SSH. They share one lab, so they run one after the other.
@Suite(.serialized, .disabled(if: Lab.skipReason() != nil, "\(Lab.skipReason() ?? "")"))
enum ServerTests {}

/// A fresh lab server, with what a test wants to do to it.
struct Server {
  static let lab = Lab.forTests("server")
  let number: Int

  /// A server as debootstrap left it, with sshd and nothing of an earlier test.
  static func fresh(_ number: Int = 1) async throws -> Server {
    try await lab.up(number...number)
    try await lab.reset(number)
    // The boot goes on after sshd is up, and still writes files.
    _ = try await lab.exec(
      number,
      [
        "timeout", "10", "sh", "-c",
        "until systemctl is-system-running | grep -qE 'running|degraded'; do sleep 0.1; done",
      ])
    return Server(number: number)
  }

  var name: String { "lab\(number)" }

  /// The server in the words of an inventory.
  func host(user: String = "root") throws -> InventoryHost {
    var host = InventoryHost(name: name, groups: ["web"])
    host.connection.address = try Server.lab.host(number).address
    host.connection.user = user
    host.connection.keys = [Server.lab.privateKey]
    host.connection.knownHosts = [Server.lab.knownHosts]
    return host
  }

  /// Runs a play on the server.
  func run(
    user: String = "root", become: PlayUser = .root, password: Secret? = nil,
    options: RunOptions = RunOptions(),
    vars: [String: InventoryVariable] = [:], file: String = #fileID, line: Int = #line,
    @StepsBuilder tasks: @escaping @Sendable () throws -> Steps
  ) async throws -> Run {
    try await run(
      Plays(items: [Play("Test", on: "all", become: become, file: file, line: line, tasks: tasks)]),
      user: user, password: password, options: options)
  }

  /// Runs a playbook's plays on the server.
  func run(
    _ plays: Plays, user: String = "root", password: Secret? = nil, options: RunOptions = RunOptions(),
    vars: [String: InventoryVariable] = [:], events: RecordedEvents = RecordedEvents()
  ) async throws -> Run {
    var host = try host(user: user)
    host.connection.becomePassword = password
    host.vars = vars
    let engine = Engine(transport: SSHTransport(configuration: "none"), options: options, sink: events)
    let inventory = Inventory(hosts: [host], groups: ["web": [name]])
    let code = await engine.run(plays, named: "Test", inventory: inventory)
    return Run(code: code, events: events, recap: events.recaps[name] ?? HostRecap())
  }

  /// What a program on the server says, asked without SSH and without Martlet.
  func ask(_ argv: String...) async throws -> String {
    let result = try await Server.lab.exec(number, argv)
    return result.text.trimmed
  }

  /// Takes down what every file of the server is like, logs and logins aside.
  func setMark() async throws { _ = try await ask("sh", "-c", "\(Self.listing) >/run/mark") }

  /// What is different since the mark was set, file by file.
  func filesChangedSinceMark() async throws -> String {
    try await ask("sh", "-c", "\(Self.listing) | diff /run/mark - | grep '^[<>]'")
  }

  private static let listing = """
    find / -xdev \\( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /var/log \
    -o -path /var/lib/systemd \\) -prune -o -type d -printf '%p %y %m %u %g\\n' \
    -o -printf '%p %y %m %u %g %s %T@ %l\\n' | sort
    """
}

/// How a run ended.
struct Run {
  var code: Int32
  var events: RecordedEvents
  var recap: HostRecap

  /// What stopped the host, in one text for a test's message.
  var failure: String {
    events.failures.map { "\($0.message)\n\($0.output.joined(separator: "\n"))" }.joined()
  }
}

/// The proof that a task owes: check mode touches nothing, the first run changes, the second changes nothing, in
/// one exchange.
@discardableResult
func prove(
  on server: Server, exchanges: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation,
  @StepsBuilder _ tasks: @escaping @Sendable () throws -> Steps
) async throws -> Run {
  var options = RunOptions()
  options.check = true
  try await server.setMark()
  let check = try await server.run(options: options, tasks: tasks)
  #expect(check.failure == "", "check mode", sourceLocation: sourceLocation)
  #expect(check.recap.changed > 0, "check mode predicts no change", sourceLocation: sourceLocation)
  let written = try await server.filesChangedSinceMark()
  #expect(written == "", "check mode wrote", sourceLocation: sourceLocation)
  let first = try await server.run(tasks: tasks)
  #expect(first.failure == "", "first run", sourceLocation: sourceLocation)
  #expect(first.code == 0, sourceLocation: sourceLocation)
  #expect(first.recap.changed > 0, "the first run changed nothing", sourceLocation: sourceLocation)
  if let exchanges { #expect(first.recap.exchanges <= exchanges, sourceLocation: sourceLocation) }
  try await server.setMark()
  let second = try await server.run(tasks: tasks)
  #expect(second.failure == "", "second run", sourceLocation: sourceLocation)
  #expect(second.recap.changed == 0, "\(second.events.plans)", sourceLocation: sourceLocation)
  #expect(second.recap.exchanges == 1, sourceLocation: sourceLocation)
  let rewritten = try await server.filesChangedSinceMark()
  #expect(rewritten == "", "a no-op wrote", sourceLocation: sourceLocation)
  return first
}

typealias SourceLocation = Testing.SourceLocation
