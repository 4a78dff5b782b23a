/// A pattern of gitignore(5) for one name or a path: bytes, as git has it, so that `?` is one byte and not a letter.
struct GlobPattern: Sendable, Hashable {
  private enum Token: Sendable, Hashable {
    case byte(UInt8)
    /// `?`, and `*` within a name.
    case one, star
    /// `**` at the end of a path, or anywhere in a name.
    case all
    /// `**/`: nothing, or any folders. The first may be skipped together with the second.
    case enter, inside
    case set(ByteSet)
  }
  /// Nil for a pattern that matches nothing, as one that ends in a bracket or a backslash.
  private let tokens: [Token]?
  /// What is compared at once: a pattern without a wildcard, or what follows its only star, at the beginning.
  private let literal: [UInt8]?
  private let suffix: [UInt8]?

  /// - Parameter isPath: Whether it is for a whole path, in which a `*` ends at a slash.
  init(_ pattern: ArraySlice<UInt8>, isPath: Bool) {
    let pattern = Array(pattern)
    let tokens = Self.parse(pattern, isPath: isPath)
    self.tokens = tokens
    let bytes = { (tokens: ArraySlice<Token>) -> [UInt8]? in
      let bytes = tokens.compactMap { if case .byte(let byte) = $0 { byte } else { nil } }
      return bytes.count == tokens.count ? bytes : nil
    }
    literal = tokens.flatMap { bytes($0[...]) }
    suffix = tokens?.first == .all ? tokens.flatMap { bytes($0.dropFirst()) } : nil
  }

  func matches(_ text: ArraySlice<UInt8>) -> Bool {
    guard let tokens else { return false }
    if let literal { return text.elementsEqual(literal) }
    if let suffix { return text.count >= suffix.count && text.suffix(suffix.count).elementsEqual(suffix) }
    // Every place in the pattern where the text so far can have come to.
    var places = [Bool](repeating: false, count: tokens.count + 1)
    places[0] = true
    Self.skip(&places, tokens)
    for byte in text {
      var next = [Bool](repeating: false, count: tokens.count + 1)
      for (index, token) in tokens.enumerated() where places[index] {
        switch token {
        case .byte(let wanted): if wanted == byte { next[index + 1] = true }
        case .one: if byte != Self.slash { next[index + 1] = true }
        case .star: if byte != Self.slash { next[index] = true }
        case .all: next[index] = true
        case .enter: break
        case .inside:
          next[index] = true
          if byte == Self.slash { next[index + 1] = true }
        case .set(let set): if set.contains(byte) { next[index + 1] = true }
        }
      }
      Self.skip(&next, tokens)
      places = next
    }
    return places[tokens.count]
  }

  /// Adds the places that are come to without a byte.
  private static func skip(_ places: inout [Bool], _ tokens: [Token]) {
    for (index, token) in tokens.enumerated() where places[index] {
      switch token {
      case .star, .all: places[index + 1] = true
      case .enter:
        places[index + 1] = true
        places[index + 2] = true
      default: break
      }
    }
  }

  private static let slash = UInt8(ascii: "/")
  private static let asterisk = UInt8(ascii: "*")
  private static let backslash = UInt8(ascii: "\\")
  private static let bracket = UInt8(ascii: "[")

  private static func parse(_ pattern: [UInt8], isPath: Bool) -> [Token]? {
    var tokens: [Token] = []
    var index = 0
    // git compares what stands before the first wildcard by itself, so two stars after it stand at a beginning.
    let wildcards = [asterisk, UInt8(ascii: "?"), bracket, backslash]
    let literalEnd = pattern.firstIndex { wildcards.contains($0) } ?? pattern.count
    while index < pattern.count {
      let byte = pattern[index]
      switch byte {
      case backslash:
        guard index + 1 < pattern.count else { return nil }
        tokens.append(.byte(pattern[index + 1]))
        index += 2
      case UInt8(ascii: "?"):
        tokens.append(.one)
        index += 1
      case asterisk:
        let start = index
        while index < pattern.count, pattern[index] == asterisk { index += 1 }
        let isAtStart = start == 0 || start == literalEnd || pattern[start - 1] == slash
        let rest = pattern[index...]
        if !isPath {
          tokens.append(.all)
        } else if index - start > 1, isAtStart, rest.first == slash {
          tokens += [.enter, .inside]
          index += 1
        } else if index - start > 1, isAtStart, rest.isEmpty || rest.starts(with: [backslash, slash]) {
          tokens.append(.all)
        } else {
          tokens.append(.star)
        }
      case bracket:
        guard let (set, end) = ByteSet.parse(pattern, at: index + 1, isPath: isPath) else { return nil }
        tokens.append(.set(set))
        index = end
      default:
        tokens.append(.byte(byte))
        index += 1
      }
    }
    return tokens
  }
}

