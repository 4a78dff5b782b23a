/// Reads an expression by the rules of Python's `re` (docs.python.org, "Regular Expression Syntax"), errors included.
struct RegexParser {
  struct Flags {
    var foldsCase = false
    var isMultiline = false
    var dotMatchesAll = false
    var isVerbose = false
    var isASCII = false
  }

  /// How deep groups may be in each other; Python's own limit is that of its stack.
  static let depthLimit = 100

  let pattern: String
  var scalars: [UInt32]
  var index = 0
  /// How many groups there are so far, the whole not counted.
  private(set) var groups = 0
  private(set) var names: [String: Int] = [:]
  var open: Set<Int> = []
  /// How wide each closed group is.
  private var widths: [Int: (least: Int, most: Int?)] = [:]
  /// The first number of the groups that belong to the look-behind around this place.
  var lookBehindGroups: Int?

  init(_ pattern: String) {
    self.pattern = pattern
    scalars = pattern.unicodeScalars.map(\.value)
  }

  mutating func parse() throws -> RegexNode {
    var flags = Flags()
    let node = try alternatives(&flags, depth: 0)
    guard index == scalars.count else {
      throw failure("there is a ) with no ( before it: write \\) for the character")
    }
    for (number, place) in asked where number > groups {
      throw failure("there is no group \(number)", at: place)
    }
    return node
  }

  func failure(_ problem: String, at place: Int? = nil) -> RegularExpressionError {
    RegularExpressionError(
      problem: problem, position: min((place ?? index) + 1, max(scalars.count, 1)), pattern: pattern)
  }

  // MARK: - Reading

  func peek(_ offset: Int = 0) -> Character? {
    guard index + offset < scalars.count, let scalar = Unicode.Scalar(scalars[index + offset]) else {
      return nil
    }
    return Character(scalar)
  }

  mutating func take(_ text: String) -> Bool {
    let wanted = text.unicodeScalars.map(\.value)
    guard scalars[index...].starts(with: wanted) else { return false }
    index += wanted.count
    return true
  }

  mutating func digits(_ allowed: ClosedRange<UInt32> = 0x30...0x39, atMost: Int = .max) -> String {
    var text = ""
    while text.utf8.count < atMost, index < scalars.count, allowed.contains(scalars[index]),
      let digit = peek()
    {
      text.append(digit)
      index += 1
    }
    return text
  }

  // MARK: - Alternatives and sequences

