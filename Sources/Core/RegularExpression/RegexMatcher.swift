/// Tries an expression by going back to the last choice whenever it fails, as Python, Perl and PCRE do.
///
/// `(a+)+$` and its like take twice as long for each character more. So the steps are counted, over all texts that one
/// matcher is given: after ``stepLimit`` of them it is an error, about a second after it began.
package struct RegexMatcher {
  /// How many steps are taken at most, for all texts together, beyond a few for each character.
  package static let stepLimit = 20_000_000
  /// How many choices are remembered at most.
  private static let choiceLimit = 1_000_000

  /// What to go back to.
  private enum Choice {
    case step(Int, at: Int)
    case restore(slot: Int, to: Int)
    /// A repetition of one character that can give characters back, down to `least`.
    case fewer(step: Int, at: Int, least: Int)
    /// One that can take one more.
    case more(step: Int, at: Int, taken: Int)
  }

  private let program: RegexProgram
  private var text: [UInt32] = []
  private var slots: [Int] = []
  private var choices: [Choice] = []
  private var budget = stepLimit

  package init(_ expression: RegularExpression) { self.init(expression.program) }

  init(_ program: RegexProgram) { self.program = program }

  /// The first match in a text.
  ///
  /// - Throws: ``RegularExpressionError`` if it takes too long.
  package mutating func firstMatch(in text: [UInt32]) throws -> RegexMatch? {
    self.text = text
    budget += 64 * text.count
    slots.removeAll(keepingCapacity: true)
    slots.append(contentsOf: repeatElement(-1, count: program.slots))
    choices.removeAll(keepingCapacity: true)
    for start in 0...(program.isAnchored ? 0 : text.count) {
      if let first = program.firstScalar, start == text.count || text[start] != first { continue }
      if program.beginsLine, start > 0, text[start - 1] != 0x0a { continue }
      // A run that fails has put back every slot and every choice.
      guard let end = try run(from: 0, at: start) else { continue }
      var groups: [Range<Int>?] = [start..<end]
      for number in 1..<(program.groups + 1) {
        let (low, high) = (slots[2 * number], slots[2 * number + 1])
        groups.append(low < 0 || high < low ? nil : low..<high)
      }
      return RegexMatch(groups: groups)
    }
    return nil
  }

  private mutating func spend(_ steps: Int = 1) throws {
    budget -= steps
    guard budget > 0, choices.count < Self.choiceLimit else {
      throw RegularExpressionError(
        problem:
          "it takes too long: a repetition in a repetition, as in (a+)+, tries more ways than can be tried",
        position: nil, pattern: program.pattern)
    }
  }

  /// Runs from a step to the next `.matched`.
  ///
  /// - Returns: Where it ended; nil if it doesn't match.
  private mutating func run(from first: Int, at place: Int) throws -> Int? {
    let base = choices.count
    var step = first
    var at = place
    while true {
      try spend()
      var isFine = true
      switch program.steps[step] {
      case .single(let single):
        isFine = at < text.count && Self.matches(single, text[at])
        at += 1
        step += 1
      case .boundary(let boundary):
        isFine = holds(boundary, at)
        step += 1
      case .repeat(let single, let count):
        isFine = try take(single, count, step: step, at: &at)
        step += 1
      case .split(let next, let other):
        choices.append(.step(other, at: at))
        step = next
      case .jump(let next): step = next
      case .note(let slot):
        choices.append(.restore(slot: slot, to: slots[slot]))
        slots[slot] = at
        step += 1
      case .skipIfEmpty(let slot, let next): step = slots[slot] == at ? next : step + 1
      case .reference(let group, let foldsCase):
        isFine = try takeAgain(group, foldsCase, at: &at)
        step += 1
      case .look(let behind, let negated, let next):
        isFine = try look(from: step + 1, at: at - (behind ?? 0)) != negated
        step = next
      case .atomic(let next):
        let mark = choices.count
        let end = try run(from: step + 1, at: at)
        keepOnlyRestores(above: mark)
        isFine = end != nil
        at = end ?? at
        step = next
      case .condition(let group, let otherwise):
        step = slots[2 * group + 1] >= 0 ? step + 1 : otherwise
      case .matched: return at
      }
      if isFine { continue }
      guard let (next, place) = goBack(to: base) else { return nil }
      (step, at) = (next, place)
    }
  }

  /// The last choice above a mark, with the slots as they were then; nil if none is left.
  private mutating func goBack(to base: Int) -> (step: Int, at: Int)? {
    while choices.count > base, let choice = choices.popLast() {
      switch choice {
      case .restore(let slot, let old): slots[slot] = old
      case .step(let step, let at): return (step, at)
      case .fewer(let step, let at, let least):
        if at - 1 > least { choices.append(.fewer(step: step, at: at - 1, least: least)) }
        return (step + 1, at - 1)
      case .more(let step, let at, let taken):
        guard case .repeat(let single, let count) = program.steps[step], at < text.count,
          Self.matches(single, text[at])
        else { continue }
        if count.most.map({ taken + 1 < $0 }) ?? true {
          choices.append(.more(step: step, at: at + 1, taken: taken + 1))
        }
        return (step + 1, at + 1)
      }
    }
    return nil
  }

  private mutating func look(from step: Int, at place: Int) throws -> Bool {
    guard place >= 0 else { return false }
    let mark = choices.count
    let found = try run(from: step, at: place) != nil
    keepOnlyRestores(above: mark)
    return found
  }

  /// What was tried by itself isn't tried in another way later; but its groups go back when what is around it does.
  private mutating func keepOnlyRestores(above mark: Int) {
    guard choices.count > mark else { return }
    let restores = choices[mark...].filter { if case .restore = $0 { true } else { false } }
    choices.replaceSubrange(mark..., with: restores)
  }

  private mutating func take(
    _ single: RegexSingle, _ count: RegexCount, step: Int, at: inout Int
  ) throws -> Bool {
    let start = at
    let wanted = count.greed == .lazy ? count.least : count.most ?? Int.max
    while at < text.count, at - start < wanted, Self.matches(single, text[at]) { at += 1 }
    try spend((at - start) / 8)
    guard at - start >= count.least else { return false }
    switch count.greed {
    case .possessive: break
    case .greedy where at - start > count.least:
      choices.append(.fewer(step: step, at: at, least: start + count.least))
    case .lazy where count.most.map({ $0 > count.least }) ?? true:
      choices.append(.more(step: step, at: at, taken: count.least))
    default: break
    }
    return true
  }

  private mutating func takeAgain(_ group: Int, _ foldsCase: Bool, at: inout Int) throws -> Bool {
    let (low, high) = (slots[2 * group], slots[2 * group + 1])
    guard low >= 0, high >= low, at + high - low <= text.count else { return false }
    try spend((high - low) / 8)
    for offset in 0..<(high - low) {
      let (first, second) = (text[low + offset], text[at + offset])
      let isSame =
        first == second || foldsCase && RegexCase.folded(first) == RegexCase.folded(second)
      guard isSame else { return false }
    }
    at += high - low
    return true
  }

  private static func matches(_ single: RegexSingle, _ scalar: UInt32) -> Bool {
    switch single {
    case .scalar(let wanted): wanted == scalar
    case .any: true
    case .anyButLineBreak: scalar != 0x0a
    case .set(let set): set.contains(scalar)
    }
  }

  private func holds(_ boundary: RegexBoundary, _ at: Int) -> Bool {
    switch boundary {
    case .start: return at == 0
    case .end: return at == text.count
    case .lineStart: return at == 0 || text[at - 1] == 0x0a
    case .lineEnd: return at == text.count || text[at] == 0x0a
    case .lastLineEnd: return at == text.count || at == text.count - 1 && text[at] == 0x0a
    case .word(let negated, let isASCII):
      func isWord(_ index: Int) -> Bool {
        text.indices.contains(index) && RegexSet.isOf(.word, text[index], onlyASCII: isASCII)
      }
      // As in Python before 3.14, an empty text has no place that is no boundary either.
      if text.isEmpty { return false }
      return (isWord(at - 1) != isWord(at)) != negated
    }
  }
}
