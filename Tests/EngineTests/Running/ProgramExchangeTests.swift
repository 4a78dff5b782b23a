import MartletCore
import Testing

@testable import MartletEngine

/// The dialogue with sudo, from the controller's side.
@Suite struct ProgramExchangeTests {
  private let program = Array("PROGRAM".utf8)
  private let prompt = Array("M-password:".utf8)

  private func exchange(_ become: Become) -> ProgramExchange {
    ProgramExchange(program, marker: "M", become: become) { _ in }
  }

  @Test func withoutSudoTheProgramIsSentAtOnce() async throws {
    let exchange = exchange(.none)
    #expect(try await exchange.input() == program)
    #expect(try await exchange.input() == nil)
  }

  @Test func thePasswordAnswersThePromptAndNothingElse() async throws {
    let exchange = exchange(.sudoWithPassword(Secret("pässword")))
    exchange.errorOutput(Array("We trust you have received the usual lecture.\n".utf8))
    async let first = exchange.input()
    try await Task.sleep(for: .milliseconds(20))
    exchange.errorOutput(Array(prompt[..<4]))
    exchange.errorOutput(Array(prompt[4...]))
    #expect(try await first == Array("pässword\n".utf8))
    async let second = exchange.input()
    try await Task.sleep(for: .milliseconds(20))
    exchange.output(Array("noise\nM ready\n".utf8))
    #expect(try await second == program)
    #expect(try await exchange.input() == nil)
  }

  @Test func aSudoThatAsksForNothingNeverSeesThePassword() async throws {
    let exchange = exchange(.sudoWithPassword(Secret("password")))
    exchange.output(Array("\nM ready\n".utf8))
    #expect(try await exchange.input() == program)
  }

  @Test func aSecondPromptMeansAWrongPassword() async throws {
    let exchange = exchange(.sudoWithPassword(Secret("password")))
    exchange.errorOutput(prompt)
    #expect(try await exchange.input() == Array("password\n".utf8))
    exchange.errorOutput(Array("Sorry, try again.\n".utf8) + prompt)
    #expect(try await exchange.input() == nil)
    #expect(exchange.passwordWasRefused)
  }

  @Test func aHostThatSaysNothingDoesNotHoldACancelledRun() async throws {
    let exchange = exchange(.sudoWithPassword(Secret("password")))
    let waiting = Task { try await exchange.input() }
    try await Task.sleep(for: .milliseconds(20))
    waiting.cancel()
    #expect(try await waiting.value == nil)
  }
}
