/// Where in a command the next word stands: whether a reserved word would be one there, and what a `)` closes.
struct CommandReader {
  /// What is open, the innermost last.
  var nests: [ShellScanner.Nest] = []
  /// The here-documents whose lines follow the next line break.
  var documents: [ShellScanner.HereDocument] = []
  /// Whether the next word is where a redirection leads.
  var isRedirecting = false
  /// Whether assignments may still come.
  private(set) var mayAssign = true
  /// The command's name, where it reads its words as a command once more.
  private(set) var name = ""
  /// Whether a reserved word would be recognised.
  private var isAtStart = true
  /// `for name`, after which `do` is a reserved word: how many words of it are still to come.
  private var wordsOfFor = 0

  /// Whether the command takes its words for a command.
  var isEvaluating: Bool { !name.isEmpty }

  mutating func beginCommand() {
    isAtStart = true
    mayAssign = true
    isRedirecting = false
    name = ""
    wordsOfFor = 0
  }

  mutating func replaceNest(_ nest: ShellScanner.Nest) { nests[nests.count - 1] = nest }

  /// - Parameters:
  ///   - literal: The word, if nothing in it is quoted or expanded.
  ///   - isAssignment: Whether it has the form of one.
  mutating func endWord(literal: [UInt8]?, isAssignment: Bool) {
    let word = literal.map { String(decoding: $0, as: UTF8.self) }
    if isRedirecting {
      isRedirecting = false
      return
    }
    switch nests.last {
    case .caseWord:
      replaceNest(.caseIn)
      return
    case .caseIn where word == "in":
      replaceNest(.casePattern(hasBegun: false))
      return
    case .casePattern(let hasBegun):
      if !hasBegun, word == "esac" {
        nests.removeLast()
        isAtStart = true
        mayAssign = false
      } else {
        replaceNest(.casePattern(hasBegun: true))
      }
      return
    default: break
    }
    if isAtStart, let word, reserved(word) { return }
    if wordsOfFor > 0 {
      wordsOfFor -= 1
      isAtStart = wordsOfFor == 0
      return
    }
    isAtStart = false
    guard mayAssign, !isAssignment else { return }
    mayAssign = false
    name = ["eval", "trap"].contains(word) ? word ?? "" : ""
  }

  private mutating func reserved(_ word: String) -> Bool {
    switch word {
    case "case":
      nests.append(.caseWord)
      isAtStart = false
    case "esac":
      guard nests.last == .caseBody else { return false }
      nests.removeLast()
      mayAssign = false
    case "for":
      isAtStart = false
      mayAssign = false
      wordsOfFor = 1
    case "if", "then", "else", "elif", "while", "until", "do", "{", "!": beginCommand()
    case "fi", "done", "}": mayAssign = false
    default: return false
    }
    return true
  }
}
