import MartletCore
import Synchronization
import Testing

@testable import MartletEngine

/// What passes between a command and whoever talks with it, before and after it runs as its user.
@Suite struct BecomeExchangeTests {
  private func exchange(_ become: Become, _ talk: Talk) -> BecomeExchange {
    BecomeExchange(become, marker: "M", command: "/bin/sh", exchange: talk)
  }

  private let password = Array("pässword\n".utf8)
  private let line = Array("exec /bin/sh\n".utf8)

  @Test func theCommandIsSentOnceTheShellSaysThatItRuns() async throws {
    let talk = Talk("bulk")
    let exchange = exchange(Become.by(.sudo), talk)
    async let first = exchange.input()
    try await Task.sleep(for: .milliseconds(20))
    exchange.errorOutput(Array("M for dep".utf8))
    exchange.errorOutput(Array("loy:".utf8))
    #expect(try await first == password)
    async let second = exchange.input()
    try await Task.sleep(for: .milliseconds(20))
    exchange.output(Array("noise\nM pid 7\n\nM rea".utf8))
    #expect(!exchange.isReady && talk.given.isEmpty)
    exchange.output(Array("dy\nown".utf8))
    #expect(try await second == line)
    #expect(try await exchange.input() == Array("bulk".utf8))
    #expect(try await exchange.input() == nil)
    #expect(exchange.process == 7)
    #expect(await exchange.opening() == .ready)
    #expect(talk.given == ["own"])
  }

  @Test func nothingIsLookedAtOnceTheShellRuns() async throws {
    let talk = Talk("bulk")
    let exchange = exchange(Become.by(.sudo), talk)
    exchange.output(Array("\nM ready\n".utf8))
    let trap = "[sudo] password for deploy: M for deploy:\nPassword: "
    exchange.errorOutput(Array(trap.utf8))
    exchange.output(Array("\nM ready\nM pid 1\n\(trap)".utf8))
    #expect(try await exchange.input() == line)
    #expect(try await exchange.input() == Array("bulk".utf8))
    #expect(try await exchange.input() == nil)
    #expect(talk.given == ["!" + trap, "\nM ready\nM pid 1\n\(trap)"])
    #expect(!exchange.dialogue.hasAnswered && exchange.process == nil)
  }

  @Test func whereNothingCanBeAskedTheCommandIsSentAtOnce() async throws {
    for become in [Become.by(.sudo, password: nil), Become.by(.doas, password: nil)] {
      let talk = Talk("bulk")
      let exchange = exchange(become, talk)
      #expect(try await exchange.input() == line)
      #expect(try await exchange.input() == Array("bulk".utf8))
      exchange.errorOutput(Array("M for deploy:".utf8))
      #expect(!exchange.dialogue.hasAnswered)
      exchange.output(Array("Welcome\n\nM ready\n".utf8))
      #expect(exchange.isReady && talk.given == ["!M for deploy:"])
    }
  }

  /// The end of a line has a carriage return where the terminal can't be told to leave it out.
  @Test(arguments: ["\n", "\r\n"]) func onATerminalQuestionsComeWithTheOutput(end: String) async throws {
    let talk = Talk("bulk")
    let exchange = exchange(Become.by(.doas), talk)
    #expect(exchange.wantsTerminal)
    exchange.output(Array("Password:\(end)\(end)M pid 7\(end)M\(end)doas (deploy@web1) pass".utf8))
    #expect(!exchange.dialogue.hasAnswered && exchange.hasStarted)
    exchange.output(Array("word: ".utf8))
    #expect(exchange.dialogue.hasAnswered)
    #expect(try await exchange.input()?.last == UInt8(ascii: "\n"))
    exchange.output(Array("\(end)\(end)M ready\(end)doas (deploy@web1) password: ".utf8))
    #expect(exchange.isReady && exchange.process == 7)
    #expect(try await exchange.input() == line)
    #expect(try await exchange.input() == Array("bulk".utf8))
    #expect(talk.given == ["doas (deploy@web1) password: "])
  }

  @Test(arguments: [1, 2, 3, 5, 1000])
  func whatTheCommandSaysIsCutOffCleanly(size: Int) {
    let talk = Talk("")
    let exchange = exchange(Become.by(.sudo), talk)
    let text = Array("Welcome\nM ready or not\nX M ready\n\nM ready\n\nM ready\nrest".utf8)
    for start in stride(from: 0, to: text.count, by: size) {
      exchange.output(Array(text[start..<min(start + size, text.count)]))
    }
    #expect(talk.given.joined() == "\nM ready\nrest")
  }

  @Test func aQuestionThatCannotBeAnsweredIsSaidAtOnce() async {
    let missing = exchange(Become.by(.su, password: nil), Talk(""))
    missing.errorOutput(Array("M\nPassword: ".utf8))
    #expect(await missing.opening() == .stuck)
    let refused = exchange(Become.by(.sudo), Talk(""))
    refused.errorOutput(Array("M for deploy:".utf8))
    refused.errorOutput(Array("\nSorry, try again.\nM for deploy:".utf8))
    #expect(await refused.opening() == .stuck)
  }

  @Test func aHostThatSaysNothingDoesNotHoldACancelledRun() async throws {
    let exchange = exchange(Become.by(.sudo), Talk("bulk"))
    let waiting = Task { await exchange.opening() }
    let feeding = Task { try await exchange.input() }
    try await Task.sleep(for: .milliseconds(20))
    waiting.cancel()
    feeding.cancel()
    #expect(await waiting.value == nil)
    #expect(try await feeding.value == nil)
  }

  @Test func whatComesInPlaceOfTheShellIsPassedOnWithoutTheQuestion() {
    let exchange = exchange(Become.by(.su), Talk(""))
    exchange.errorOutput(Array("noise\nM\nPassword: ".utf8))
    exchange.errorOutput(Array("su: using restricted shell /usr/sbin/nologin\n".utf8))
    exchange.output(Array("This account is currently not available.\n".utf8))
    #expect(
      exchange.lastWords
        == "noise; su: using restricted shell /usr/sbin/nologin; This account is currently not available.")
  }
}

/// Has one thing to say, and takes down what it is given; what came as an error begins with an exclamation mark.
final class Talk: ExchangeHandler {
  private let state: Mutex<(words: [[UInt8]], given: [String])>

  init(_ words: String) { state = Mutex(([Array(words.utf8)], [])) }

  var given: [String] { state.withLock { $0.given } }

  func input() async throws -> [UInt8]? { state.withLock { $0.words.popLast() } }
  func output(_ bytes: [UInt8]) { state.withLock { $0.given.append(String(decoding: bytes, as: UTF8.self)) } }
  func errorOutput(_ bytes: [UInt8]) {
    state.withLock { $0.given.append("!" + String(decoding: bytes, as: UTF8.self)) }
  }
}