  private mutating func alternatives(_ flags: inout Flags, depth: Int) throws -> RegexNode {
    guard depth <= Self.depthLimit else {
      throw failure("groups are more than \(Self.depthLimit) deep in each other")
    }
    var branches = [try sequence(&flags, depth: depth, isFirst: depth == 0)]
    while take("|") { branches.append(try sequence(&flags, depth: depth, isFirst: false)) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence(_ flags: inout Flags, depth: Int, isFirst: Bool) throws -> RegexNode {
    var nodes: [RegexNode] = []
    var canRepeat = false
    while let next = peek(), next != "|", next != ")" {
      if flags.isVerbose, skipComment() { continue }
      let start = index
      if let count = try repetition() {
        guard canRepeat, let last = nodes.popLast() else {
          throw failure(
            "there is nothing before it to repeat: write \\\(next) for the character", at: start)
        }
        if case .repeat = last { throw failure("it repeats a repetition: put that into ( )", at: start) }
        nodes.append(.repeat(last, count))
        continue
      }
      if let node = try atom(&flags, depth: depth, isFirst: isFirst && nodes.isEmpty) {
        if case .boundary = node { canRepeat = false } else { canRepeat = true }
        nodes.append(node)
      }
    }
    return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
  }

  private mutating func skipComment() -> Bool {
    guard let next = peek() else { return false }
    if next == "#" {
      while index < scalars.count, scalars[index] != 0x0a { index += 1 }
      return true
    }
    guard [" ", "\t", "\n", "\r", "\u{b}", "\u{c}"].contains(next) else { return false }
    index += 1
    return true
  }

  private mutating func repetition() throws -> RegexCount? {
    let start = index
    var count: RegexCount
    if take("*") {
      count = RegexCount(least: 0)
    } else if take("+") {
      count = RegexCount(least: 1)
    } else if take("?") {
      count = RegexCount(least: 0, most: 1)
    } else if take("{") {
      guard let bounds = try bounds(from: start) else { return nil }
      count = bounds
    } else {
      return nil
    }
    if take("?") { count.greed = .lazy } else if take("+") { count.greed = .possessive }
    return count
  }

  /// What stands in braces; nil, and nothing read, if they are characters like others.
  private mutating func bounds(from start: Int) throws -> RegexCount? {
    if peek() == "}" {
      index = start
      return nil
    }
    let low = digits()
    let high = take(",") ? digits() : low
    guard take("}") else {
      index = start
      return nil
    }
    guard let least = low.isEmpty ? 0 : Int(low), let most = high.isEmpty ? Int.max : Int(high),
      least <= Int32.max, most == .max || most <= Int32.max
    else { throw failure("the number of repetitions is too large", at: start) }
    guard least <= most else {
      throw failure("the least number of repetitions is greater than the most", at: start)
    }
    return RegexCount(least: least, most: high.isEmpty ? nil : most)
  }

  // MARK: - Atoms

  private mutating func atom(_ flags: inout Flags, depth: Int, isFirst: Bool) throws -> RegexNode? {
    let start = index
    guard let next = peek() else { return nil }
    switch next {
    case "(": return try group(&flags, depth: depth, isFirst: isFirst)
    case "[": return .single(.set(try set(flags)))
    case "\\": return try escape(flags)
    default: index += 1
    }
    switch next {
    case ".": return .single(flags.dotMatchesAll ? .any : .anyButLineBreak)
    case "^": return .boundary(flags.isMultiline ? .lineStart : .start)
    case "$": return .boundary(flags.isMultiline ? .lineEnd : .lastLineEnd)
    default: return literal(scalars[start], flags)
    }
  }

  /// One character, in both cases if case doesn't count.
  func literal(_ scalar: UInt32, _ flags: Flags) -> RegexNode {
    guard flags.foldsCase else { return .single(.scalar(scalar)) }
    let variants = Set(RegexCase.variants(of: scalar, onlyASCII: flags.isASCII) + [scalar])
    if variants.count == 1 { return .single(.scalar(scalar)) }
    var set = RegexSet(ranges: variants.sorted().map { $0...$0 })
    set.close()
    return .single(.set(set))
  }

  // MARK: - Groups

  private mutating func group(_ flags: inout Flags, depth: Int, isFirst: Bool) throws -> RegexNode? {
    let start = index
    index += 1
    guard take("?") else { return try captured(nil, flags, depth, from: start) }
    if take("P") {
      if take("<") { return try captured(try name(endingIn: ">"), flags, depth, from: start) }
      if take("=") {
        let name = try name(endingIn: ")")
        guard let number = names[name] else {
          throw failure("there is no group \"\(name)\" before it", at: start)
        }
        return try reference(number, flags, from: start)
      }
      throw failure("(?P must be (?P<name>…) or (?P=name)", at: start)
    }
    if take(":") { return .sequence([try inside(flags, depth, from: start)]) }
    if take(">") { return .atomic(try inside(flags, depth, from: start)) }
    if take("#") {
      while let next = peek(), next != ")" { _ = take(String(next)) }
      guard take(")") else { throw failure("the comment (?#… is not closed", at: start) }
      return nil
    }
    if take("=") { return .look(try inside(flags, depth, from: start), behind: nil, negated: false) }
    if take("!") { return .look(try inside(flags, depth, from: start), behind: nil, negated: true) }
    if take("<=") { return try lookBehind(negated: false, flags, depth, from: start) }
    if take("<!") { return try lookBehind(negated: true, flags, depth, from: start) }
    if take("<") { return try captured(try name(endingIn: ">"), flags, depth, from: start) }
    if take("(") { return try condition(flags, depth, from: start) }
    return try flagGroup(&flags, depth, isFirst: isFirst, from: start)
  }

  /// What stands up to the closing parenthesis.
  private mutating func inside(_ flags: Flags, _ depth: Int, from start: Int) throws -> RegexNode {
    var flags = flags
    let node = try alternatives(&flags, depth: depth + 1)
    guard take(")") else {
      throw failure("the ( is not closed: write \\( for the character", at: start)
    }
    return node
  }

  private mutating func captured(
    _ name: String?, _ flags: Flags, _ depth: Int, from start: Int
  ) throws -> RegexNode {
    groups += 1
    let number = groups
    if let name {
      guard names[name] == nil else {
        throw failure("there is another group \"\(name)\" before it", at: start)
      }
      names[name] = number
    }
    open.insert(number)
    let node = try inside(flags, depth, from: start)
    open.remove(number)
    widths[number] = width(node)
    return .group(node, number: number)
  }

  private func width(_ node: RegexNode) -> (least: Int, most: Int?) {
    node.width { widths[$0] ?? (0, nil) }
  }

  private mutating func lookBehind(
    negated: Bool, _ flags: Flags, _ depth: Int, from start: Int
  ) throws -> RegexNode {
    let outer = lookBehindGroups
    if outer == nil { lookBehindGroups = groups + 1 }
    let node = try inside(flags, depth, from: start)
    lookBehindGroups = outer
    let (least, most) = width(node)
    guard least == most, least < 1 << 20 else {
      throw failure("a look-behind must match a fixed number of characters", at: start)
    }
    return .look(node, behind: least, negated: negated)
  }

  private mutating func condition(_ flags: Flags, _ depth: Int, from start: Int) throws -> RegexNode {
    let word = try name(endingIn: ")", orNumber: true)
    guard let number = names[word] ?? Int(word), (1...99).contains(number) else {
      throw failure("there is no group \"\(word)\"", at: start)
    }
    var inner = flags
    guard !isInLookBehind(number) else {
      throw failure("a group of the same look-behind can't be asked for", at: start)
    }
    guard lookBehindGroups == nil || number <= groups && !open.contains(number) else {
      throw failure("a look-behind can only ask for a group that is closed before it", at: start)
    }
    let yes = try sequence(&inner, depth: depth + 1, isFirst: false)
    let no = take("|") ? try sequence(&inner, depth: depth + 1, isFirst: false) : .empty
    if peek() == "|" { throw failure("(?(…)…) has more than two branches") }
    guard take(")") else { throw failure("the ( is not closed", at: start) }
    // A group may be asked for before it is made; whether it ever is shows at the end.
    asked.append((number, start))
    return .condition(number, yes, no)
  }

  private mutating func flagGroup(
    _ flags: inout Flags, _ depth: Int, isFirst: Bool, from start: Int
  ) throws -> RegexNode? {
    var changed = flags
    var isOn = true
    var hasAny = false
    var isSetASCII = false
    while let letter = peek(), letter != ")", letter != ":" {
      switch letter {
      case "-" where isOn: isOn = false
      case "i": changed.foldsCase = isOn
      case "m": changed.isMultiline = isOn
      case "s": changed.dotMatchesAll = isOn
      case "x": changed.isVerbose = isOn
      case "a" where isOn:
        changed.isASCII = true
        isSetASCII = true
      case "u" where isOn && !isSetASCII: changed.isASCII = false
      default:
        throw failure("(?\(letter) is not understood: see \"Regular Expression Syntax\" of Python", at: start)
      }
      hasAny = hasAny || letter != "-"
      index += 1
    }
    guard hasAny else { throw failure("(? is not understood here", at: start) }
    if take(":") { return .sequence([try inside(changed, depth, from: start)]) }
    guard isOn, take(")") else { throw failure("the flags (?… end in : or )", at: start) }
    guard isFirst else {
      throw failure(
        "flags for the whole stand at the start of the expression; for a part of it write (?i:…)", at: start)
    }
    flags = changed
    return nil
  }

  // MARK: - References

  private(set) var asked: [(number: Int, place: Int)] = []

  private mutating func name(endingIn end: Character, orNumber: Bool = false) throws -> String {
    let start = index
    var name = ""
    while let next = peek(), next != end {
      name.append(next)
      index += 1
    }
    guard take(String(end)) else { throw failure("the name of a group is not closed", at: start) }
    let isName =
      name.first.map { $0.isLetter || $0 == "_" } == true
      && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    let isNumber = orNumber && !name.isEmpty && name.utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard isName || isNumber else {
      throw failure("\(name.debugDescription) can't be the name of a group", at: start)
    }
    return name
  }

  func reference(_ number: Int, _ flags: Flags, from start: Int) throws -> RegexNode {
    guard !open.contains(number) else {
      throw failure("a group can't be referred to inside itself", at: start)
    }
    guard !isInLookBehind(number) else {
      throw failure("a group of the same look-behind can't be referred to", at: start)
    }
    return .reference(number, foldsCase: flags.foldsCase)
  }

  private func isInLookBehind(_ number: Int) -> Bool { lookBehindGroups.map { number >= $0 } ?? false }
}
