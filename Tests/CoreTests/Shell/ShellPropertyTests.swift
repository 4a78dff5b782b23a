import MartletCore
import TestSupport
import Testing

/// Commands of random pieces: where a value isn't refused, shells see the same command around it whatever it is.
@Suite struct ShellPropertyTests {
  static let pieces = [
    "w ", "w ", "w ", " ", " ", "\n", "\n", "; ", "'", "'", "\"", "\"", "`", "$(", "$(w ", ")", ")", "(",
    "${y:-", "${y%", "}",
    "$((1+", "))", "# ", "#", "\\", "~", "$", "$y", "$#", "cat <<E\n", "cat <<'E'\n", "cat <<-E ", "\nE\n",
    "E\n", "case a in ", "a) ",
    "*) ", " ;; ", " esac", "=", "a", "/", "| cat", " && ", "for i in ", "; do ", "; done", "{ ", "; }", "-",
    "'x'", "\"$y\"",
  ]
  static let templates = [
    "w A@B @", "w \"$(w @)\" '@'", "w \"@\"", "case @ in a) w '1' ;; *) w @ ;; esac; w @",
    "( w @ )\nw \"it's\" @",
    "cat <<E\n@\nE\nw @", "cat <<'E' | cat\n'\nE\nw @", "# it's @\nw @", "w `w @`", "w ${y:-@} @",
    "w $(case b in b) w @ ;; esac) @",
    "x=@; w \"$x\" @", "w $((1+@))", "if true; then w @; fi; w @", "for i in @ b; do w \"$i\" @; done",
    "f() { w @; }; f", "w '@'\\''@'",
    "w \\@", "w $@", "w ~@", "w $y@", "w {@,a}", "w a=@", "w \"a\"@'b'@",
  ]
  static let hostile = [
    "$(echo OWNED)", "`echo OWNED`", "'; echo OWNED; '", "\"; echo OWNED; \"", "'\"'\"$(echo OWNED)", "\\",
    "\\'", "'", "\"", "\nE\necho OWNED\n#",
    "E", "*", "~", "#", "", " ", "a b", ")", "; echo OWNED", ";; esac; echo OWNED", "esac", "}",
    "${y:-OWNED}", "$y", "$((1))", "-n", "é\u{301}",
    "\n", "a=b", "!", "&& echo OWNED", "| echo OWNED", "<<E", ">/dev/null", "''", "$'\\x27'", "\t",
    "'$(echo OWNED)'", "x' y",
  ]

  /// The same command with each of some values in the holes.
  private func command(_ pieces: [String?], _ values: [String]) -> ShellCommand {
    var text = ShellCommand.StringInterpolation(literalCapacity: 0, interpolationCount: 0)
    var next = 0
    for piece in pieces {
      if let piece {
        text.appendLiteral(piece)
      } else {
        text.appendInterpolation(values[next])
        next += 1
      }
    }
    return ShellCommand(stringInterpolation: text)
  }

  /// Each command in a shell within the shell, so that one that makes no sense ends only itself; `w` shows words.
  private func script(_ commands: [ShellCommand]) -> ShellCommand {
    var script: ShellCommand = """
      w() { for _a in "$@"; do printf '<%s>' "$_a"; done; }
      y=Y
      # What a command prints is not to be split or matched with files: that isn't what is asked here.
      IFS=; set -f

      """
    for command in commands { script += "printf '\\001'; ( eval \(word: command) ) </dev/null 2>/dev/null\n" }
    return script
  }

  @Test(arguments: LocalShell.allCases)
  func `A value is one word, or it is refused`(shell: LocalShell) async throws {
    var dice = Dice(seed: 6)
    var accepted = 0
    var refused = 0
    for round in 0..<rounds(2, long: 200) {
      var plain: [ShellCommand] = []
      var hostile: [ShellCommand] = []
      var values: [[String]] = []
      for _ in 0..<2500 where plain.count < 120 {
        var pieces: [String?] = []
        if dice.chance(30) {
          for part in dice.one(Self.templates).split(separator: "@", omittingEmptySubsequences: false) {
            pieces += [String(part), nil]
          }
          pieces.removeLast()
        } else {
          for _ in 0..<dice.number(2...9) { pieces.append(dice.chance(25) ? nil : dice.one(Self.pieces)) }
          pieces.append(nil)
        }
        let count = pieces.count { $0 == nil }
        let chosen = (0..<count).map { _ in dice.one(Self.hostile) }
        let wild = command(pieces, chosen)
        let tokens = (0..<count).map { "V\($0)W" }
        // Whether it is refused doesn't depend on the value.
        #expect((wild.problem == nil) == (command(pieces, tokens).problem == nil), "\(wild.text)")
        // The process id is another each time; and what stands before `w` may make another word of it.
        if wild.text.contains("$$") || wild.text.contains("''w") { continue }
        guard wild.problem == nil else {
          refused += 1
          continue
        }
        accepted += 1
        plain.append(command(pieces, tokens))
        hostile.append(wild)
        values.append(chosen)
      }
      let expected = try await outputs(of: plain, in: shell)
      let found = try await outputs(of: hostile, in: shell)
      try #require(expected.count == plain.count + 1 && found.count == plain.count + 1, "round \(round)")
      for index in plain.indices {
        var wanted = expected[index + 1]
        for (number, value) in values[index].enumerated() {
          wanted = wanted.replacing("V\(number)W", with: value)
        }
        // `$( )` drops line breaks at the end of what it reads.
        let isSame =
          wanted == found[index + 1] || wanted.filter { $0 != "\n" } == found[index + 1].filter { $0 != "\n" }
        #expect(
          isSame, "\(shell): \(hostile[index].text.debugDescription): \(found[index + 1]) and not \(wanted)")
        #expect(
          !found[index + 1].replacing("echo OWNED", with: "").replacing(":-OWNED", with: "").contains("OWNED")
        )
      }
    }
    #expect(accepted > 150 && refused > 150, "\(accepted) accepted, \(refused) refused")
  }

  private func outputs(of commands: [ShellCommand], in shell: LocalShell) async throws -> [String] {
    try await shell.run(script(commands)).text.split(separator: "\u{1}", omittingEmptySubsequences: false)
      .map(String.init)
  }
}
