import MartletCore
import Testing

/// Where in a command a value is a word of its own, and where it is refused.
@Suite struct ShellScannerTests {
  static let value = "it's $(id)"
  static let list = ["a", "b"]
  static let none: [String] = []

  @Test(
    arguments: [
      "echo \(value)", "x=\(value) y", "echo $(echo \(value))", "echo \"$(echo \(value))\"",
      "echo a\(value)b",
      "echo \(value)\(value)", "\(value) \(value)", "cat <\(value) >\(value) 2>&1", "~/\(value)",
      "env \(value)=\(value)",
      "cat <<EOF \(value)\nit's\nEOF\necho \(value)", "cat <<'A' <<-B\n\"\nA\n`\n\tB\necho \(value)",
      "cat <<EOF\n$(echo ')')\nEOF\necho \(value)", "# it's\necho \(value)", "echo a#b '#' \(value)",
      "echo \\' \(value)",
      "case \(value) in a) echo 'x';; (b|\(value)) echo \(value);; esac; echo \(value)",
      "$(case x in a) echo \(value);; esac)", "$(case x in esac) \(value)",
      "echo $(echo case; echo \(value))",
      "if a; then case x in (a) b;; esac; fi; f() { echo \(value); }",
      "for case in a; do echo $(echo \(value)); done",
      "echo ${x#'}'} \(value)", "echo ${x:-\"}\"} \(value)", "echo \"${x%/*}\" \(value)",
      "echo $((1 + (2))) \(value)",
      "echo `it\\`s` \(value)", "echo \"\\\"\" \(value)", "echo $$\(value)", "echo $x\(value)",
      "a \\\n \(value)",
      "rm \(list)", "rm \(none)", "rm -- \(list) \(list)\n", "f (\(list))", "eval \(word: "echo \(value)")",
      // Digits are the same in quotes.
      "echo '\(5)' \"\(5)\" `echo \(5)` $((1+\(5))) ${x:-\(5)} # \(5)", "cat <<EOF\n\(5)\nEOF",
      "echo \(5) >x",
      "install -m \(FileMode(0o644)) x",
    ] as [ShellCommand])
  func `A value is a word of its own`(command: ShellCommand) {
    #expect(command.problem == nil)
  }

  @Test(
    arguments: [
      (
        "echo '\(value)' > /tmp/q1",
        "in single quotes in «echo '\\(…)»: the value is quoted already: leave the quotes out"
      ),
      ("echo \"\(value)\"", "in double quotes"), ("echo \\\"\(value)\" \(value)", "in double quotes"),
      ("sh -c 'echo \(value)'", "in single quotes"), ("cat <<EOF\n\(value)\nEOF", "in a here-document"),
      ("cat <<'EOF'\na\(value)\nEOF", "in a here-document"),
      ("cat <<-\\EOF\n\tEOF\n\ncat <<A\n\(value)\nA", "here-document"),
      ("cat <<\(value)\nx\n", "as the delimiter"), ("echo `echo \(value)`", "in backquotes"),
      ("a # \(value)", "in a comment"),
      ("echo ${x:-\(value)}", "in ${ }"), ("echo \"${x:-\(value)}\"", "in ${ }"),
      ("echo $((1 + \(value)))", "in $(( ))"),
      ("$\(value)", "right behind a $"), ("\\\(value)", "right behind a backslash"),
      ("echo ~\(value)", "right behind a ~"),
      ("a=~x\(value)", "right behind a ~"), ("\(value)=x", "name of a variable"),
      ("a\(value)=x y", "name of a variable"),
      ("rm \(list)/x", "a list"), ("rm x\(none)", "a list"), ("rm \(none)\(value)", "a list"),
      ("\(5)>x", "descriptor"),
      ("echo $x\(5)", "behind the name"), ("echo \"$x\(5)\"", "behind the name"),
      ("eval echo \(value)", "as a word of eval"),
      ("trap \(value) EXIT", "as a word of trap"),
      ("$(case x in a) echo ';; esac) \(value)", "in single quotes"),
      ("cat <<< \(value)", "can't be told"), ("echo $'a\\'b' \(value)", "can't be told"),
      ("echo \"${x:-'}\" \(value)", "can't be told"), ("$((echo a) | b) \(value)", "can't be told"),
      ("cat <<EOF $(echo\n) \(value)\nEOF\n", "can't be told"),
      // What would swallow the rest of the program.
      ("echo 'a", "' is not closed"), ("echo \"a", "\" is not closed"), ("echo $(a", "$( is not closed"),
      ("echo ${a", "${ is not"),
      ("echo `a", "` is not closed"), ("(a", "a ( is not closed"), ("a)", "a ) closes nothing"),
      ("case x in a) b", "no esac"),
      ("cat <<EOF\na\n", "<<EOF has no end"), ("a\\", "ends with a backslash"),
    ] as [(ShellCommand, String)])
  func `It is refused where it isn't`(command: ShellCommand, problem: String) {
    #expect(command.problem?.contains(problem) == true, "\(command.problem ?? "nothing")")
  }

  @Test func `Pieces are judged where they come to stand`() {
    let value: ShellCommand = "\(Self.value)"
    #expect((("echo '" as ShellCommand) + "\(Self.value)'").problem?.contains("in single quotes") == true)
    #expect((("echo 'a' " as ShellCommand) + "\(Self.value)").problem == nil)
    #expect(ShellCommand(lines: ["# it's", "echo \(Self.value)"]).problem == nil)
    #expect(
      ShellCommand(lines: ["echo \"", "\(Self.value)\""]).problem?.contains("in double quotes") == true)
    #expect(("sh -c '\(splice: value)'" as ShellCommand).problem?.contains("in single quotes") == true)
    #expect(("\(raw: "'")\(splice: value)'" as ShellCommand).problem?.contains("in single quotes") == true)
    #expect(("\"$(\(splice: value))\"" as ShellCommand).problem == nil)
    var command: ShellCommand = "echo "
    command += "'"
    command += "\(Self.value)"
    command += "'"
    #expect(command.problem?.contains("in single quotes") == true)
  }

  @Test func `Values aren't shown`() {
    let command: ShellCommand = "echo \("secret1"); echo '\("secret2")'"
    #expect(command.problem?.contains("secret") == false)
    #expect(command.problem?.contains("«echo \\(…); echo '\\(…)»") == true)
  }

  @Test func `A deep nest is refused, and no stack overflows`() {
    let deep = String(repeating: "$(", count: 10_000)
    #expect(("\(raw: deep)" as ShellCommand).problem?.contains("nested") == true)
    let words = String(repeating: "a 'b' \"$c\" ", count: 10_000)
    #expect(("\(raw: words)\(Self.value)" as ShellCommand).problem == nil)
  }
}
