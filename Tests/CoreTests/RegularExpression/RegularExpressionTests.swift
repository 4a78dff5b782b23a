import MartletCore
import Testing

@Suite struct RegularExpressionTests {
  @Test(arguments: [
    (#"\bolddb\b"#, "10.0.0.5 olddb.example.com", true), (#"^deploy\b"#, "deploy:x:1000", true),
    (#"\bolddb\b"#, "10.0.0.5 olddb2", false), (#"^#?\s*PermitRootLogin\b"#, "# PermitRootLogin yes", true),
    (#"(?<!new)db"#, "newdb", false), (#"(?<=PORT=)\d+$"#, "PORT=80", true), ("(?i)^port", "Port 22", true),
    (#"^(\w)\w*\1$"#, "abca", true), ("a.c", "a\u{301}c", true), ("(?P<q>['\"]).*(?P=q)", "x='y'", true),
    ("(?<q>['\"]).*(?P=q)", "x='y\"", false), ("a++a", "aaa", false), ("a+?a", "aaa", true),
    (#"^\S+\s+swap\s"#, "/dev/sda2 none swap sw", false), (#"\sswap\s"#, "/dev/sda2 none swap sw", true),
    ("é", "e\u{301}", false), (#"^caf\w$"#, "café", true), ("[^]]", "]", false), ("x{,2}y", "xxy", true),
    ("{{ansible}}", "a {{ansible}} b", true), (#"\/etc\/x"#, "/etc/x", true),
  ])
  func matchesAsPythonDoes(pattern: String, line: String, isMatch: Bool) throws {
    #expect(try RegularExpression(pattern).matches(line) == isMatch)
  }

  @Test func bytesThatAreNotUTF8AreCharacters() throws {
    let line: [UInt8] = [0x61, 0xff, 0xc3, 0xa9, 0xe2, 0x82, 0x62]
    #expect(try RegularExpression("^a..[^x]\\Wb$").matches(line))
    #expect(try !RegularExpression("^a\\w").matches(line))
    #expect(RegexText.bytes(of: RegexText.scalars(of: line)) == line)
  }

  @Test(arguments: [
    ("a(b", 2, "not closed"), ("a)", 2, "no ( before"), ("[a", 1, "not closed"), ("*a", 1, "nothing before"),
    ("a**", 3, "repeats a repetition"), (#"\y"#, 1, "means nothing"), (#"a\1"#, 2, "no group 1"),
    ("[z-a]", 2, "range z-a"), ("(?<=a*)b", 1, "fixed number"), ("a(?i)b", 2, "(?i:"),
    ("[[:space:]]", 2, #"write \s"#), (#"\h"#, 1, #"write [ \t]"#), ("x\\", 2, "backslash"),
    ("a{3,2}", 2, "greater"), ("(?P<1a>x)", 5, "name of a group"), (#"(?(2)a)(b)"#, 1, "no group"),
  ])
  func whatIsWrongIsRefusedWithItsPosition(pattern: String, position: Int, problem: String) {
    let error = #expect(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
    #expect(
      error?.position == position && error?.problem.contains(problem) == true, "\(error?.description ?? "")")
    #expect(error?.description.contains("at character \(position): ") == true)
  }

  @Test(arguments: ["(a+)+$", "(a|aa)+$"])
  func whatTakesTooLongEnds(pattern: String) throws {
    let error = #expect(throws: RegularExpressionError.self) {
      try RegularExpression(pattern).matches(String(repeating: "a", count: 60) + "!")
    }
    #expect(error?.problem.contains("takes too long") == true)
  }

  @Test func whatIsTooLargeIsRefused() {
    #expect(throws: RegularExpressionError.self) { try RegularExpression("((a{99}b){999}){999}") }
    #expect(throws: RegularExpressionError.self) {
      try RegularExpression(String(repeating: "(", count: 500) + String(repeating: ")", count: 500))
    }
    #expect(throws: Never.self) { try RegularExpression("(?:(?:){2147483647}){2147483647}") }
  }

  @Test(arguments: [
    (#"\1=2"#, "GRUB=2"), (#"\g<name>\\\g<0>"#, #"GRUB\GRUB=10"#), ("é\\2", "é"), (#"a\tb"#, "a\tb"),
  ])
  func templatesAreFilled(template: String, result: String) throws {
    let expression = try RegularExpression("^(?P<name>GRUB)=\\d+(x)?")
    let text = RegexText.scalars(of: "GRUB=10".utf8)
    let match = try #require(try expression.firstMatch(in: "GRUB=10".utf8))
    let filled = try RegexTemplate(template, of: expression).filled(with: match, in: text)
    #expect(String(decoding: filled, as: UTF8.self) == result)
  }

  @Test(arguments: [#"\3"#, #"\g<x>"#, #"\g1"#, "a\\", #"\d"#])
  func wrongTemplatesAreRefused(template: String) throws {
    let expression = try RegularExpression("(a)(b)")
    #expect(throws: RegularExpressionError.self) { try RegexTemplate(template, of: expression) }
  }
}
