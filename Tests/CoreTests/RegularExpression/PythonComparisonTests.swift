import Foundation
import MartletCore
import TestSupport
import Testing

/// Expressions as people write them in Ansible's `lineinfile`, and generated ones, against the real `re` of Python.
@Suite struct PythonComparisonTests {
  /// A pattern, a line, and where both should match: the whole and the groups; empty for no match, nil for an error.
  private typealias Pair = [String]

  @Test func expressionsMatchAsInPython() async throws {
    var dice = Dice(seed: 9)
    var pairs = Corpus.patterns.flatMap { pattern in
      Corpus.lines.shuffled(using: &dice).prefix(8).map { [pattern, $0] }
    }
    let generated = rounds(2000, long: 40_000)
    for _ in 0..<generated { pairs.append([Corpus.pattern(&dice), Corpus.line(&dice)]) }
    let folder = try TemporaryFolder()
    try folder.write("pairs", String(decoding: try JSONEncoder().encode(pairs), as: UTF8.self))
    try folder.write("ask.py", Self.script)
    let answer = try await LocalShell.dash.run("python3 \(folder.remote("ask.py")) \(folder.remote("pairs"))")
    try #require(answer.status == 0, "\(answer.errors)")
    let expected = try JSONDecoder().decode([[Int]?].self, from: Data(answer.output))
    try #require(expected.count == pairs.count)
    var matches = 0
    var errors = 0
    for (pair, wanted) in zip(pairs, expected) {
      let found = Self.match(pair)
      #expect(found == wanted, "\(pair[0].debugDescription) in \(pair[1].debugDescription)")
      if wanted == nil { errors += 1 } else if wanted?.isEmpty == false { matches += 1 }
    }
    // The comparison is of something: neither all matches nor all errors.
    #expect(matches > pairs.count / 10 && errors > pairs.count / 20 && errors < pairs.count / 2)
  }

  private static func match(_ pair: Pair) -> [Int]? {
    guard let expression = try? RegularExpression(pair[0]) else { return nil }
    guard let match = try? expression.firstMatch(in: pair[1].utf8) else { return [] }
    return match.groups.flatMap { $0.map { [$0.lowerBound, $0.upperBound] } ?? [-1, -1] }
  }

  private static let script = """
    import json, re, sys, warnings
    warnings.simplefilter("ignore")
    answers = []
    for pattern, line in json.load(open(sys.argv[1], encoding="utf-8")):
        try:
            expression = re.compile(pattern)
        except Exception:
            answers.append(None)
            continue
        match = expression.search(line)
        spans = [match.span(n) for n in range(expression.groups + 1)] if match else []
        answers.append([place for span in spans for place in span])
    print(json.dumps(answers))
    """
}

/// Expressions and lines.
private enum Corpus {
  /// As they stand in public playbooks.
  static let patterns = [
    #"^#?\s*PermitRootLogin\b"#, #"^#?PasswordAuthentication\s"#, #"^(#\s*)?Port\s+\d+"#, #"\bolddb\b"#,
    #"^127\.0\.0\.1"#,
    #"^deploy\b"#, #"^%sudo\s+ALL=\(ALL:ALL\)\s+ALL$"#, #"^\s*#?\s*listen_addresses\s*=\s*'[^']*'"#,
    #"^SELINUX="#,
    #"^.*\s+swap\s+.*$"#, #"^(?!#).*\bswap\b"#, #"^#?\s*max_connections\s*=.*"#, #"(?i)^servername\s"#,
    #"^GRUB_CMDLINE_LINUX=\"((?:.(?!quiet))*)\"$"#,
    #"^(.*)Xms(\d+)m(.*)$"#, #"^\[defaults\]"#, #"^-l\s"#, #"^@reboot"#, #"^# *en_US\.UTF-8"#,
    #"(?<=server )\S+"#,
    #"^bind-address\s*=\s*(?P<ip>[\d.]+)$"#, #"^(\S+)\s+\1$"#, #"^export PATH=(["']).*\1"#,
    #"^HISTSIZE=.{3,5}$"#, #"^[^#\s]"#,
    #"^\s*$"#, #"\.example\.com$"#, #"^net\.ipv4\.ip_forward\s*=\s*[01]"#, #"^;?date\.timezone\s*="#,
    #"^(?P<k>\w+)=(?P<v>.*)$"#,
    #"^auth\s+required\s+pam_wheel\.so(?!.*group)"#, #"^#?(net|kernel)\.\w+"#, #"caf[ée]"#, #"^[A-Z_]+="#,
    #"(a+)b\1?"#, #"\$\{?HOME\}?"#,
  ]

