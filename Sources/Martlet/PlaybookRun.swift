package import MartletCore
package import MartletEngine
internal import MartletReports

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// One run of a playbook as the command line asks for it.
package struct PlaybookRun: Sendable {
  /// What is run.
  package var plays: Plays
  /// What it is called in reports.
  package var name: String
  package var options: RunOptions
  package var inventory: Inventory
  /// What the user should know before it begins.
  package var warnings: [String] = []
  /// What is taken out of all that is shown.
  package var secrets = KnownSecrets()
  /// How hosts are reached.
  package var transport: any Transport

  package init(
    plays: Plays, name: String, options: RunOptions, inventory: Inventory,
    transport: any Transport
  ) {
    self.plays = plays
    self.name = name
    self.options = options
    self.inventory = inventory
    self.transport = transport
  }

  /// Carries it out.
  ///
  /// - Returns: The exit code, as the engine gives it.
  package func perform(reportingTo sink: any EventSink) async -> Int32 {
    for warning in warnings { sink.receive(.warning(host: nil, message: secrets.redact(warning))) }
    var engine = Engine(transport: transport, options: options, sink: sink)
    engine.secrets = secrets
    return await engine.run(plays, named: name, inventory: inventory)
  }
}

/// The report that fits the options and what standard output is.
struct Report: Sendable {
  let sink: any EventSink
  /// Keeps what is only for the time of the run off the terminal while somebody is asked there, and lets it on again.
  var pause: @Sendable (_ isPaused: Bool) -> Void = { _ in }
  /// Takes away what is only for the time of the run.
  let close: @Sendable () -> Void

  /// - Parameters:
  ///   - json: Whether programs read it.
  ///   - verbose: Whether everything is shown.
  static func choose(json: Bool, verbose: Bool, environment: [String: String]) -> Report {
    if json { return Report(sink: JSONReport(), close: {}) }
    if let terminal = Terminal.standardOutput(environment: environment) {
      let report = LiveReport(on: terminal, verbose: verbose)
      return Report(sink: report, pause: { report.pause($0) }, close: { report.close() })
    }
    return Report(sink: PlainReport(verbose: verbose), close: {})
  }
}
