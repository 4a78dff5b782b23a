/// Words, and the here-documents that redirections announce.
extension ShellScanner {
  /// Reads a word; it begins here.
  mutating func word(_ reader: inout CommandReader) throws(Verdict) {
    let start = index
    let firstHole = hole
    outerDocuments += reader.documents.count
    defer { outerDocuments -= reader.documents.count }
    // The word as it stands, while nothing in it is quoted or expanded.
    var literal: [UInt8]? = []
    // Whether it began as the name of an assignment, and whether a hole is in that.
    var hasEquals = false
    var holeBeforeEquals = false
    var isDollar = false
    var isTilde = false
    var isAfterList = false
    scan: while true {
      if isAtHole {
        let current = holes[hole]
        if isDollar { try refuse("right behind a $", "write \\$ for a dollar sign, or leave it out") }
        if isTilde { try refuse("right behind a ~", "no shell replaces ~ before a value: write the folder") }
        if reader.isEvaluating, current.kind == .value {
          try refuse(
            "as a word of \(reader.name), which reads it as a command once more", "write the command itself")
        }
        if current.kind == .list, index > start || firstHole < hole { try refuseGluedList() }
        if isAfterList { try refuseGluedList() }
        isAfterList = current.kind == .list
        if current.kind == .number {
          if endsVariable { try refuse("right behind the name of a variable", "write ${name}") }
          if index == start, let next = after(current), next == UInt8(ascii: "<") || next == UInt8(ascii: ">")
          {
            try refuse("right before a redirection, as its descriptor", "put a blank between them")
          }
        }
        endsVariable = false
        passHole()
        literal = nil
        if !hasEquals { holeBeforeEquals = true }
        continue
      }
      guard let byte else { break }
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: ";"), UInt8(ascii: "&"),
        UInt8(ascii: "|"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"):
        break scan
      default: break
      }
      if isAfterList { try refuseGluedList() }
      isDollar = false
      endsVariable = false
      // `~name` up to the slash: what follows is a part of the name.
      let wasTilde = isTilde
      isTilde = false
      switch byte {
      case UInt8(ascii: "\\"):
        index += 1
        if isAtHole { try refuse("right behind a backslash", "leave the backslash out") }
        guard index < bytes.count else { throw .problem("the command ends with a backslash") }
        index += 1
        literal = nil
      case UInt8(ascii: "'"):
        try singleQuotes()
        literal = nil
      case UInt8(ascii: "\""):
        try doubleQuotes()
        literal = nil
      case UInt8(ascii: "`"):
        try backquotes()
        literal = nil
      case UInt8(ascii: "$"):
        literal = nil
        isDollar = try dollar(isQuoted: false)
      default:
        if byte == UInt8(ascii: "=") {
          if reader.mayAssign, holeBeforeEquals, !hasEquals {
            throw .problem(
              "a value stands in the name of a variable in \(shown(to: index)): write the name out")
          }
          hasEquals = true
        }
        let mayBeTilde = index == start || [UInt8(ascii: "="), UInt8(ascii: ":")].contains(bytes[index - 1])
        isTilde = byte == UInt8(ascii: "~") ? mayBeTilde : wasTilde && byte != UInt8(ascii: "/")
        literal?.append(byte)
        index += 1
      }
    }
    reader.endWord(literal: literal, isAssignment: hasEquals && !holeBeforeEquals)
  }

  func after(_ hole: ShellHole) -> UInt8? {
    let end = hole.range.upperBound
    return end < bytes.count ? bytes[end] : nil
  }

  func refuseGluedList() throws(Verdict) -> Never {
    throw .problem(
      "a list stands right beside something else in \(shown(to: index)): it is several words, or none: "
        + "put blanks around it")
  }

  mutating func delimiter(isStripped: Bool) throws(Verdict) -> HereDocument {
    while byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { index += 1 }
    var document = HereDocument(delimiter: [], isStripped: isStripped, isQuoted: false)
    while !isAtEnd {
      guard let byte else { try refuse("as the delimiter of a here-document", "write the delimiter out") }
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: ";"), UInt8(ascii: "&"),
        UInt8(ascii: "|"), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "("), UInt8(ascii: ")"):
        return document
      case UInt8(ascii: "\\"):
        document.isQuoted = true
        if let next = peek(1) { document.delimiter.append(next) }
        index += 2
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        document.isQuoted = true
        index += 1
        while let inner = self.byte, inner != byte {
          if inner == UInt8(ascii: "\\"), byte == UInt8(ascii: "\"") {
            throw .doubt("a delimiter with a backslash")
          }
          document.delimiter.append(inner)
          index += 1
        }
        if isAtHole { try refuse("as the delimiter of a here-document", "write the delimiter out") }
        index += 1
      case UInt8(ascii: "$"), UInt8(ascii: "`"):
        throw .doubt("a here-document's delimiter with \(Character(Unicode.Scalar(byte)))")
      default:
        document.delimiter.append(byte)
        index += 1
      }
    }
    return document
  }

  mutating func body(of document: HereDocument) throws(Verdict) {
    var isContinued = false
    while index < bytes.count || isAtHole {
      var line: [UInt8] = []
      while !isAtEnd, byte != UInt8(ascii: "\n") {
        if isAtHole {
          line += bytes[holes[hole].range]
          try value(
            "in a here-document",
            "give it to the command by input:, or print it with printf '%s\\n' \\(value)")
        } else {
          let start = index
          endsVariable = false
          if !document.isQuoted, byte == UInt8(ascii: "$") { noteVariable() } else { index += 1 }
          line += bytes[start..<index]
        }
      }
      index += 1
      endsVariable = false
      let text = document.isStripped ? line.drop { $0 == UInt8(ascii: "\t") } : line[...]
      if text.elementsEqual(document.delimiter) {
        if isContinued { throw .doubt("a here-document's delimiter on a continued line") }
        index = min(index, bytes.count)
        return
      }
      let backslashes = line.reversed().prefix { $0 == UInt8(ascii: "\\") }.count
      isContinued = !document.isQuoted && backslashes % 2 == 1
    }
    throw .problem("the here-document <<\(String(decoding: document.delimiter, as: UTF8.self)) has no end")
  }
}
