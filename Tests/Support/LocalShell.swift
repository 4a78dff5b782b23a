public import MartletCore
internal import Subprocess

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(System)
  import System
#else
  import SystemPackage
#endif

/// A POSIX shell of this machine, to try out what is meant for hosts.
public enum LocalShell: String, CaseIterable, Sendable {
  case dash, bash, busybox

  /// What a script printed and how it ended.
  public struct Result: Sendable {
    public var status: Int
    public var output: [UInt8]
    public var errors: String

    public var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// Runs a script the way hosts get theirs: read whole, then evaluated, children without input.
  ///
  /// BusyBox's shell finds BusyBox's own applets, so that its `stat` and `find` are tried too.
  ///
  /// - Parameters:
  ///   - script: The script.
  ///   - user: A user's number to run as; nil for this process's own.
  public func run(_ script: ShellCommand, as user: Int? = nil) async throws -> Result {
    try await run(script, as: user, environment: [:])
  }

  /// Runs a script with variables in its environment.
  public func run(
    _ script: ShellCommand, as user: Int? = nil, environment variables: [String: String]
  ) async throws -> Result {
    var words = self == .busybox ? ["busybox", "sh"] : [rawValue]
    // From a file: swift-subprocess 1.0 stops the program when a child ends without having read its input.
    let folder = try TemporaryFolder()
    try folder.write("script", "{ \(script.text)\n} </dev/null\n")
    words += ["-c", #"eval "$(cat "$0")""#, folder.path + "/script"]
    if let user {
      words = ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"] + words
    }
    var path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    if self == .busybox { path = try await Self.applets.value + ":" + path }
    let all = variables.merging(["PATH": path, "LC_ALL": "C", "HOME": "/"]) { $1 }
    let pairs = all.map { (Environment.Key(stringLiteral: $0.key), $0.value) }
    let result = try await Subprocess.run(
      words[0].hasPrefix("/") ? .path(FilePath(words[0])) : .name(words[0]),
      arguments: Arguments(Array(words.dropFirst())),
      environment: .custom(Dictionary(uniqueKeysWithValues: pairs)),
      output: .bytes(limit: 64 << 20), error: .string(limit: 1 << 20))
    var status = -1
    if case .exited(let code) = result.terminationStatus { status = Int(code) }
    return Result(status: status, output: result.standardOutput, errors: result.standardError)
  }

  /// A folder with a symbolic link to BusyBox for each of its applets.
  private static let applets = Task<String, any Error> {
    let folder = FileManager.default.temporaryDirectory.path + "/martlet-busybox-applets"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    _ = try await Subprocess.run(
      .name("busybox"), arguments: ["--install", "-s", folder], output: .discarded)
    return folder
  }
}

/// A new folder of this machine, gone with the value.
public final class TemporaryFolder: Sendable {
  public let path: String

  /// - Parameter mode: Its permission bits; 0755, so that another user can be tried too.
  public init(mode: Int = 0o755) throws {
    path = FileManager.default.temporaryDirectory.path + "/martlet-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// A path inside the folder.
  public func remote(_ name: String) -> RemotePath { RemotePath(path) / name }

  /// Writes a file of the folder, with the folders above it.
  public func write(_ name: String, _ text: String, mode: Int = 0o644) throws {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)]), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
  }

  /// What a file of the folder holds.
  public func read(_ name: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)), as: UTF8.self)
  }
}

extension LocalShell {
  /// Asks for facts as a look does, and reads the answers.
  public func ask<F: ProbedFact>(
    _ facts: [F], _ options: LookOptions = LookOptions(), as user: Int? = nil
  ) async throws -> [F: F.Value] {
    let result = try await run(F.probe(facts, options), as: user)
    return try F.parse(ProbeOutput(result.output), for: facts)
  }
}
