public import MartletCore
import MartletEngine

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// This machine as a host: looks and acts for one task, so that a test can see a task's commands at work.
public struct LocalHost: Sendable {
  /// The shell that probes and actions run in.
  public let shell: LocalShell

  public init(_ shell: LocalShell) { self.shell = shell }

  /// Asks for the facts of a task, and lets it decide.
  public func decide<T: HostTask>(_ task: T, diff: Bool = false) async throws -> Decision {
    try task.decide(given: task.observes.value(in: try await look(task.observes, diff: diff)))
  }

  /// Looks facts up.
  public func look(_ facts: some Fact, diff: Bool = false) async throws -> Answers {
    var questions = Questions()
    facts.ask(&questions)
    var answers = Answers()
    for kind in questions.kinds {
      let probe = kind.probe(kind.facts, LookOptions(wantsContents: diff))
      if let problem = probe.problem { throw Failed(description: "the probe of \(kind.name): \(problem)") }
      let result = try await shell.run(probe)
      for (key, value) in try kind.parse(ProbeOutput(result.output), kind.facts) {
        answers.set(key, to: .success(value))
      }
    }
    return answers
  }

  /// Carries out a decision's actions one after the other.
  ///
  /// - Returns: What they printed.
  /// - Throws: ``Failed`` at the first that fails.
  @discardableResult
  public func act(_ decision: Decision) async throws -> String {
    guard case .change(let actions) = decision else { return "" }
    var output = ""
    for action in actions { output += try await act(action) }
    return output
  }

  /// Carries out one action.
  public func act(_ action: Action) async throws -> String {
    if let problem = action.problem { throw Failed(description: "\(action.summary): \(problem)") }
    if let test = action.unless, try await shell.run(test).status == 0 { return "" }
    let folder = try TemporaryFolder(mode: 0o700)
    let script = SafeWrites.script(for: action)
    try Data(script.staged).write(to: URL(fileURLWithPath: folder.path + "/staged"))
    var command: ShellCommand = "\(raw: script.code)"
    if let folder = action.folder { command = "cd \(folder) && { \(splice: command)\n}" }
    if let input = action.input {
      try Data(input.bytes).write(to: URL(fileURLWithPath: folder.path + "/input"))
      command = "{ \(splice: command)\n} <\(folder.remote("input"))"
    }
    let variables = action.environment.merging(["MARTLET_TMP": folder.path]) { $1 }
    let result = try await shell.run("( \(splice: command)\n)", as: nil, environment: variables)
    guard result.status == 0 else {
      throw Failed(description: "\(action.summary): exit \(result.status): \(result.text)\(result.errors)")
    }
    return result.text
  }

  /// An action that failed.
  public struct Failed: Error, CustomStringConvertible {
    public let description: String
  }
}

extension Decision {
  /// The actions; empty unless something changes.
  public var actions: [Action] {
    if case .change(let actions) = self { return actions }
    return []
  }

  /// Whether the host is right already.
  public var isUnchanged: Bool {
    if case .unchanged = self { return true }
    return false
  }

  /// Why the task can't be carried out; nil if it can.
  public var failure: String? {
    if case .failed(let why) = self { return why }
    return nil
  }

  /// What the plan shows of the changes, in short: `+ nginx`, `~ mode 0644 → 0600`, `contents /etc/motd`.
  public var changes: [String] {
    actions.flatMap(\.changes).map { change in
      switch change {
      case .added(let text): "+ \(text)"
      case .removed(let text): "- \(text)"
      case .modified(let text): "~ \(text)"
      case .contents(let path, _, _, _): "contents \(path)"
      }
    }
  }
}

extension LocalHost {
  /// Whether tests may add accounts and packages to this machine: only in a container that is thrown away,
  /// and if the environment says `MARTLET_TEST_SYSTEM=1`.
  public static let mayBeChanged = ProcessInfo.processInfo.environment["MARTLET_TEST_SYSTEM"] == "1"
}
