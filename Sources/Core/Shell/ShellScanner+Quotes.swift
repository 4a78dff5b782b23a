/// Quotes and expansions.
extension ShellScanner {
  mutating func singleQuotes() throws(Verdict) {
    let start = index
    index += 1
    while !isAtEnd {
      if isAtHole {
        try value("in single quotes", Self.leaveOut)
      } else {
        index += 1
        if bytes[index - 1] == UInt8(ascii: "'") { return }
      }
    }
    throw notClosed("'", from: start)
  }

  mutating func doubleQuotes() throws(Verdict) {
    let start = index
    index += 1
    while !isAtEnd {
      guard let byte else {
        try value("in double quotes", Self.leaveOut)
        continue
      }
      endsVariable = false
      switch byte {
      case UInt8(ascii: "\""):
        index += 1
        return
      case UInt8(ascii: "\\"): index += peek(1) == nil ? 1 : 2
      case UInt8(ascii: "`"): try backquotes()
      case UInt8(ascii: "$"):
        if try dollar(isQuoted: true), isAtHole { try refuse("right behind a $", "leave it out") }
      default: index += 1
      }
    }
    throw notClosed("\"", from: start)
  }

  mutating func backquotes() throws(Verdict) {
    let start = index
    index += 1
    while !isAtEnd {
      guard let byte else {
        try value("in backquotes", "write $(…) in their place")
        continue
      }
      index += byte == UInt8(ascii: "\\") && peek(1) != nil ? 2 : 1
      if byte == UInt8(ascii: "`") { return }
    }
    throw notClosed("`", from: start)
  }

  /// Reads `$` and what belongs to it.
  ///
  /// - Returns: Whether it is a mere `$` so far.
  mutating func dollar(isQuoted: Bool) throws(Verdict) -> Bool {
    let start = index
    if peek("$((") {
      index += 3
      try arithmetic(from: start)
    } else if peek("$(") {
      index += 2
      try command(untilParenthesis: true, from: start)
    } else if peek("${") {
      index += 2
      try parameter(isQuoted: isQuoted, from: start)
    } else if !isQuoted, peek("$'") {
      index += 1
      let quote = index
      try singleQuotes()
      if bytes[quote..<index].contains(UInt8(ascii: "\\")) { throw .doubt("$'…\\…'") }
    } else {
      let end = noteVariable()
      return !end
    }
    return false
  }

  /// Passes `$name`.
  ///
  /// - Returns: Whether there was a name.
  @discardableResult mutating func noteVariable() -> Bool {
    index += 1
    guard let first = byte else { return false }
    if first.isNameByte, !(0x30...0x39).contains(first) {
      while let next = byte, next.isNameByte { index += 1 }
      endsVariable = true
      return true
    }
    guard (0x30...0x39).contains(first) || "@*#?-$!".utf8.contains(first) else { return false }
    index += 1
    return true
  }

  mutating func parameter(isQuoted: Bool, from start: Int) throws(Verdict) {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthLimit else {
      throw .problem("the command is nested more than \(Self.depthLimit) deep")
    }
    while !isAtEnd {
      guard let byte else {
        try value("in ${ }", "give it to a variable first: name=\\(value)")
        continue
      }
      endsVariable = false
      switch byte {
      case UInt8(ascii: "}"):
        index += 1
        return
      case UInt8(ascii: "\\"): index += peek(1) == nil ? 1 : 2
      case UInt8(ascii: "'"):
        if isQuoted { throw .doubt("a single quote in \"${ }\"") }
        try singleQuotes()
      case UInt8(ascii: "\""):
        if isQuoted { throw .doubt("double quotes in \"${ }\"") }
        try doubleQuotes()
      case UInt8(ascii: "`"): try backquotes()
      case UInt8(ascii: "$"): _ = try dollar(isQuoted: isQuoted)
      default: index += 1
      }
    }
    throw notClosed("${", from: start)
  }

  mutating func arithmetic(from start: Int) throws(Verdict) {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthLimit else {
      throw .problem("the command is nested more than \(Self.depthLimit) deep")
    }
    var open = 0
    while !isAtEnd {
      guard let byte else {
        if holes[hole].kind == .number, bytes[holes[hole].range].first == UInt8(ascii: "-"), index > 0,
          bytes[index - 1] == UInt8(ascii: "-")
        {
          try refuse("right behind a minus, being negative", "put a blank between them")
        }
        try value("in $(( ))", "give it to a variable first: name=\\(value)")
        continue
      }
      endsVariable = false
      switch byte {
      case UInt8(ascii: "("):
        open += 1
        index += 1
      case UInt8(ascii: ")"):
        index += 1
        if open > 0 {
          open -= 1
        } else if self.byte == UInt8(ascii: ")") {
          index += 1
          return
        } else {
          throw .doubt("$(( that doesn't end with ))")
        }
      case UInt8(ascii: "`"): try backquotes()
      case UInt8(ascii: "$"): _ = try dollar(isQuoted: true)
      case UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "\\"): throw .doubt("quotes in $(( ))")
      default: index += 1
      }
    }
    throw notClosed("$((", from: start)
  }
}

extension UInt8 {
  /// Whether it may be in the name of a variable.
  fileprivate var isNameByte: Bool {
    switch self {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
