import ArgumentParser
import Foundation
import Martlet
import MartletLab

/// The command `martlet`. A command of its own is one more file here and one more name below.
@main struct MartletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet", abstract: "Provision servers and deploy to them over SSH.",
    version: MartletVersion.current,
    subcommands: [
      ApplyCommand.self, GetCommand.self, PutCommand.self, InventoryCommand.self, TunnelCommand.self,
      SSHConfigCommand.self, LabCommand.self,
    ])

  static func main() async {
    if let word = CommandLine.arguments.dropFirst().first, let problem = problem(withCommand: word) {
      FileHandle.standardError.write(Data("error: \(problem)\n".utf8))
      exit(withError: ExitCode(64))
    }
    await main(nil)
  }

  /// What is wrong with the first word, if it is neither a command nor an option: the parser itself would speak of
  /// unexpected arguments.
  static func problem(withCommand word: String) -> String? {
    let commands = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
    guard !word.hasPrefix("-"), !word.isEmpty, !commands.contains(word) else { return nil }
    if word.hasSuffix(".swift") { return "\(word) is no command; to run the playbook: martlet apply \(word)" }
    let hint = suggestion(for: word, among: commands)
    return "there is no command \"\(word)\"\(hint.isEmpty ? ": see martlet --help" : hint)"
  }
}
