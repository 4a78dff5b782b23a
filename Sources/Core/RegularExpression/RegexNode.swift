/// What an expression is made of.
indirect enum RegexNode {
  case empty
  case single(RegexSingle)
  case boundary(RegexBoundary)
  case sequence([RegexNode])
  case choice([RegexNode])
  case group(RegexNode, number: Int)
  case `repeat`(RegexNode, RegexCount)
  case reference(Int, foldsCase: Bool)
  case look(RegexNode, behind: Int?, negated: Bool)
  case atomic(RegexNode)
  case condition(Int, RegexNode, RegexNode)
}

/// How often something is repeated.
struct RegexCount {
  enum Greed { case greedy, lazy, possessive }
  var least: Int
  /// nil for no bound.
  var most: Int?
  var greed = Greed.greedy
}

/// A place between two characters.
enum RegexBoundary {
  case start, end
  case lineStart, lineEnd
  /// The end, or before a line break that ends the text.
  case lastLineEnd
  case word(negated: Bool, isASCII: Bool)
}

/// What one character can be.
enum RegexSingle {
  case scalar(UInt32)
  case any
  case anyButLineBreak
  case set(RegexSet)
}

/// `[…]`, `\d` and their like.
struct RegexSet {
  enum Kind { case digit, space, word }
  struct Class {
    var kind: Kind
    var isNegated: Bool
    var isASCII: Bool
  }

  var ranges: [ClosedRange<UInt32>] = []
  var classes: [Class] = []
  var isNegated = false
  var foldsCase = false
  /// Whether only letters of ASCII have another case.
  var foldsASCII = false
  /// The answers for ASCII, where nearly all text is.
  private var low: UInt64 = 0
  private var high: UInt64 = 0

  init(ranges: [ClosedRange<UInt32>] = [], classes: [Class] = []) {
    self.ranges = ranges
    self.classes = classes
  }

  /// Works out the answers for ASCII; to be called once nothing is added any more.
  mutating func close() {
    for scalar in UInt32(0)..<64 where answer(for: scalar) { low |= 1 << UInt64(scalar) }
    for scalar in UInt32(64)..<128 where answer(for: scalar) { high |= 1 << UInt64(scalar - 64) }
  }

  func contains(_ scalar: UInt32) -> Bool {
    if scalar < 64 { return low >> UInt64(scalar) & 1 == 1 }
    if scalar < 128 { return high >> UInt64(scalar - 64) & 1 == 1 }
    return answer(for: scalar)
  }

  private func answer(for scalar: UInt32) -> Bool {
    var found = holds(scalar)
    if foldsCase, !found {
      found = RegexCase.variants(of: scalar, onlyASCII: foldsASCII).contains { holds($0) }
    }
    return found != isNegated
  }

  private func holds(_ scalar: UInt32) -> Bool {
    ranges.contains { $0.contains(scalar) }
      || classes.contains { entry in
        Self.isOf(entry.kind, scalar, onlyASCII: entry.isASCII) != entry.isNegated
      }
  }

  /// Whether a scalar is a digit, blank or part of a word, as `str.isdecimal`, `isspace` and `isalnum` say in Python.
  static func isOf(_ kind: Kind, _ scalar: UInt32, onlyASCII: Bool) -> Bool {
    if scalar < 0x80 {
      switch (kind, UInt8(scalar)) {
      case (.digit, 0x30...0x39), (.word, 0x30...0x39), (.word, 0x41...0x5a), (.word, 0x61...0x7a),
        (.word, 0x5f), (.space, 0x20), (.space, 0x09...0x0d):
        return true
      case (.space, 0x1c...0x1f): return !onlyASCII
      default: return false
      }
    }
    guard !onlyASCII, let scalar = Unicode.Scalar(scalar) else { return false }
    let properties = scalar.properties
    switch kind {
    case .digit: return properties.generalCategory == .decimalNumber
    case .space: return properties.isWhitespace
    case .word:
      switch properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
      default: return properties.numericType != nil
      }
    }
  }
}

