import MartletCore
import Testing

@testable import MartletEngine

/// What is sent to sudo and su, from the controller's side: the password in answer to their question, and nothing else.
@Suite struct BecomeDialogueTests {
  private let password = Array("pässword\n".utf8)

  @Test(arguments: [1, 2, 3, 7, 1000])
  func sudosPromptIsANonceInPiecesOfAnySize(size: Int) {
    var dialogue = BecomeDialogue(Become.by(.sudo), marker: "MARKER")
    let text = Array("We trust you have received the usual lecture. Password:\nMARKER for deploy:".utf8)
    var sent: [[UInt8]] = []
    for start in stride(from: 0, to: text.count, by: size) {
      if let bytes = dialogue.consume(Array(text[start..<min(start + size, text.count)])) {
        sent.append(bytes)
      }
    }
    #expect(sent == [password])
    #expect(dialogue.account == "deploy")
    #expect(!dialogue.isSudoRS && !dialogue.refusedPassword)
    #expect(dialogue.consume(Array("\nSorry, try again.\nMARKER for deploy:".utf8)) == nil)
    #expect(dialogue.refusedPassword)
  }

  @Test func sudosPromptSaysWhosePasswordItWants() {
    var dialogue = BecomeDialogue(Become.by(.sudo), marker: "MARKER")
    #expect(dialogue.consume(Array("MARKER for root:".utf8)) == password)
    #expect(dialogue.account == "root")
  }

  @Test func theSudoWrittenInRustIsRecognised() {
    var dialogue = BecomeDialogue(Become.by(.sudo), marker: "MARKER")
    #expect(dialogue.consume(Array("[sudo: MARKER for deploy:] Password: ".utf8)) == password)
    #expect(dialogue.isSudoRS)
  }

  @Test(arguments: [
    "Password: ", "Passwort: ", "Mot de passe : ", "Пароль: ", "パスワード: ", "密码：", "LDAP Password: ", "암호: ",
  ])
  func suIsAnsweredWhenItsLastLineAsksForAPassword(prompt: String) {
    for size in [1, 2, 5, 1000] {
      var dialogue = BecomeDialogue(Become.by(.su), marker: "MARKER")
      #expect(dialogue.consume(Array("Password: ".utf8)) == nil, "noise of the login shell")
      let text = Array("MARKER\nYour password will expire: soon.\n\(prompt)".utf8)
      var sent: [[UInt8]] = []
      for start in stride(from: 0, to: text.count, by: size) {
        if let bytes = dialogue.consume(Array(text[start..<min(start + size, text.count)])) {
          sent.append(bytes)
        }
      }
      #expect(sent == [password], "in pieces of \(size)")
    }
  }

  @Test(arguments: [
    "su: Authentication failure\n", "Verification code: ", "password\n", "Changing password for root\n", "",
    "Your password will expire: soon.\n",
  ])
  func suIsToldNothingItDidNotAskFor(text: String) {
    var dialogue = BecomeDialogue(Become.by(.su), marker: "MARKER")
    #expect(dialogue.consume(Array("MARKER\n\(text)".utf8)) == nil)
    #expect(!dialogue.hasAnswered)
  }

  @Test func suThatAsksAgainHasRefused() {
    var dialogue = BecomeDialogue(Become.by(.su), marker: "MARKER")
    #expect(dialogue.consume(Array("MARKER\nPassword: ".utf8)) == password)
    #expect(dialogue.consume(Array("\nWrong.\nPassword: ".utf8)) == nil)
    #expect(dialogue.refusedPassword)
  }

  @Test func aQuestionWithoutAnAnswerIsSaidAtOnce() {
    var dialogue = BecomeDialogue(Become.by(.su, password: nil), marker: "MARKER")
    #expect(dialogue.consume(Array("MARKER\nPassword: ".utf8)) == nil)
    #expect(dialogue.lacksPassword)
  }

  @Test func theLastQuestionIsThereForAnError() {
    var dialogue = BecomeDialogue(Become.by(.su), marker: "MARKER")
    _ = dialogue.consume(Array("MARKER\nPassword: ".utf8))
    _ = dialogue.consume(Array("\nVerification code: ".utf8))
    #expect(dialogue.openLine == "Verification code:")
  }

  @Test func aSecondLineOfAPasswordIsNotSent() {
    var dialogue = BecomeDialogue(Become.by(.su, password: Secret("first\nreboot\n")), marker: "MARKER")
    #expect(dialogue.consume(Array("MARKER\nPassword: ".utf8)) == Array("first\n".utf8))
  }
}
