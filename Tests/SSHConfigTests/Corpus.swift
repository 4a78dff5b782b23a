import TestSupport

/// A random configuration: a file, the files it includes, and what `ssh` is asked about it.
struct Configuration {
  var text = ""
  /// By name, in the folder that `INCLUDES` stands for.
  var included: [String: String] = [:]
  var questions: [Question] = []
}

/// One call of `ssh -G`.
struct Question: Sendable, CustomStringConvertible {
  var host: String
  var user: String?
  var port: Int?
  var overrides: [String] = []

  var arguments: [String] {
    (user.map { ["-l", $0] } ?? []) + (port.map { ["-p", "\($0)"] } ?? [])
      + overrides.flatMap { ["-o", $0] } + [host]
  }

  var description: String { arguments.joined(separator: " ") }
}

/// Writes configurations as people (and their enemies) do.
struct Corpus {
  private var dice: Dice

  init(seed: UInt64) { dice = Dice(seed: seed) }

  static let hosts = [
    "web1", "web2.example.com", "db.internal", "10.0.0.5", "bastion", "WEB1", "127.1", "::1", "a.b.c.d",
    "host-b.Example.com", "fe80::1%lo", "0x7f000001", "web_3",
  ]
  private static let patterns = [
    "web1", "web*", "*.example.com", "!web2.example.com", "db.internal", "10.0.0.?", "10.*", "*", "!*",
    "bastion",
    "WEB1", "w?b1", "*.?", "!db*", "real.example.com", "127.0.0.1", "::1", "!10.0.0.5", "*.EXAMPLE.com",
    "web_?",
  ]
  private static let users = ["root", "deploy", "admin", "git-user", "o.reilly"]

  mutating func configuration() -> Configuration {
    var result = Configuration()
    let isCRLF = dice.chance(8)
    var lines: [String] = []
    if dice.chance(25) { lines += settings(1...4) }
    for _ in 0..<dice.number(1...7) {
      lines.append(heading())
      lines += settings(0...7)
      if dice.chance(15) { lines.append(include(&result)) }
      if dice.chance(20) { lines.append(dice.one(["", "   ", "# a comment", "\t# \"unbalanced", "#"])) }
    }
    if dice.chance(10) {
      let at = dice.number(0...lines.count)
      lines.insert(dice.one(Mistakes.lines), at: at)
    }
    result.text = lines.joined(separator: isCRLF ? "\r\n" : "\n") + (dice.chance(90) ? "\n" : "")
    for _ in 0..<3 { result.questions.append(question()) }
    return result
  }

  private mutating func question() -> Question {
    var question = Question(host: dice.one(Self.hosts))
    if dice.chance(25) { question.user = dice.one(Self.users) }
    if dice.chance(15) { question.port = dice.number(1...65535) }
    if dice.chance(15) {
      question.overrides = (0..<dice.number(1...2)).map { _ in
        let (keyword, value) = setting()
        return keyword + dice.one(["=", " ", " = "]) + value
      }
    }
    return question
  }

  private mutating func include(_ result: inout Configuration) -> String {
    var names: [String] = []
    for _ in 0..<dice.number(1...2) {
      let name = "\(dice.one(["a", "b", "c"]))\(result.included.count).conf"
      var lines = settings(0...3)
      if dice.chance(60) {
        lines.append(heading())
        lines += settings(0...3)
      }
      if dice.chance(15) { lines.append("Include INCLUDES/deeper*.conf") }
      result.included[name] = lines.joined(separator: "\n") + "\n"
      names.append(
        dice.one(["INCLUDES/\(name)", "INCLUDES/\(name.prefix(1))*.conf", "\"INCLUDES/\(name)\""]))
    }
    if result.included["deeper.conf"] == nil, dice.chance(40) {
      result.included["deeper.conf"] = (settings(1...2) + [heading()] + settings(1...2)).joined(
        separator: "\n")
    }
    if dice.chance(20) { names.append("INCLUDES/missing*.conf") }
    return written("Include") + " " + names.joined(separator: " ")
  }

  private mutating func heading() -> String {
    if dice.chance(60) {
      let patterns = (0..<dice.number(1...3)).map { _ in
        let pattern = dice.one(Self.patterns)
        return dice.chance(10) ? "\"\(pattern)\"" : pattern
      }
      return written("Host") + dice.one([" ", "=", "\t", " = "]) + patterns.joined(separator: " ")
        + dice.one(["", "", "", " # why", "  "])
    }
    if dice.chance(10) {
      return written("Match") + dice.one([" all", " !all", " final all", " canonical all"])
    }
    let criteria = (0..<dice.number(1...3)).map { _ in criterion() }
    return written("Match") + " " + criteria.joined(separator: " ") + dice.one(["", "", " # why"])
  }

  private mutating func criterion() -> String {
    let negation = dice.chance(25) ? "!" : ""
    let separator = dice.one([" ", " ", "="])
    func list(_ pool: [String], _ dice: inout Dice) -> String {
      (0..<dice.number(1...3)).map { _ in dice.one(pool) }.joined(separator: ",")
    }
    switch dice.number(0...6) {
    case 0, 1: return negation + written("host") + separator + list(Self.patterns, &dice)
    case 2: return negation + written("originalhost") + separator + list(Self.patterns, &dice)
    case 3: return negation + written("user") + separator + list(Self.users + ["!root", "*", "d*"], &dice)
    case 4: return negation + "localuser" + separator + list(["root", "nobody", "!root", "*"], &dice)
    case 5: return negation + dice.one(["final", "canonical", "FINAL"])
    default:
      return negation + "exec" + separator
        + dice.one([
          "true", "false", "\"test %p -eq 22\"", "\"test '%h' = web1\"",
          "\"case %n in web*) ;; *) false;; esac\"",
          "\"test -n '%C%L%l%d%i%k%r%u'\"", "\"echo out; echo err >&2; exit 3\"",
        ])
    }
  }

  private mutating func settings(_ count: ClosedRange<Int>) -> [String] {
    (0..<dice.number(count)).map { _ in
      let (keyword, value) = setting()
      let indent = dice.one(["  ", "\t", "", "    "])
      let separator = dice.one([" ", " ", " ", "=", " = ", "\t", "  "])
      return indent + written(keyword) + separator + value + dice.one(["", "", "", " ", "\t "])
    }
  }

  /// A keyword, sometimes in another case.
  private mutating func written(_ keyword: String) -> String {
    dice.one([keyword, keyword, keyword, keyword.lowercased(), keyword.uppercased()])
  }

  private mutating func setting() -> (String, String) {
    let kind = dice.one(CorpusValues.all)
    var value = dice.one(kind.values)
    // Commands and ProxyJump take the rest of the line as it is.
    if !kind.isRaw, !value.contains("\""), !value.contains("'"), !value.contains("\\"), !value.contains("#") {
      if !value.contains(" "), dice.chance(12) { value = dice.one(["\"\(value)\"", "'\(value)'"]) }
      if dice.chance(8) { value += " # comment \"" }
    }
    return (kind.keyword, value)
  }
}