/// Some of the 256 bytes: a bracket expression as `[a-z]`, `[!0-9]`, `[[:space:]]`.
private struct ByteSet: Sendable, Hashable {
  private var members = Set<UInt8>()

  func contains(_ byte: UInt8) -> Bool { members.contains(byte) }

  /// - Parameter start: The place behind the opening bracket.
  /// - Returns: The set and the place behind the closing bracket; nil if there is none.
  static func parse(_ pattern: [UInt8], at start: Int, isPath: Bool) -> (ByteSet, Int)? {
    var index = start
    func at(_ index: Int) -> UInt8? { index < pattern.count ? pattern[index] : nil }
    let isNegated = at(index) == UInt8(ascii: "!") || at(index) == UInt8(ascii: "^")
    if isNegated { index += 1 }
    var set = ByteSet()
    var previous: UInt8?
    var isFirst = true
    while isFirst || at(index) != UInt8(ascii: "]") {
      isFirst = false
      guard var byte = at(index) else { return nil }
      if byte == UInt8(ascii: "\\") {
        index += 1
        guard let escaped = at(index) else { return nil }
        set.members.insert(escaped)
        previous = escaped
      } else if byte == UInt8(ascii: "-"), let low = previous, let end = at(index + 1),
        end != UInt8(ascii: "]")
      {
        index += 1
        byte = end
        if byte == UInt8(ascii: "\\") {
          index += 1
          guard let escaped = at(index) else { return nil }
          byte = escaped
        }
        if low <= byte { set.members.formUnion(low...byte) }
        previous = nil
      } else if byte == UInt8(ascii: "["), at(index + 1) == UInt8(ascii: ":") {
        guard let end = pattern[(index + 2)...].firstIndex(of: UInt8(ascii: "]")) else { return nil }
        if end - 1 >= index + 2, pattern[end - 1] == UInt8(ascii: ":") {
          guard let named = named(String(decoding: pattern[(index + 2)..<(end - 1)], as: UTF8.self)) else {
            return nil
          }
          set.members.formUnion((0...127).filter(named))
          index = end
          previous = nil
        } else {
          // No class after all, but a bracket like any other character.
          set.members.insert(byte)
          previous = byte
        }
      } else {
        set.members.insert(byte)
        previous = byte
      }
      index += 1
    }
    if isNegated { set.members = Set(0...255).subtracting(set.members) }
    if isPath { set.members.remove(UInt8(ascii: "/")) }
    return (set, index + 1)
  }

  /// The classes of POSIX's locale.
  private static func named(_ name: String) -> ((UInt8) -> Bool)? {
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    let isUpper = { (byte: UInt8) in (0x41...0x5a).contains(byte) }
    let isLower = { (byte: UInt8) in (0x61...0x7a).contains(byte) }
    let isGraph = { (byte: UInt8) in (0x21...0x7e).contains(byte) }
    let isAlnum = { (byte: UInt8) in isDigit(byte) || isUpper(byte) || isLower(byte) }
    switch name {
    case "alnum": return isAlnum
    case "alpha": return { isUpper($0) || isLower($0) }
    case "blank": return { $0 == 0x20 || $0 == 0x09 }
    case "cntrl": return { $0 < 0x20 || $0 == 0x7f }
    case "digit": return isDigit
    case "graph": return isGraph
    case "lower": return isLower
    case "print": return { isGraph($0) || $0 == 0x20 }
    case "punct": return { isGraph($0) && !isAlnum($0) }
    case "space": return { $0 == 0x20 || (0x09...0x0d).contains($0) }
    case "upper": return isUpper
    case "xdigit": return { isDigit($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0) }
    default: return nil
    }
  }
}
