import Foundation
import Subprocess
import Testing

#if canImport(System)
  import System
#else
  import SystemPackage
#endif

@testable import MartletSSHConfig

/// The machine's `ssh`, which is asked what it makes of a configuration.
enum InstalledSSH {
  static let path = "/usr/bin/ssh"

  /// What both are run with. ssh takes `~` from the password database, but the one of Include from HOME.
  static func environment(home: String) -> [String: String] {
    [
      "HOME": home, "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "PLACE": "/some/place",
      "AGENT": "/run/agent",
      "SSH_AUTH_SOCK": "/run/ssh-agent", "LC_ALL": "C.UTF-8",
    ]
  }

  /// Why the comparison can't be made with the `ssh` that is installed; nil if it can.
  static func obstacle() async throws -> String? {
    guard FileManager.default.isExecutableFile(atPath: path) else { return "\(path) is not installed" }
    let answer = try await run(["-V"], home: "/")
    // Defaults, algorithms and some rules differ between versions; Debian's has GSSAPI and other defaults.
    guard answer.errors.hasPrefix("OpenSSH_9.2p1 Debian") else {
      return "the table of defaults is that of Debian's OpenSSH 9.2, this is \(answer.errors)"
    }
    return nil
  }

  struct Answer {
    var status: TerminationStatus

    var succeeded: Bool { status.isSuccess }
    var output: String
    var errors: String
  }

  static func run(_ arguments: [String], home: String, program: String = path) async throws -> Answer {
    let variables = Dictionary(
      uniqueKeysWithValues: environment(home: home).map { (Environment.Key(stringLiteral: $0.key), $0.value) }
    )
    let result = try await Subprocess.run(
      .path(FilePath(program)), arguments: Arguments(arguments), environment: .custom(variables),
      input: .none,
      output: .bytes(limit: 1 << 20), error: .bytes(limit: 1 << 20))
    return Answer(
      status: result.terminationStatus, output: String(decoding: result.standardOutput, as: UTF8.self),
      errors: String(decoding: result.standardError, as: UTF8.self))
  }

  /// The lines in which two outputs differ, for a message.
  static func difference(_ theirs: String, _ ours: String) -> String {
    let theirs = theirs.split(separator: "\n").map(String.init)
    let ours = ours.split(separator: "\n").map(String.init)
    return ours.difference(from: theirs).map { change in
      switch change {
      case .insert(_, let line, _): "  martlet: \(line)"
      case .remove(_, let line, _): "  ssh:     \(line)"
      }
    }.joined(separator: "\n")
  }
}

/// A folder that is gone with the test.
final class Folder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/martlet-ssh-config-\(UUID().uuidString)"
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders above it.
  @discardableResult
  func write(_ text: String, to name: String, mode: Int = 0o644) throws -> String {
    let file = path + "/" + name
    let parent = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    try Data(text.utf8).write(to: URL(filePath: file))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
    return file
  }
}
