import MartletCore
import Testing

@Suite struct ShellCommandTests {
  @Test func literalsAreTrustedAndValuesAreQuoted() {
    let name = "it's"
    let command: ShellCommand = "install -m \(FileMode(0o640)) -- \(name) \(RemotePath("/srv/a b")) \(42)"
    #expect(command.text == "install -m 0640 -- 'it'\\''s' '/srv/a b' 42")
    #expect(command.problem == nil)
  }

  @Test func plainPathsStayReadable() {
    #expect(Shell.quote("/etc/nginx/conf.d/a_b-c.conf") == "/etc/nginx/conf.d/a_b-c.conf")
    #expect(Shell.quote("plain") == "'plain'")
    #expect(Shell.quote("/a~") == "'/a~'")
  }

  @Test func anArrayIsAWordForEachElement() {
    #expect(("rm -- \(["a b", "c"])" as ShellCommand).text == "rm -- 'a b' 'c'")
    #expect(("rm -- \([String]())" as ShellCommand).text == "rm -- ")
    #expect(("rm -- \([RemotePath("/a")])" as ShellCommand).text == "rm -- /a")
  }

  @Test func rawAndSplicedPiecesStandAsTheyAre() {
    let inner: ShellCommand = "echo \("a'b")"
    #expect(("( \(splice: inner) )" as ShellCommand).text == "( echo 'a'\\''b' )")
    #expect(("a \(raw: "| b")" as ShellCommand).text == "a | b")
    #expect(("sh -c \(word: "echo 'x'")" as ShellCommand).text == "sh -c 'echo '\\''x'\\'''")
  }

  @Test func aNULIsAProblemThatIsCarriedAlong() {
    let inner: ShellCommand = "echo \("a\0b")"
    #expect(inner.problem?.contains("NUL") == true)
    #expect(("x; \(splice: inner)" as ShellCommand).problem != nil)
    #expect(("sh -c \(word: inner)" as ShellCommand).problem != nil)
    #expect((("x" as ShellCommand) + inner).problem != nil)
    #expect(ShellCommand(lines: ["x", inner]).problem != nil)
  }

  @Test func aWrongPathIsAProblemThatIsCarriedAlong() {
    #expect(("rm \(RemotePath("relative"))" as ShellCommand).problem?.contains("relative") == true)
    #expect(("rm \([RemotePath("/ok"), RemotePath("/a/../b")])" as ShellCommand).problem != nil)
  }

  @Test func commandsAreJoined() {
    var command: ShellCommand = "a"
    command += " b"
    #expect(command.text == "a b")
    #expect(ShellCommand(lines: ["a", "b"]).text == "a\nb")
  }
}
