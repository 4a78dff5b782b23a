import MartletCore
import Testing

@Suite struct ContentsTests {
  @Test func isBuiltFromTextBytesAndValues() {
    #expect(("a\n" as Contents).bytes == [0x61, 0x0a])
    #expect(("n=\(42) \("x")" as Contents) == Contents("n=42 x"))
    #expect(Contents(bytes: [0xff]).bytes == [0xff])
    #expect(Contents("ü").description == "2 bytes")
  }

  @Test func whatIsSecretStaysSecret() {
    let secret = Secret("hunter22")
    let inner: Contents = "key=\(secret)"
    let outer: Contents = "a \(inner) b"
    #expect(outer.secrets == [secret])
    #expect((Contents("x") + inner).isSecret)
    #expect(!Contents("hunter22").isSecret)
    #expect(Payload(inner).secrets == [secret])
  }

  @Test func thePlannerFindsTheSecretsAndProblemsOfATask() {
    struct Thing {
      var contents: Contents
      var path: RemotePath?
      var mode: FileMode
      var nested: [String: [Secret]]
    }
    let thing = Thing(
      contents: "\(Secret("one1"))", path: "relative", mode: 644, nested: ["a": [Secret("two2")]])
    var inspection = Inspection()
    inspection.look(into: thing)
    #expect(inspection.secrets == [Secret("one1"), Secret("two2")])
    #expect(inspection.problems.count == 2)
  }
}
