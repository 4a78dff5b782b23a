import ArgumentParser
import Foundation
import MartletSSHConfig

/// `martlet ssh-config HOST`: what the SSH configuration says of a host.
struct SSHConfigCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ssh-config", abstract: "Show what ~/.ssh/config says of a host.",
    discussion: """
      Prints every option in the form of ssh -G HOST. The exit code is 0, or 64 if the configuration is one that ssh \
      would refuse.
      """)

  @Argument(
    help: ArgumentHelp(
      "A host as ssh takes it: a name, user@name or ssh://user@name:port.", valueName: "host"))
  var destination: String

  @Option(
    name: .customShort("F"),
    help: ArgumentHelp(
      "This file instead of ~/.ssh/config and the system's; none for no file.", valueName: "file"))
  var file: String?

  @Option(
    name: .customShort("o"),
    help: ArgumentHelp("An option that wins over the files (may be repeated).", valueName: "option=value"))
  var options: [String] = []

  @Option(name: .customShort("l"), help: ArgumentHelp("Who to log in as.", valueName: "user"))
  var user: String?

  @Option(name: .customShort("p"), help: ArgumentHelp("The port.", valueName: "port"))
  var port: Int?

  func run() async throws {
    guard let named = SSHConfig.destination(destination) else {
      throw ValidationError("“\(destination)” is no host: write a name, user@name or ssh://user@name:port")
    }
    let choice: SSHConfig.FileChoice =
      switch file {
      case nil: .standard
      case let file? where file.lowercased() == "none": .none
      case let file?: .file(file)
      }
    do {
      let config = try SSHConfig.load(user: choice, overrides: options)
      let dump = try await config.dump(for: named.host, user: user ?? named.user, port: port ?? named.port)
      print(dump, terminator: "")
    } catch {
      FileHandle.standardError.write(Data("error: \(error)\n".utf8))
      throw ExitCode(64)
    }
  }
}
