import Testing

@testable import MartletReports

@Suite struct DisplayTextTests {
  @Test(arguments: [
    ("a\nb\n", ["a", "b"]), ("a\r\nb", ["a", "b"]), ("10%\r20%\r\n", ["10%", "20%"]), ("", []),
    ("\n\nx", ["", "", "x"]), ("a\tb", ["a\tb"]),
    ("\u{1b}[1;31mred\u{1b}[0m", ["red"]), ("\u{1b}[?25lx", ["x"]),
    ("\u{1b}]8;;http://x\u{1b}\\link", ["link"]),
    ("\u{1b}]never ends\nnext", ["", "next"]), ("\u{1b}(Bx", ["x"]), ("\u{1b}7x\u{1b}", ["x"]),
    ("bell\u{7}", [#"bell\u{7}"#]), ("\u{1b}[31", []), ("日本 é 👨‍👩‍👧", ["日本 é 👨‍👩‍👧"]),
  ])
  func `Lines hold nothing that moves a terminal`(text: String, lines: [String]) {
    #expect(DisplayText.lines(text) == lines)
  }

  @Test func `Texts are cut by columns, not by characters`() {
    #expect(DisplayText.fit("abcdef", columns: 6) == "abcdef")
    #expect(DisplayText.fit("abcdef", columns: 5) == "abcd…")
    #expect(DisplayText.fit("日本語", columns: 5) == "日本…")
    #expect(DisplayText.fit("abc", columns: 0) == "")
    #expect(DisplayText.pad("日", columns: 4) == "日  ")
  }
}