  static let lines = [
    "#PermitRootLogin prohibit-password", "PermitRootLoginX yes", "PasswordAuthentication yes", "# Port 22",
    "Port 2222",
    "10.0.0.5 olddb.example.com", "10.0.0.5 olddb", "127.0.0.1 localhost", "deploy:x:1000:1000",
    "%sudo   ALL=(ALL:ALL) ALL",
    "#listen_addresses = 'localhost'\t\t# what IP", "SELINUX=enforcing", "/dev/sda2 none swap sw 0 0",
    "#/dev/sda2 none swap sw",
    "max_connections = 100", "ServerName www.example.com", "GRUB_CMDLINE_LINUX=\"splash\"",
    "GRUB_CMDLINE_LINUX=\"splash quiet\"",
    "-Xms256m -server", "[defaults]", "# en_US.UTF-8 UTF-8", "server 0.debian.pool.ntp.org iburst",
    "bind-address = 127.0.0.1",
    "same same", "export PATH=\"$HOME/bin:$PATH\"", "HISTSIZE=1000", "", "   ", "net.ipv4.ip_forward=1",
    ";date.timezone =",
    "auth required pam_wheel.so use_uid group=adm", "café", "cafe\u{301}", "aaba", "Größe=1", "key=värde",
    "\u{1f600} ok",
  ]

  static let atoms = [
    #"\b"#, #"\B"#, #"\w"#, #"\s"#, #"\d"#, #"\W"#, #"\S"#, #"\D"#, ".", "^", "$", #"\A"#, #"\Z"#, "a", "b",
    "ab", "foo", "Port",
    "10", "#", "=", " ", ":", "/", "-", "_", #"\."#, #"\("#, #"\["#, "é", "ß", "K", "k", "µ", "[a-z]", "[^#]",
    "[A-Za-z0-9_.-]",
    "[^a-z ]", #"[\d.]"#, #"[\s#]"#, #"[^\w]"#, "[]a]", "[^]a]", "[a-]", "[-a]", "{", "}", "a{2}", "x{,2}",
    #"\t"#, #"\x41"#,
    #"\u00e9"#, #"\/"#, #"\#"#, #"\-"#,
  ]
  static let odd = [
    "(?i)", "(?m)", "(?x)", #"\y"#, #"\h"#, #"\1"#, #"\2"#, "(?P=n)", #"\07"#, #"\101"#, "\n", "(?#c)", "[",
    "(", ")", "*", "+", "|",
  ]
  static let repeats = [
    "*", "+", "?", "{2}", "{1,3}", "{0,}", "{,2}", "*?", "+?", "??", "{1,2}?", "*+", "++", "?+", "{1,3}+",
  ]
  static let pieces = [
    "a", "b", "ab", "foo", "FOO", "Port", "port", "22", "#", "#Port 22", " yes", "10.0.0.5",
    " olddb.example.com", "old_db",
    "olddb-2", "=", " ", "  ", "\t", ":", "/", "-", "_", ".", "(", "[", "é", "É", "ß", "ẞ", "K", "\u{212a}",
    "k", "İ", "i", "ı", "µ",
    "μ", "\u{301}", "\u{2028}", "\u{1c}", "\u{b}", "\r", "\n", "٣", "x", "A", "{", "}", "\"", "\u{a0}", "ſ",
    "s", "S",
  ]

  static func pattern(_ dice: inout Dice) -> String {
    let flags = ["(?i)", "(?s)", "(?a)", "(?m)", "(?x)", "(?im)"]
    let start = dice.chance(10) ? dice.one(flags) : ""
    let parts = dice.one([1, 1, 2, 2, 3, 4])
    return start + (0..<parts).map { _ in part(3, &dice) }.joined()
  }

  private static func part(_ depth: Int, _ dice: inout Dice) -> String {
    let throwOf = depth == 0 ? 0 : dice.number(0...99)
    if throwOf < 45 { return dice.chance(3) ? dice.one(odd) : dice.one(atoms) }
    let inner = part(depth - 1, &dice)
    switch throwOf {
    case ..<60: return inner + part(depth - 1, &dice)
    case ..<70:
      let count = dice.one(repeats)
      // Python 3.11 is wrong about possessive repetitions of groups that backtrack (CPython gh-106052).
      return inner + (inner.contains("(") && count.count > 1 && count.hasSuffix("+") ? "*" : count)
    case ..<78: return "(\(inner))"
    case ..<82: return "(?:\(inner))"
    case ..<86: return inner + "|" + part(depth - 1, &dice)
    case ..<89: return dice.one(["(?=", "(?!", "(?<=", "(?<!"]) + inner + ")"
    case ..<92: return "(?P<\(dice.one(["n", "m", "n0"]))>\(inner))"
    case ..<94: return "(?>\(inner))"
    case ..<96: return "(?i:\(inner))"
    case ..<97: return "(?(1)\(inner)|\(part(depth - 1, &dice)))"
    default: return "(\(inner))" + dice.one([#"\1"#, #"\2"#, ""])
    }
  }

  static func line(_ dice: inout Dice) -> String {
    (0..<dice.number(0...6)).map { _ in dice.one(pieces) }.joined()
  }
}
