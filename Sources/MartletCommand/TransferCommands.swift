import ArgumentParser
import Foundation
import Martlet
import MartletCore

/// `martlet get HOST:PATH LOCAL`.
struct GetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get", abstract: "Copy a file or a folder from a host.",
    discussion: """
      HOST is a host of the inventory, or any other that ssh reaches as [USER@]NAME; with a port it is [NAME:PORT]. A \
      pattern or a group gives each of its hosts a folder of its own: LOCAL/HOST/NAME. A path without / in front \
      starts from the home folder there. Another user's files are read with --become or what the inventory says of it, \
      as martlet apply does it; a home folder is then that user's.

      LOCAL is what the copy is to be called; with a / at its end, or as . and .., it is the folder to put it into. A \
      file is replaced at once when all of it is here; a folder that is there is joined with what \
      comes, and what it has besides stays.

      The exit code is 0 if all went well, 1 if a transfer failed, 4 if a host could not be reached, 64 if the command \
      line is wrong, 130 if it was interrupted.
      """)

  @Argument(help: ArgumentHelp("What to copy: HOST:PATH.", valueName: "host:path"))
  var remote: String

  @Argument(help: "Where to.")
  var local = "."

  @OptionGroup var arguments: TransferArguments

  func run() async throws { try await transfer(.get, remote: remote, local: local, arguments) }
}

/// `martlet put LOCAL HOST:PATH`.
struct PutCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "put", abstract: "Copy a file or a folder to one or more hosts.",
    discussion: """
      HOST is a host, a pattern or a group of the inventory, or any other host that ssh reaches as [USER@]NAME; with \
      a port it is [NAME:PORT]. A path without / in front starts from the home folder there. Another \
      user's files are written with --become or what the inventory says of it, as martlet apply does it; a home folder \
      is then that user's.

      PATH is what the copy is to be called; with a / at its end it is the folder to put it into. A file is replaced \
      at once when all of it is there; a folder that is there is joined with what comes, and what \
      it has besides stays.

      The exit code is 0 if all went well, 1 if a transfer failed, 4 if a host could not be reached, 64 if the command \
      line is wrong, 130 if it was interrupted.
      """)

  @Argument(help: "What to copy.")
  var local: String

  @Argument(help: ArgumentHelp("Where to: HOST:PATH.", valueName: "host:path"))
  var remote: String

  @OptionGroup var arguments: TransferArguments

  func run() async throws { try await transfer(.put, remote: remote, local: local, arguments) }
}

private func transfer(
  _ direction: TransferRun.Direction, remote: String, local: String, _ arguments: TransferArguments
) async throws {
  let run: TransferRun
  do {
    run = try TransferRun(direction, remote: remote, local: local, arguments)
  } catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    throw ExitCode(64)
  }
  let code = await run.perform()
  if code != 0 { throw ExitCode(code) }
}
