/// Backslashes and `[…]`.
extension RegexParser {
  /// A backslash outside of brackets.
  mutating func escape(_ flags: Flags) throws -> RegexNode {
    let start = index
    index += 1
    guard let letter = peek() else {
      throw failure("a backslash stands at the end: write \\\\ for the character", at: start)
    }
    index += 1
    switch letter {
    case "A": return .boundary(.start)
    case "Z", "z": return .boundary(.end)
    case "b": return .boundary(.word(negated: false, isASCII: flags.isASCII))
    case "B": return .boundary(.word(negated: true, isASCII: flags.isASCII))
    case "0":
      return literal(UInt32(digits(0x30...0x37, atMost: 2), radix: 8) ?? 0, flags)
    case "1"..."9": return try numbered(letter, flags, from: start)
    default: break
    }
    if let entry = shorthand(letter, flags) {
      var set = RegexSet(classes: [entry])
      set.close()
      return .single(.set(set))
    }
    return literal(try character(letter, from: start), flags)
  }

  /// `\1`, or a character by three octal digits.
  private mutating func numbered(_ first: Character, _ flags: Flags, from start: Int) throws -> RegexNode {
    var text = String(first) + digits(atMost: 1)
    if text.count == 2, text.allSatisfy({ ("0"..."7").contains($0) }), let third = peek(),
      ("0"..."7").contains(third)
    {
      text.append(third)
      index += 1
      guard let value = UInt32(text, radix: 8), value <= 0o377 else {
        throw failure("\\\(text) is no character: the largest is \\377", at: start)
      }
      return literal(value, flags)
    }
    guard let number = Int(text), number <= groups else {
      throw failure("there is no group \(text) before it", at: start)
    }
    return try reference(number, flags, from: start)
  }

  private func shorthand(_ letter: Character, _ flags: Flags) -> RegexSet.Class? {
    let kind: RegexSet.Kind
    switch letter {
    case "d", "D": kind = .digit
    case "s", "S": kind = .space
    case "w", "W": kind = .word
    default: return nil
    }
    return RegexSet.Class(kind: kind, isNegated: letter.isUppercase, isASCII: flags.isASCII)
  }

  /// A character by its escape, the same in brackets and outside.
  private mutating func character(_ letter: Character, from start: Int) throws -> UInt32 {
    switch letter {
    case "a": return 0x07
    case "f": return 0x0c
    case "n": return 0x0a
    case "r": return 0x0d
    case "t": return 0x09
    case "v": return 0x0b
    case "x": return try hexadecimal(2, from: start)
    case "u": return try hexadecimal(4, from: start)
    case "U": return try hexadecimal(8, from: start)
    default: break
    }
    if letter.isASCII, letter.isLetter {
      let hints: [Character: String] = [
        "h": "write [ \\t]", "R": "write \\r?\\n", "K": "write a look-behind (?<=…)",
        "Q": "escape each character",
        "E": "escape each character", "p": "write the characters in [ ]", "P": "write the characters in [ ]",
        "N": "write the character itself", "G": "write \\A", "X": "write .",
      ]
      let hint = hints[letter].map { ": " + $0 } ?? ""
      throw failure("\\\(letter) means nothing in Python's expressions\(hint)", at: start)
    }
    return letter.unicodeScalars.first?.value ?? 0
  }

  private mutating func hexadecimal(_ count: Int, from start: Int) throws -> UInt32 {
    var text = ""
    while text.count < count, let digit = peek(), digit.isASCII, digit.isHexDigit {
      text.append(digit)
      index += 1
    }
    guard text.count == count, let value = UInt32(text, radix: 16), value <= 0x10ffff else {
      throw failure("it needs \(count) hexadecimal digits of a character's number", at: start)
    }
    return value
  }

  // MARK: - Sets

  private enum Member {
    case scalar(UInt32)
    case shorthand(RegexSet.Class)
  }

  mutating func set(_ flags: Flags) throws -> RegexSet {
    let start = index
    index += 1
    var set = RegexSet()
    set.foldsCase = flags.foldsCase
    set.foldsASCII = flags.isASCII
    set.isNegated = take("^")
    var isFirst = true
    while true {
      guard let next = peek() else {
        throw failure("the [ is not closed: write \\[ for the character", at: start)
      }
      if next == "]", !isFirst { break }
      isFirst = false
      let place = index
      let low = try member(flags)
      guard peek() == "-", let after = peek(1) else {
        add(low, to: &set)
        continue
      }
      if after == "]" {
        add(low, to: &set)
        continue
      }
      index += 1
      let high = try member(flags)
      guard case .scalar(let first) = low, case .scalar(let last) = high, first <= last else {
        throw failure(
          "the range \(text(from: place)) is none: write \\- for the character, or put the - at the end",
          at: place)
      }
      set.ranges.append(first...last)
    }
    index += 1
    set.close()
    return set
  }

  private func text(from start: Int) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars[start..<index].compactMap { Unicode.Scalar($0) })
    return String(text)
  }

  private func add(_ member: Member, to set: inout RegexSet) {
    switch member {
    case .scalar(let scalar): set.ranges.append(scalar...scalar)
    case .shorthand(let entry): set.classes.append(entry)
    }
  }

  private mutating func member(_ flags: Flags) throws -> Member {
    let start = index
    if take("[:") {
      // Python takes these for the characters themselves and warns; whoever writes them means the class.
      let known = [
        "space": "\\s", "digit": "\\d", "alnum": "a-zA-Z0-9", "alpha": "a-zA-Z", "blank": " \\t",
        "upper": "A-Z", "lower": "a-z", "xdigit": "0-9a-fA-F", "punct": "the characters",
      ]
      for (name, instead) in known where take(name + ":]") {
        throw failure("[:\(name):] means nothing in Python's expressions: write \(instead)", at: start)
      }
      index = start
    }
    guard take("\\") else {
      index += 1
      return .scalar(scalars[start])
    }
    guard let letter = peek() else { throw failure("a backslash stands at the end", at: start) }
    index += 1
    switch letter {
    case "b": return .scalar(0x08)
    case "0"..."7":
      let text = String(letter) + digits(0x30...0x37, atMost: 2)
      guard let value = UInt32(text, radix: 8), value <= 0o377 else {
        throw failure("\\\(text) is no character: the largest is \\377", at: start)
      }
      return .scalar(value)
    case "8", "9": throw failure("\\\(letter) means nothing in brackets", at: start)
    default: break
    }
    if let entry = shorthand(letter, flags) { return .shorthand(entry) }
    return .scalar(try character(letter, from: start))
  }
}
