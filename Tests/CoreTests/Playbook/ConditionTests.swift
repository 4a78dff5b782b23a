import MartletCore
import Testing

@Suite struct ConditionTests {
  private let a = StepID()
  private let b = StepID()

  private func changed(_ id: StepID) -> Condition { Condition([.changed(id)], needsAll: false) }

  @Test(arguments: [(false, false), (false, true), (true, false), (true, true)])
  func followsTheRulesOfLogic(aChanged: Bool, bChanged: Bool) {
    let changes: (StepID) -> Bool = { $0 == a ? aChanged : bChanged }
    #expect(changed(a).holds(changes) == aChanged)
    #expect((changed(a) && changed(b)).holds(changes) == (aChanged && bChanged))
    #expect((changed(a) || changed(b)).holds(changes) == (aChanged || bChanged))
    #expect((!changed(a)).holds(changes) == !aChanged)
    #expect((!(changed(a) || changed(b))).holds(changes) == !(aChanged || bChanged))
    #expect((!changed(a) && changed(b) || changed(a)).holds(changes) == (!aChanged && bChanged || aChanged))
    #expect(Condition([.changed(a), .changed(b)], needsAll: false).holds(changes) == (aChanged || bChanged))
  }

  @Test func namesTheStepsThatItSpeaksOf() {
    #expect((!changed(a) && (changed(b) || changed(a))).steps == [a, b, a])
  }
}
