import Foundation
internal import Subprocess

#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// A folder with a cache of its own, in which a test runs the built `martlet`.
public final class Workbench: Sendable {
  public let folder: String

  public init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Where the programs of this package were built: beside the tests.
  public static let products = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().path
  /// The command.
  public static let martlet = products + "/martlet"

  /// Writes a file of the folder.
  public func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(filePath: folder + "/" + name))
  }

  /// How a program ended and what it printed; a signal's number is negative.
  public struct Outcome: Sendable {
    public var code: Int32
    public var output: String
    public var errors: String
  }

  /// Runs `martlet` here to its end; a program that takes longer than two minutes is killed.
  public func martlet(_ arguments: [String], environment: [String: String] = [:]) async throws -> Outcome {
    try await run(Self.martlet, arguments, environment: environment)
  }

  /// Runs a program here, likewise.
  public func run(
    _ program: String, _ arguments: [String], environment: [String: String] = [:]
  ) async throws -> Outcome {
    var variables: [Environment.Key: String?] = ["XDG_CACHE_HOME": folder + "/cache", "NO_COLOR": "1"]
    for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
    let settings = Environment.inherit.updating(variables)
    let result = try await Subprocess.run(
      .path("/usr/bin/timeout"), arguments: Arguments(["-s", "KILL", "120", program] + arguments),
      environment: settings, workingDirectory: FilePath(folder), output: .string(limit: 1 << 20),
      error: .string(limit: 1 << 20))
    let code: Int32 =
      switch result.terminationStatus {
      case .exited(let code): code
      case .signaled(let signal): -signal
      }
    return Outcome(code: code, output: result.standardOutput, errors: result.standardError)
  }

  /// The names of the compiled playbooks in the cache.
  public var cached: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder + "/cache/martlet"))?.sorted() ?? []
  }
}
