/// An expression as steps for ``RegexMatcher``.
struct RegexProgram: Sendable {
  enum Step: Sendable {
    case single(RegexSingle)
    case boundary(RegexBoundary)
    case `repeat`(RegexSingle, RegexCount)
    /// Goes on at the first; if that fails, at the second.
    case split(Int, Int)
    case jump(Int)
    /// Notes the place in a slot.
    case note(Int)
    /// Goes on unless nothing was matched since the slot was noted; then the repetition is over.
    case skipIfEmpty(slot: Int, to: Int)
    case reference(Int, foldsCase: Bool)
    /// What follows up to `.matched` is tried by itself, then it goes on at `next`.
    case look(behind: Int?, negated: Bool, next: Int)
    case atomic(next: Int)
    case condition(group: Int, otherwise: Int)
    case matched
  }

  /// More steps than any expression has that a person wrote.
  static let limit = 20_000

  private(set) var steps: [Step] = []
  /// Two for each group, then one for each repetition that could match nothing.
  private(set) var slots: Int
  let groups: Int
  let names: [String: Int]
  let pattern: String
  /// Whether a match can only begin where the text does.
  private(set) var isAnchored = false
  /// Whether it can only begin where a line does: what begins with `.*` matches there, or nowhere in the line.
  private(set) var beginsLine = false
  /// The scalar that every match begins with; nil if there is no single one.
  private(set) var firstScalar: UInt32?

  init(_ node: RegexNode, groups: Int, names: [String: Int], pattern: String) throws {
    self.groups = groups
    self.names = names
    self.pattern = pattern
    slots = 2 * (groups + 1)
    try add(node)
    try emit(.matched)
    var first = node
    while case .sequence(let nodes) = first, let next = nodes.first { first = next }
    if case .repeat(.single(.anyButLineBreak), let count) = first, count.least == 0, count.most == nil {
      beginsLine = count.greed != .possessive
    }
    switch Self.start(of: node) {
    case .boundary(.start): isAnchored = true
    case .single(.scalar(let scalar)): firstScalar = scalar
    default: break
    }
  }

  /// What a match must begin with, as far as it is simple.
  private static func start(of node: RegexNode) -> RegexNode? {
    switch node {
    case .sequence(let nodes): nodes.first.flatMap { start(of: $0) }
    case .group(let node, _), .atomic(let node): start(of: node)
    case .repeat(let node, let count) where count.least > 0: start(of: node)
    case .boundary, .single: node
    default: nil
    }
  }

  @discardableResult private mutating func emit(_ step: Step) throws -> Int {
    guard steps.count < Self.limit else {
      throw RegularExpressionError(
        problem: "its repetitions ({n,m} in each other) make it too large", position: nil, pattern: pattern)
    }
    steps.append(step)
    return steps.count - 1
  }

  private mutating func add(_ node: RegexNode) throws {
    switch node {
    case .empty: break
    case .single(let single): try emit(.single(single))
    case .boundary(let boundary): try emit(.boundary(boundary))
    case .sequence(let nodes): for node in nodes { try add(node) }
    case .choice(let nodes): try add(choice: nodes)
    case .group(let node, let number):
      try emit(.note(2 * number))
      try add(node)
      try emit(.note(2 * number + 1))
    case .repeat(let node, let count): try add(node, count)
    case .reference(let number, let foldsCase): try emit(.reference(number, foldsCase: foldsCase))
    case .look(let node, let behind, let negated):
      let start = try emit(.matched)
      try add(node)
      try emit(.matched)
      steps[start] = .look(behind: behind, negated: negated, next: steps.count)
    case .atomic(let node):
      let start = try emit(.matched)
      try add(node)
      try emit(.matched)
      steps[start] = .atomic(next: steps.count)
    case .condition(let group, let yes, let no):
      let start = try emit(.matched)
      try add(yes)
      let end = try emit(.matched)
      steps[start] = .condition(group: group, otherwise: steps.count)
      try add(no)
      steps[end] = .jump(steps.count)
    }
  }

  private mutating func add(choice nodes: [RegexNode]) throws {
    var ends: [Int] = []
    for (index, node) in nodes.enumerated() {
      guard index < nodes.count - 1 else {
        try add(node)
        break
      }
      let split = try emit(.matched)
      try add(node)
      ends.append(try emit(.matched))
      steps[split] = .split(split + 1, steps.count)
    }
    for end in ends { steps[end] = .jump(steps.count) }
  }

  private mutating func add(_ node: RegexNode, _ count: RegexCount) throws {
    if case .single(let single) = node {
      try emit(.repeat(single, count))
      return
    }
    if count.greed == .possessive {
      var inner = count
      inner.greed = .greedy
      try add(.atomic(.repeat(node, inner)))
      return
    }
    if count.most == 0 { return }
    let isLazy = count.greed == .lazy
    for _ in 0..<count.least {
      let before = steps.count
      try add(node)
      if steps.count == before { return }
    }
    guard let most = count.most else {
      let slot = slots
      slots += 1
      let split = try emit(.matched)
      try emit(.note(slot))
      try add(node)
      let check = try emit(.matched)
      try emit(.jump(split))
      steps[check] = .skipIfEmpty(slot: slot, to: steps.count)
      steps[split] = isLazy ? .split(steps.count, split + 1) : .split(split + 1, steps.count)
      return
    }
    var splits: [Int] = []
    for _ in count.least..<most {
      splits.append(try emit(.matched))
      try add(node)
    }
    for split in splits {
      steps[split] = isLazy ? .split(steps.count, split + 1) : .split(split + 1, steps.count)
    }
  }
}
