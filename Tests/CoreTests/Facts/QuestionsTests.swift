import MartletCore
import Testing

@Suite struct QuestionsTests {
  struct Even: ProbedFact {
    typealias Value = Bool
    static let kind = "parity"
    var number: Int
    var silence: String? { number == 13 ? "13 is never spoken of" : nil }
    static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
      "parity \(facts.map { String($0.number) })"
    }
    static func parse(_ output: ProbeOutput, for facts: [Self]) -> [Self: Bool] { [:] }
  }
  struct Size: ProbedFact {
    typealias Value = Int
    static let kind = "size"
    static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand { "size" }
    static func parse(_ output: ProbeOutput, for facts: [Self]) -> [Self: Int] { [:] }
  }

  @Test func factsAreMergedByKindAndAskedOnce() {
    var questions = Questions()
    All(Even(number: 1), Size(), Each([Even(number: 2), Even(number: 1)]), Nothing()).ask(&questions)
    #expect(questions.kinds.map(\.name) == ["parity", "size"])
    #expect(questions.facts.count == 3)
    #expect(questions.kinds.first.map { $0.probe($0.facts, LookOptions()).text } == "parity '1' '2'")
  }

  @Test func answersComeBackInTheShapeOfTheQuestion() throws {
    var answers = Answers()
    answers.set(Even(number: 1), to: false)
    answers.set(Even(number: 2), to: true)
    answers.set(Size(), to: 7)
    let value = try All(Size(), Each([Even(number: 2), Even(number: 1)])).value(in: answers)
    #expect(value.0 == 7 && value.1 == [true, false])
    var newer = Answers()
    newer.set(Size(), to: 8)
    answers.merge(newer)
    #expect(try Size().value(in: answers) == 8)
  }

  @Test func whatIsNotAnsweredIsAnErrorWithItsReason() {
    #expect { try Even(number: 5).value(in: Answers()) } throws: { "\($0)".contains("parity") }
    #expect { try Even(number: 13).value(in: Answers()) } throws: { "\($0)" == "13 is never spoken of" }
  }

  @Test func outputIsSplitIntoLines() {
    #expect(ProbeOutput("a\n\nb\n").lines == ["a", "", "b"])
    #expect(ProbeOutput("a").lines == ["a"])
    #expect(ProbeOutput("").lines == [])
    #expect(ProbeOutput([0x61, 0xff, 0x0a]).lines == ["a\u{fffd}"])
  }
}
