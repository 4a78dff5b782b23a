internal import ArgumentParser
public import MartletCore
internal import MartletEngine
internal import MartletReports
internal import Synchronization

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension Playbook {
  /// The program of a playbook: reads the command line, runs the plays and ends with the exit code.
  ///
  /// It is 0 if all went well, 1 if a task failed, 4 if a host could not be reached, 64 if the command line, the
  /// playbook or the inventory is wrong, 130 if the run was interrupted.
  public static func main() async {
    let options = PlaybookArguments.parseOrExit().options
    let environment = ProcessInfo.processInfo.environment
    let report = Report.choose(json: options.json, verbose: options.verbose, environment: environment)
    let run = Mutex<_Concurrency.Task<Int32, Never>?>(nil)
    Interruption.watch {
      guard let task = run.withLock({ $0 }) else { Interruption.endBeforeAnythingRuns() }
      report.sink.receive(
        .warning(host: nil, message: "interrupted: hosts end what they are at; once more to stop at once"))
      task.cancel()
    } last: {
      report.close()
    }
    let prepared: PlaybookRun
    do {
      prepared = try prepare(options, report)
    } catch {
      write("error: \(error)")
      exit(64)
    }
    let task = _Concurrency.Task { await prepared.perform(reportingTo: report.sink) }
    run.withLock { $0 = task }
    let code = await task.value
    report.close()
    exit(code)
  }

  private static func prepare(_ options: RunCommandOptions, _ report: Report) throws -> PlaybookRun {
    var warnings: [String] = []
    let plays = Self().plays
    let patterns = plays.items.map(\.pattern)
    var inventory = try InventoryChoice.load(options.connection.inventories, for: patterns) {
      warnings.append($0)
    }
    inventory.addLocalHost(ifNamedBy: patterns)
    let password = try options.connection.askPassword()
    options.apply(
      to: &inventory, password: password,
      becomePassword: try options.become.askPassword(otherwise: password))
    var run = PlaybookRun(
      plays: plays, name: "\(Self.self)", options: options.runOptions, inventory: inventory,
      transport: options.connection.hostTransport(whileAsking: report.pause))
    run.warnings = warnings
    run.secrets = .process
    return run
  }

  private static func write(_ text: String) { StandardError.tell(text) }
}

/// The command line of a playbook's program.
struct PlaybookArguments: ParsableCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      commandName: name, abstract: "Bring hosts into the state that the playbook describes.",
      version: MartletVersion.current)
  }

  /// What the program was called: its file's name, or `martlet apply site.swift`, which stands in front of it.
  private static var name: String {
    let word = CommandLine.arguments.first ?? "playbook"
    if word.hasPrefix("martlet apply ") { return word }
    return word.split(separator: "/").last.map(String.init) ?? word
  }

  @OptionGroup var options: RunCommandOptions
}
