/// Something to know about a host: data that says what to ask and what the answer means.
///
/// A task names its facts in `observes`. The engine gathers those of all tasks, merges them by kind, and
/// asks a host for everything in one exchange.
///
/// - ``ProbedFact``: one question, asked by a script; the only kind that is sent.
/// - ``All``: several facts as a tuple. ``Each``: a list of facts of one kind. ``Nothing``: none.
public protocol Fact<Value>: Sendable {
  /// What is known once the host has answered.
  associatedtype Value: Sendable

  /// Adds this fact's questions to those of the whole playbook.
  func ask(_ questions: inout Questions)

  /// Takes its value from the host's answers.
  func value(in answers: Answers) throws -> Value
}

/// A fact that a script asks for; all facts of one kind on one host share a script.
///
///     struct Timezone: ProbedFact {
///       typealias Value = String
///       static let kind = "time zone"
///       static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand { "cat /etc/timezone" }
///       static func parse(_ output: ProbeOutput, for facts: [Self]) -> [Self: String] {
///         [Self(): output.text.trimmingLineBreak]
///       }
///     }
///
/// A probe only reads. It prints to standard output and leaves the shell as it was: no `cd`, no `exit`, no
/// variable that doesn't begin with an underscore.
public protocol ProbedFact: Fact, Hashable {
  /// What this kind of fact is called in messages.
  static var kind: String { get }

  /// The script that asks for all the given facts at once.
  static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand

  /// Reads what the script printed. A fact without an entry in the result was not answered: an error.
  static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value]

  /// What on the host the answer depends on: once an earlier task is about to change one of these, the answer
  /// is out of date, and the task that wants it is unknown until then.
  var dependsOn: [Resource] { get }

  /// The same, once the answer is known: some answers depend on more than others do. A file that isn't there may be
  /// brought by a package that is about to be installed; one that is there may not.
  func dependencies(of value: Value) -> [Resource]

  /// Why a host that answers may say nothing about this fact, for a person; nil for a text that fits any fact.
  var silence: String? { get }
}

extension ProbedFact {
  public var silence: String? { nil }

  public var dependsOn: [Resource] { [] }

  public func dependencies(of value: Value) -> [Resource] { dependsOn }

  public func ask(_ questions: inout Questions) { questions.add(self) }

  public func value(in answers: Answers) throws -> Value { try answers.value(of: self) }
}

/// What a look wants beyond the facts themselves.
public struct LookOptions: Sendable {
  /// Whether a diff will be shown, for which the old contents of files are needed.
  public var wantsContents: Bool
  /// Whether actions of this run have been carried out already: what was just started may need a moment, so
  /// that it is worth waiting for.
  public var hasActed: Bool

  /// How long ago this run connected to the host: what is younger than that was made while it ran.
  public var sinceStart: Duration

  public init(wantsContents: Bool = false, hasActed: Bool = false, sinceStart: Duration = .zero) {
    self.wantsContents = wantsContents
    self.hasActed = hasActed
    self.sinceStart = sinceStart
  }
}

/// No fact at all: for a task that always wants its actions.
public struct Nothing: Fact {
  public init() {}
  public func ask(_ questions: inout Questions) {}
  public func value(in answers: Answers) {}
}

/// Several facts of different kinds, whose values come as a tuple.
///
///     var observes: All<FileState, UserAccount> { All(FileState(path), UserAccount(owner)) }
///     func decide(given (file, owner): (FileState.Value, UserAccount.Value)) -> Decision
public struct All<each F: Fact>: Fact {
  public typealias Value = (repeat (each F).Value)
  private let facts: (repeat each F)

  public init(_ facts: repeat each F) { self.facts = (repeat each facts) }

  public func ask(_ questions: inout Questions) { repeat (each facts).ask(&questions) }

  public func value(in answers: Answers) throws -> (repeat (each F).Value) {
    (repeat try (each facts).value(in: answers))
  }
}

/// A list of facts of one kind, whose values come in the same order.
public struct Each<F: Fact>: Fact {
  private let facts: [F]

  public init(_ facts: [F]) { self.facts = facts }

  public func ask(_ questions: inout Questions) { for fact in facts { fact.ask(&questions) } }

  public func value(in answers: Answers) throws -> [F.Value] {
    try facts.map { try $0.value(in: answers) }
  }
}
