import Testing

@testable import MartletSSH

@Suite struct RunTests {
  @Test func inputOutputErrorsAndStatus() async throws {
    let server = try LoopbackServer()
    let connection = try await server.connect()
    let output = Collected()
    let status = try await connection.run(
      "cat; echo problem >&2; exit 7", stdin: .bytes(Array("hello\n".utf8)), limits: minute
    ) { output.add($0) }
    #expect(status == .code(7))
    #expect(output.text == "hello\n")
    #expect(output.stderr == Array("problem\n".utf8))
    await connection.close()
  }
}
