import Foundation
import MartletCore
import TestSupport
import Testing

@Suite struct RedactorTests {
  static let value = "p4ss/w+rd \"ü'\\&?x"

  @Test func everyFormOfASecretIsTakenOut() throws {
    let redactor = Redactor([Secret(Self.value)])
    let data = Data(Self.value.utf8)
    let percent = data.map { String(format: "%%%02X", $0) }
    let forms = [
      Self.value, data.base64EncodedString(), data.base64EncodedString().replacing("=", with: ""),
      data.map { String(format: "%02x", $0) }.joined(),
      Self.value.addingPercentEncoding(
        withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-._~"))) ?? "",
      String(decoding: try JSONEncoder().encode(Self.value), as: UTF8.self),
      Shell.quote(Self.value),
    ]
    for form in forms {
      let text = redactor.redact("before \(form) after")
      #expect(text.hasPrefix("before ") && text.hasSuffix(" after") && text.contains("***"), "\(form)")
      #expect(!text.contains("p4ss") && !text.contains("%2F"), "\(form) → \(text)")
    }
    #expect(percent.count == data.count)
  }

  @Test func theLinesOfASecretAreTakenOutOneByOne() {
    let key = "-----BEGIN KEY-----\nAAAAbbbbCCCC\nddddEEEEffff\n-----END KEY-----"
    let redactor = Redactor([Secret(key)])
    #expect(redactor.redact("line: ddddEEEEffff.") == "line: ***.")
  }

  @Test func longerSecretsGoFirst() {
    let redactor = Redactor([Secret("abcd"), Secret("abcdefgh")])
    #expect(redactor.redact("x abcdefgh y abcd") == "x *** y ***")
  }

  @Test func veryShortSecretsAndOtherTextStay() {
    let redactor = Redactor([Secret("abc"), Secret("")])
    #expect(redactor.redact("abc and the rest") == "abc and the rest")
    #expect(Redactor().redact("text") == "text")
  }

  @Test func secretsThatAreAddedLaterCount() {
    var redactor = Redactor()
    redactor.add(Secret("hunter22"))
    #expect(redactor.redact("hunter22") == "***")
  }
}
