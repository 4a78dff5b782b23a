import ArgumentParser
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
}
