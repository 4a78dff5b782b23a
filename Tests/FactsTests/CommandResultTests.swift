import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct CommandResultTests {
  @Test(arguments: LocalShell.allCases)
  func saysHowCommandsEnd(shell: LocalShell) async throws {
    let facts: [CommandResult] = [
      CommandResult("exit 3"),
      CommandResult("printf 'out\\000'; echo error >&2"),
      CommandResult("cat; pwd; printf %s \"$NAME\"", in: "/usr", environment: ["NAME": "it's"]),
      CommandResult("exec 1>&2; echo '= 0 0'; kill -9 $$"),
      CommandResult("head -c 100000 /dev/zero | tr '\\000' x; exit 5"),
      CommandResult("cd /nowhere", in: "/no/such/folder"),
    ]
    let values = try await shell.ask(facts)
    #expect(values[facts[0]] == CommandOutcome(status: 3))
    #expect(values[facts[1]] == CommandOutcome(status: 0, output: Array("out\0error\n".utf8)))
    #expect(values[facts[2]]?.text == "/usr\nit's")
    #expect(values[facts[3]]?.status == 137)
    #expect(values[facts[4]]?.status == 5)
    #expect(values[facts[4]]?.output.count == CommandResult.outputLimit)
    #expect(values[facts[5]]?.status == 127)
  }

  @Test(.needsRoot("to become somebody else"), arguments: LocalShell.allCases)
  func runsAsAnotherUser(shell: LocalShell) async throws {
    let fact = CommandResult("id -un", user: "nobody")
    #expect(try await shell.ask([fact])[fact]?.text == "nobody\n")
  }

  @Test func aCommandThatTookTooLongIsNotAnswered() throws {
    let fact = CommandResult("sleep 100")
    #expect(try CommandResult.parse(ProbeOutput("= 0 124\n"), for: [fact]).isEmpty)
    #expect(fact.silence?.contains("30 seconds") == true)
  }

  @Test(arguments: ["= 7 0", "= 0 zero", "= 0", "!!\n= 0 0"])
  func aGarbledAnswerIsAnError(text: String) {
    #expect(throws: FactError.self) { try CommandResult.parse(ProbeOutput(text), for: [CommandResult("x")]) }
  }
}
