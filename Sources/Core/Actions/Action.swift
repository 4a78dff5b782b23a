/// One step that makes a host right: data, carried out by the program that the engine sends.
///
///     .run("apt-get install -y -- \(names)", changes: names.map { .added($0) }, touches: [.packages])
///     .write(contents, to: path, mode: 0o644)
///
/// An action is safe to run again: after a lost connection the next run repeats what it can't be sure of. One
/// that isn't carries a guard of its own (``guarded(unless:)``).
public struct Action: Sendable {
  /// What the action does on the host.
  package enum Effect: Sendable {
    case run(ShellCommand)
    case write(FileWrite)
    case makeFolder(FolderMaking)
    case setAttributes(AttributeChange)
    case link(RemotePath, target: String)
    case remove(RemotePath)
  }

  package var effect: Effect
  /// What the plan shows: `install nginx`.
  public var summary: String
  /// What will be different afterwards, for the plan and the diff.
  public var changes: [Change]
  /// What on the host is changed, so that later facts about it are known to be out of date.
  public var touches: [Resource]
  /// Answers that are certain once the action has run, so that later tasks can be decided at once.
  package var predictions: [Prediction] = []
  /// The user to run as; nil for the one whom the play runs as.
  public var user: String?
  /// The folder to run in; nil for `/`.
  public var folder: RemotePath?
  /// Variables of the environment, not secret.
  public var environment: [String: String] = [:]
  /// Bytes for standard input; they may be secret, and never stand in a command's arguments.
  public var input: Payload?
  /// A test that skips the action when it succeeds.
  package var unless: ShellCommand?
  /// What decides whether a change is reported.
  package var changedWhen: ChangedWhen = .always
  /// Whether running it once is all there is to it: it isn't expected to show in a fact.
  public var isOneShot = false
  /// Whether the command calls the functions for writing in folders of other users (`SafeWrites` of the engine).
  package var usesSafeWrites = false
  /// How long it may take. Then the host ends it, with all that it started.
  public var timeout: Duration = .seconds(1800)
  /// How long it is tried again, every three seconds, while another program of the host is in its way; nil for not
  /// at all. That time doesn't count for ``timeout``.
  ///
  /// An action that is held up so ends with the status 75 (`EX_TEMPFAIL` of sysexits.h), has done nothing that
  /// hurts to do again, and its last line says for whom it waits: that is what the reports show.
  public var waitsUpTo: Duration?
  /// What a failure comes from, in a line or two, by the last lines of the output; nil where it can't be said.
  package var explanation: (@Sendable (_ output: [String]) -> String?)?

  init(effect: Effect, summary: String, changes: [Change], touches: [Resource]) {
    self.effect = effect
    self.summary = summary
    self.changes = changes
    self.touches = touches
  }

  /// What is wrong with it, as ``Checked`` values have it.
  package var problem: String? {
    var inspection = Inspection()
    switch effect {
    case .run(let command): inspection.look(into: command)
    case .write(let write): inspection.look(into: write)
    case .makeFolder(let making): inspection.look(into: making)
    case .setAttributes(let change): inspection.look(into: change)
    case .link(let path, let target): inspection.look(into: (path, target))
    case .remove(let path): inspection.look(into: path)
    }
    inspection.look(into: folder as Any)
    inspection.look(into: unless as Any)
    inspection.look(into: input as Any)
    return inspection.problems.first
  }

  /// Runs a command with `sh`; any exit status but 0 is a failure.
  ///
  /// - Parameters:
  ///   - command: The command, with values quoted by interpolation.
  ///   - summary: What the plan shows; the command itself if nil.
  ///   - changes: What will be different.
  ///   - touches: The parts of the host that change.
  public static func run(
    _ command: ShellCommand, summary: String? = nil, changes: [Change] = [], touches: [Resource] = []
  ) -> Action {
    Action(effect: .run(command), summary: summary ?? command.text, changes: changes, touches: touches)
  }

  /// The same action as another user, by runuser(1) from root, by sudo(8) or doas(1) from others.
  public func run(as user: String?) -> Action {
    var action = self
    if let user { action.user = user }
    return action
  }

  /// The same action, whose command calls the functions for writing in folders of other users: `_enter`, `_stage` and
  /// what else `SafeWrites` of the engine has.
  package func usingSafeWrites() -> Action {
    var action = self
    action.usesSafeWrites = true
    return action
  }

  /// The same action, which plans show by other words.
  package func summarized(_ summary: String) -> Action {
    var action = self
    action.summary = summary
    return action
  }

  /// The same action in a folder.
  public func run(in folder: RemotePath?) -> Action {
    var action = self
    action.folder = folder
    return action
  }

  /// The same action, skipped on the host if a test succeeds there.
  public func guarded(unless test: ShellCommand?) -> Action {
    var action = self
    action.unless = test
    return action
  }

  /// The same action, after whose success an answer is known without asking.
  public func predicting<F: ProbedFact>(_ fact: F, _ value: F.Value) -> Action {
    var action = self
    action.predictions.append(Prediction(key: FactKey(fact), value: value))
    return action
  }

  /// The same action, not looked at again in this run once it has succeeded.
  public func oneShot(changedWhen: ChangedWhen = .always) -> Action {
    var action = self
    action.isOneShot = true
    action.changedWhen = changedWhen
    return action
  }
}

/// An answer that an action makes certain.
package struct Prediction: Sendable {
  package var key: FactKey
  package var value: any Sendable
}

/// Bytes for an action's standard input.
public struct Payload: Sendable, Hashable {
  /// The bytes.
  public var bytes: [UInt8]
  /// The secrets among them.
  public var secrets: [Secret]

  public init(_ bytes: [UInt8], secrets: [Secret] = []) {
    self.bytes = bytes
    self.secrets = secrets
  }

  public init(_ contents: Contents) { self.init(contents.bytes, secrets: contents.secrets) }
}

/// When a command that has succeeded counts as a change.
@frozen public enum ChangedWhen: Sendable, Hashable {
  /// Whenever it ran.
  case always
  /// Never: it only checks.
  case never
  /// When its output has this text in it.
  case outputContains(String)
  /// When its output doesn't have this text in it.
  case outputLacks(String)
}
