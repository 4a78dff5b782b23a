/// Something that is true or false only while a play runs: `config.changed`.
///
/// It is a value, not a `Bool`, so that Swift refuses it in an `if`, where it could only be wrong.
public struct Condition: Sendable {
  package indirect enum Term: Sendable {
    case changed(StepID)
    case not(Condition)
    case group(Condition)
  }

  package let terms: [Term]
  /// Whether all terms must hold, or one is enough.
  package let needsAll: Bool

  package init(_ terms: [Term], needsAll: Bool) {
    self.terms = terms
    self.needsAll = needsAll
  }

  /// Both conditions.
  public static func && (first: Condition, second: Condition) -> Condition {
    Condition([.group(first), .group(second)], needsAll: true)
  }

  /// At least one of the conditions.
  public static func || (first: Condition, second: Condition) -> Condition {
    Condition([.group(first), .group(second)], needsAll: false)
  }

  /// The opposite.
  public static prefix func ! (condition: Condition) -> Condition {
    Condition([.not(condition)], needsAll: true)
  }

  /// The steps that it speaks of.
  package var steps: [StepID] {
    terms.flatMap { term in
      switch term {
      case .changed(let id): [id]
      case .not(let condition), .group(let condition): condition.steps
      }
    }
  }

  /// Whether it holds, given which steps have changed something.
  package func holds(_ changed: (StepID) -> Bool) -> Bool {
    func holds(_ term: Term) -> Bool {
      switch term {
      case .changed(let id): changed(id)
      case .not(let condition): !condition.holds(changed)
      case .group(let condition): condition.holds(changed)
      }
    }
    return needsAll ? terms.allSatisfy(holds) : terms.contains(where: holds)
  }
}
