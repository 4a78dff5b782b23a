import ArgumentParser
import Foundation
import Martlet
import MartletLoader

/// `martlet apply PLAYBOOK`: becomes the playbook's program, which does the rest.
struct ApplyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply", abstract: "Bring hosts into the state that a playbook describes.",
    discussion: """
      The playbook is a single Swift file, which is compiled when it has changed, or a program that was \
      compiled already.

      The exit code is 0 if all went well, 1 if a task failed, 4 if a host could not be reached, 64 if the command \
      line, the playbook or the inventory is wrong, 130 if the run was interrupted.
      """)

  @Argument(help: "A Swift file, or the program of a playbook.")
  var playbook: String

  @OptionGroup var options: RunCommandOptions

  func run() async throws {
    do {
      try ProgramLauncher.become(
        try await program(), name: "martlet apply \(playbook)", arguments: options.commandLine,
        source: playbook.hasSuffix(".swift") ? playbook : nil)
    } catch let error as PlaybookError {
      StandardError.tell("error: \(error)")
      throw ExitCode(64)
    }
  }

  private func program() async throws -> String {
    guard playbook.hasSuffix(".swift") else { return try PlaybookProgram.check(playbook) }
    let environment = ProcessInfo.processInfo.environment
    let library = try PlaybookLibrary.find(executable: ProgramLauncher.ownPath, environment: environment)
    return try await PlaybookCompiler(library: library, environment: environment).program(for: playbook)
  }
}
