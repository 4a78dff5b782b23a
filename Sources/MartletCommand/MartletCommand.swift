import ArgumentParser
import MartletLab

@main struct MartletCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet", abstract: "Provision servers and deploy to them over SSH.",
    subcommands: [LabCommand.self])
}
