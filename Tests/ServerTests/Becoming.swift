import MartletCore
import MartletEngine
import MartletTasks
import MartletTesting
import MartletTransports

extension Server {
  /// Runs plays with what an inventory may say of becoming another user.
  func run(
    _ plays: Plays, user: String, verbose: Bool = false, settings: (inout ConnectionSettings) -> Void
  ) async throws -> Run {
    var host = try host(user: user)
    settings(&host.connection)
    var options = RunOptions()
    options.verbose = verbose
    let events = RecordedEvents()
    let engine = Engine(transport: SSHTransport(configuration: "none"), options: options, sink: events)
    let code = await engine.run(plays, named: "Test", inventory: Inventory(hosts: [host]))
    return Run(code: code, events: events, recap: events.recaps[name] ?? HostRecap())
  }

  /// Who a play is that becomes another user, or why it can't.
  func becoming(
    _ play: PlayUser = .root, from user: String, settings: (inout ConnectionSettings) -> Void = { _ in }
  ) async throws -> String {
    let plays = Plays(items: [
      Play("Test", on: "all", become: play) { Command("echo I am $(id -un) at $HOME").named("who") }
    ])
    let run = try await run(plays, user: user, verbose: true, settings: settings)
    if run.code != 0 { return run.failure }
    let said = run.events.all.compactMap { event in
      if case .output(_, _, let text) = event { text.trimmed } else { nil }
    }
    return said.joined()
  }

  func shell(_ script: String) async throws -> String { try await ask("sh", "-c", script) }

  /// The messages of the server's journal so far, or those of some programs.
  func journal(_ tags: String...) async throws -> String {
    try await shell("journalctl --sync; journalctl -o cat \(tags.map { "-t \($0)" }.joined(separator: " "))")
  }
}
