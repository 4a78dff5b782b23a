import Foundation
import Subprocess

#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// A folder with a cache of its own, in which a test runs the built `martlet`.
final class Workbench: Sendable {
  let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Where the programs of this package were built: beside the tests.
  static let products = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().path
  static let martlet = products + "/martlet"

  func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: folder + "/" + name))
  }

  struct Outcome {
    var code: Int32
    var output: String
    var errors: String
  }

  /// Runs `martlet` here to its end; a program that takes longer than a minute is killed.
  func martlet(_ arguments: [String], environment: [String: String] = [:]) async throws -> Outcome {
    try await run(Self.martlet, arguments, environment: environment)
  }

  func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) async throws
    -> Outcome
  {
    var variables: [Environment.Key: String?] = ["XDG_CACHE_HOME": folder + "/cache", "NO_COLOR": "1"]
    for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
    let settings = Environment.inherit.updating(variables)
    let result = try await Subprocess.run(
      .path("/usr/bin/timeout"), arguments: Arguments(["-s", "KILL", "60", program] + arguments),
      environment: settings, workingDirectory: FilePath(folder), output: .string(limit: 1 << 20),
      error: .string(limit: 1 << 20))
    let code: Int32 =
      switch result.terminationStatus {
      case .exited(let code): code
      case .signaled(let signal): -signal
      }
    return Outcome(code: code, output: result.standardOutput, errors: result.standardError)
  }

  /// The programs in the cache.
  var cached: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder + "/cache/martlet"))?.sorted() ?? []
  }
}
