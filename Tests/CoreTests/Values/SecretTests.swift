import Foundation
import MartletCore
import TestSupport
import Testing

@Suite struct SecretTests {
  static let value = "correct horse"
  let secret = Secret(SecretTests.value)

  @Test func noWayOfPrintingShowsIt() {
    struct Holder {
      var name = "x"
      var secret: Secret
      var optional: Secret?
      var list: [Secret]
      var map: [String: Secret]
    }
    let holder = Holder(secret: secret, optional: secret, list: [secret], map: ["key": secret])
    var dumped = ""
    dump(holder, to: &dumped)
    dump(secret, to: &dumped)
    dump(Payload(Array("x".utf8), secrets: [secret]), to: &dumped)
    let printed = [
      "\(secret)", secret.description, secret.debugDescription, String(describing: secret),
      String(reflecting: secret), "\(holder)", String(reflecting: holder), "\([secret])",
      "\(Optional(secret) as Any)",
      "\(Mirror(reflecting: secret).children.map { "\($0.value)" })", dumped,
    ]
    for text in printed { #expect(!text.contains("horse")) }
    #expect("\(secret)" == "***")
    #expect(secret.reveal() == Self.value)
  }

  @Test func contentsDoNotShowItEither() {
    let contents: Contents = "password=\(secret)\n"
    #expect("\(contents)" == "*** (23 bytes)")
    #expect(contents.isSecret)
    #expect(String(decoding: contents.bytes, as: UTF8.self) == "password=correct horse\n")
  }

  @Test func aMissingOneIsAProblem() {
    let secret = Secret.environment("MARTLET_TEST_NO_SUCH_VARIABLE")
    #expect(secret.problem?.contains("MARTLET_TEST_NO_SUCH_VARIABLE") == true)
    #expect(Secret.file("/no/such/file").problem?.contains("/no/such/file") == true)
    #expect(secret.reveal().isEmpty)
  }

  @Test func isReadFromAFileWithoutItsLineBreak() throws {
    let folder = try TemporaryFolder()
    try folder.write("password", "hunter22\n")
    let secret = Secret.file(folder.path + "/password")
    #expect(secret.reveal() == "hunter22")
    #expect(secret.problem == nil)
    try folder.write("password", "hunter22\r\n")
    #expect(Secret.file(folder.path + "/password").reveal() == "hunter22")
    try folder.write("password", "\n")
    #expect(Secret.file(folder.path + "/password").problem?.contains("is empty") == true)
  }

  @Test func randomOnesDiffer() {
    let first = Secret.random(length: 40)
    #expect(first.reveal().count == 40)
    #expect(first != Secret.random(length: 40))
    #expect(first.reveal().utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "z") ~= $0 })
  }

  @Test func itsValueIsNeverEncoded() throws {
    #expect(throws: EncodingError.self) { try JSONEncoder().encode([secret]) }
    let reference = try JSONDecoder().decode([Secret].self, from: Data(#"["env:MARTLET_TEST_NONE"]"#.utf8))
    #expect(
      String(decoding: try JSONEncoder().encode(reference), as: UTF8.self) == #"["env:MARTLET_TEST_NONE"]"#)
    let clear = try JSONDecoder().decode([Secret].self, from: Data(#"["hunter22"]"#.utf8))
    #expect(clear.first?.reveal() == "hunter22")
  }
}
