import Foundation
import MartletCore
import MartletTesting

@testable import MartletEngine

/// A folder that is gone when the test is.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> RemotePath { RemotePath(path) / name }

  func text(_ name: String) -> String? {
    FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
  }

  func write(_ text: String, to name: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
  }
}

/// The lines of a file, nil if there is none: the smallest fact that shows what is at stake.
struct Lines: ProbedFact {
  typealias Value = [String]?
  static let kind = "lines"
  var path: RemotePath

  var dependsOn: [Resource] { [.path(path)] }

  static func probe(_ facts: [Lines], _ options: LookOptions) -> ShellCommand {
    ShellCommand(
      lines: facts.enumerated().map { index, fact in
        "[ -e \(fact.path) ] && { echo 'file \(index)'; sed 's/^/> /' \(fact.path); }"
      })
  }

  static func parse(_ output: ProbeOutput, for facts: [Lines]) -> [Lines: [String]?] {
    var values: [Lines: [String]?] = [:]
    for fact in facts { values[fact] = .some(nil) }
    var current: Lines?
    for line in output.lines {
      if line.hasPrefix("file "), let index = Int(line.dropFirst(5)), facts.indices.contains(index) {
        current = facts[index]
        values[facts[index]] = []
      } else if let current, line.hasPrefix("> ") {
        values[current, default: []]?.append(String(line.dropFirst(2)))
      }
    }
    return values
  }
}

/// Appends a line that isn't there.
struct HasLine: HostTask {
  var line: String
  var path: RemotePath
  var predicts = false
  var label: String { "line \(line)" }
  var observes: Lines { Lines(path: path) }

  func decide(given lines: [String]?) -> Decision {
    guard let lines else { return .failed("\(path.name) is missing") }
    guard !lines.contains(line) else { return .unchanged }
    let action = Action.run(
      "printf '%s\\n' \(line) >>\(path)", summary: "append \(line)", changes: [.added(line)],
      touches: [.path(path)])
    return [predicts ? action.predicting(observes, lines + [line]) : action]
  }
}

/// Writes a file whole.
struct HasFile: HostTask {
  var path: RemotePath
  var contents: Contents
  var label: String { "file \(path.name)" }
  var observes: Lines { Lines(path: path) }

  func decide(given lines: [String]?) -> Decision {
    let wanted = String(decoding: contents.bytes, as: UTF8.self)
    if let lines, lines.map({ $0 + "\n" }).joined() == wanted { return .unchanged }
    return [.write(contents, to: path, mode: 0o640)]
  }
}

/// Runs a command each time.
struct Runs: HostTask {
  var command: ShellCommand
  var changedWhen = ChangedWhen.always
  var label: String { "run" }
  var observes: Nothing { Nothing() }

  func decide(given facts: Void) -> Decision { [Action.run(command).oneShot(changedWhen: changedWhen)] }
}

/// Runs plays on this machine's shell, as on the host `local`.
func run(
  in folder: TemporaryFolder, shell: [String] = ["sh"], noise: String = "", log: ExchangeLog? = nil,
  options: RunOptions = RunOptions(), hosts: [String] = ["local"], plays: Plays
) async -> (code: Int32, events: RecordedEvents) {
  let events = RecordedEvents()
  let transport = ShellTransport(
    shell: shell, state: folder.path + "/state", noise: noise, log: log)
  let engine = Engine(transport: transport, options: options, sink: events)
  var inventory = Inventory(hosts: hosts.map { InventoryHost(name: $0) })
  inventory.updateHosts { $0.connection.user = "root" }
  return (await engine.run(plays, named: "Test", inventory: inventory), events)
}

/// Runs one play of the given tasks.
func run(
  in folder: TemporaryFolder, shell: [String] = ["sh"], noise: String = "", log: ExchangeLog? = nil,
  options: RunOptions = RunOptions(),
  @StepsBuilder tasks: @escaping @Sendable () throws -> Steps
) async -> (code: Int32, events: RecordedEvents) {
  await run(
    in: folder, shell: shell, noise: noise, log: log, options: options,
    plays: Plays(items: [Play("Test", on: "all", tasks: tasks)]))
}

extension TemporaryFolder {
  func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
  }
}

extension Become {
  /// As the one who logged in.
  static let login = Become(InventoryHost(name: "local"), play: .login)

  /// As root, from deploy on web1.
  static func by(_ method: BecomeMethod, password: Secret? = Secret("pässword"), user: String = "root")
    -> Become
  {
    var host = InventoryHost(name: "web1")
    host.connection.user = "deploy"
    host.connection.becomeMethod = method
    host.connection.becomePassword = password
    return Become(host, play: .user(user))
  }
}