/// Letters that are the same but for their case.
enum RegexCase {
  /// One scalar for all that differ only in case.
  static func folded(_ scalar: UInt32, onlyASCII: Bool = false) -> UInt32 {
    if scalar < 0x80 { return (0x41...0x5a).contains(scalar) ? scalar + 0x20 : scalar }
    if onlyASCII { return scalar }
    return lower(upper(lower(scalar)))
  }

  /// The scalar in its cases; more than two where, as for K, ſ and µ, there are signs of the same letter.
  static func variants(of scalar: UInt32, onlyASCII: Bool) -> [UInt32] {
    if onlyASCII, scalar >= 0x80 { return [] }
    let folded = folded(scalar, onlyASCII: onlyASCII)
    var variants = [folded, upper(folded), lower(scalar), upper(scalar)]
    if onlyASCII { return variants }
    switch folded {
    case 0x69: variants += [0x131, 0x130]
    case 0x73: variants.append(0x17f)
    case 0x6b: variants.append(0x212a)
    case 0xe5: variants.append(0x212b)
    case 0x3bc: variants.append(0xb5)
    case 0x3c9: variants.append(0x2126)
    case 0x3c3: variants.append(0x3c2)
    case 0x3b2: variants.append(0x3d0)
    case 0x3b8: variants += [0x3d1, 0x3f4]
    case 0x3c6: variants.append(0x3d5)
    case 0x3c0: variants.append(0x3d6)
    case 0x3ba: variants.append(0x3f0)
    case 0x3c1: variants.append(0x3f1)
    case 0x3b5: variants.append(0x3f5)
    case 0xdf: variants.append(0x1e9e)
    case 0x1e61: variants.append(0x1e9b)
    default: break
    }
    return variants
  }

  private static func lower(_ scalar: UInt32) -> UInt32 {
    // Its lower case is two scalars; Python takes the first.
    scalar == 0x130 ? 0x69 : mapped(scalar) { $0.lowercaseMapping }
  }

  private static func upper(_ scalar: UInt32) -> UInt32 { mapped(scalar) { $0.uppercaseMapping } }

  private static func mapped(
    _ scalar: UInt32, _ mapping: (Unicode.Scalar.Properties) -> String
  ) -> UInt32 {
    if scalar < 0x41 { return scalar }
    guard let known = Unicode.Scalar(scalar) else { return scalar }
    let scalars = mapping(known.properties).unicodeScalars
    return scalars.count == 1 ? scalars.first?.value ?? scalar : scalar
  }
}

extension RegexNode {
  /// How many characters it matches at least and at most; nil for no bound.
  func width(ofGroup group: (Int) -> (Int, Int?)) -> (least: Int, most: Int?) {
    switch self {
    case .empty, .boundary, .look: return (0, 0)
    case .single: return (1, 1)
    case .group(let node, _), .atomic(let node): return node.width(ofGroup: group)
    case .reference(let number, _): return group(number)
    case .sequence(let nodes):
      return nodes.map { $0.width(ofGroup: group) }.reduce((0, 0)) { sum, next in
        (Self.sum(sum.0, next.0), sum.1.flatMap { sum in next.1.map { Self.sum(sum, $0) } })
      }
    case .choice(let nodes): return Self.either(nodes.map { $0.width(ofGroup: group) })
    case .condition(_, let yes, let no): return Self.either([yes, no].map { $0.width(ofGroup: group) })
    case .repeat(let node, let count):
      let (least, most) = node.width(ofGroup: group)
      let bound = most == 0 ? 0 : count.most.flatMap { times in most.map { Self.product($0, times) } }
      return (Self.product(least, count.least), bound)
    }
  }

  private static func either(_ widths: [(least: Int, most: Int?)]) -> (least: Int, most: Int?) {
    let most = widths.contains { $0.most == nil } ? nil : widths.compactMap(\.most).max() ?? 0
    return (widths.map(\.least).min() ?? 0, most)
  }

  private static func sum(_ first: Int, _ second: Int) -> Int {
    let (sum, overflows) = first.addingReportingOverflow(second)
    return overflows ? .max : sum
  }

  private static func product(_ first: Int, _ second: Int) -> Int {
    let (product, overflows) = first.multipliedReportingOverflow(by: second)
    return overflows ? .max : product
  }
}
