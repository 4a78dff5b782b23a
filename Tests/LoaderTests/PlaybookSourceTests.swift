import Foundation
import Testing

@testable import MartletLoader

@Suite struct PlaybookSourceTests {
  @Test(arguments: [
    (
      "import Martlet\nlet a = 1\n",
      "#sourceLocation(file: \"a/site.swift\", line: 2)\nlet a = 1\n\nimport Martlet\n"
    ),
    ("#!/usr/bin/env x\nlet a = 1\n", "#sourceLocation(file: \"a/site.swift\", line: 2)\nlet a = 1\n"),
    ("\nlet a = 1", "#sourceLocation(file: \"a/site.swift\", line: 2)\nlet a = 1"),
    ("let a = 1\nlet b", "#sourceLocation(file: \"a/site.swift\", line: 1)\nlet a = 1\nlet b"),
    ("import A; let x = 1\n", "#sourceLocation(file: \"a/site.swift\", line: 1)\nimport A; let x = 1\n"),
    ("import A", "#sourceLocation(file: \"a/site.swift\", line: 1)\nimport A"),
  ])
  func `A copy names the file that it is of, and keeps its lines`(text: String, copy: String) {
    let located = PlaybookSource.located(Data(text.utf8), at: "a/site.swift")
    #expect(String(decoding: located, as: UTF8.self) == copy)
  }

  @Test func `A path can't say more than its name`() {
    let located = PlaybookSource.located(Data("x".utf8), at: "a\"\\\n.swift")
    #expect(
      String(decoding: located, as: UTF8.self).hasPrefix("#sourceLocation(file: \"a___.swift\", line: 1)\n"))
  }
}
