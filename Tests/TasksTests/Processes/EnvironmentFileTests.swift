import MartletCore
import MartletFacts
@testable import MartletTasks
import TestSupport
import Testing

@Suite struct EnvironmentFileTests {
  static let values = [
    "plain": "abc", "empty": "", "blank": "a b  c ", "quote": "it's", "double": "say \"hi\"",
    "dollar": "$HOME",
    "tick": "`id`", "backslash": "a\\b", "two": "a\\\\b", "end": "a\\", "hash": "a #b", "all": "'\"\\$`!*",
    "equals": "a=b&c=d", "unicode": "é ☃", "accents": "'\u{301}$\"\u{301}`\u{301}\\\u{301}",
    "dollarquote": "it's $5",
    "pem": "-----BEGIN KEY-----\nabcd==\nSECRET=x\nKEY=y\n# '\"\n-----END KEY-----\n",
    "return": "a\r\nb\u{1b}",
  ]

  @Test(.needsRoot("as the file is root's"), arguments: LocalShell.allCases) func valuesComeBackExactly(
    shell: LocalShell
  ) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    let path = folder.remote("env")
    let task = EnvironmentFile(
      path, Self.values, secrets: ["hidden": Secret("p'a\"s$s")], generated: ["KEY"], isReadByDotenv: false,
      isReadBySystemd: false)
    try await host.expectConvergence(of: task)
    for (name, value) in Self.values.merging(["hidden": "p'a\"s$s"], uniquingKeysWith: { $1 }) {
      let text = try await shell.run(". \(path); printf %s \"$\(raw: name)\"").text
      #expect(Array(text.utf8) == Array(value.utf8), "\(name)")
    }
    // A line inside a value is no variable.
    guard case .file(let file)? = try await shell.ask([EnvironmentFileState(path)]).values.first else {
      return
    }
    #expect(Set(file.names) == Set(Self.values.keys).union(["hidden", "KEY"]))
    let key = try await shell.run(". \(path); printf %s \"$KEY\"").text
    #expect(key.count == 50)
    // Another value, and what was generated is kept.
    let other = EnvironmentFile(path, ["plain": "new"], generated: ["KEY"])
    let decision = try await host.expectConvergence(of: other)
    #expect(decision.changes.contains("- hidden"))
    #expect(try await shell.run(". \(path); printf %s \"$KEY\"").text == key)
  }

  @Test func plansNameVariablesAndNoValues() {
    let task = EnvironmentFile("/srv/env", ["A": "1"], secrets: ["B": Secret("hush-hush")])
    #expect(task.decide(given: .absent).changes == ["+ A", "+ B"])
    #expect(task.decide(given: .absent).actions.allSatisfy { !$0.summary.contains("hush") })
    let found = EnvironmentFileStatus.file(
      .init(
        mode: 0o640, owner: "root", group: "root", sum: SHA256.hex("A=1\nB=hush-hush\n"), names: ["A", "B"]))
    #expect(task.decide(given: found).isUnchanged)
    #expect(task.decide(given: .notAFile).failure != nil)
  }

  @Test func wrongArgumentsAreRefused() {
    for name in ["", "1A", "A-B", "A B", "A="] {
      #expect(throws: InvalidTask.self) { try EnvironmentFile("/srv/env", [name: "x"]).validate() }
    }
    #expect(throws: InvalidTask.self) { try EnvironmentFile("/srv/env", ["A": "x\0y"]).validate() }
    #expect(throws: InvalidTask.self) { try EnvironmentFile("/srv/env", ["A": "x\u{1b}"]).validate() }
    #expect(throws: InvalidTask.self) {
      try EnvironmentFile("/srv/env", ["A": "x\r\n"], isReadBySystemd: false).validate()
    }
    #expect(throws: Never.self) { try EnvironmentFile("/srv/env", ["A": "x\ny"]).validate() }
    #expect(throws: InvalidTask.self) { try EnvironmentFile("/srv/env", ["A": "${B}"]).validate() }
    #expect(throws: InvalidTask.self) {
      try EnvironmentFile("/srv/env", ["A": "1"], generated: ["A"]).validate()
    }
    #expect(throws: Never.self) {
      try EnvironmentFile("/srv/env", ["A": "$5 'x'"], isReadByDotenv: false).validate()
    }
  }
}
