import MartletCore
import Synchronization
import Testing

@testable import MartletEngine

/// A session as another user, with a sudo that is played here: what is tried, and how often.
@Suite(.timeLimit(.minutes(1))) struct UserSessionTests {
  private func become(_ change: (inout ConnectionSettings) -> Void = { _ in }) -> Become {
    var host = InventoryHost(name: "web1")
    host.connection.user = "deploy"
    host.connection.becomePassword = Secret("pässword")
    change(&host.connection)
    return Become(host, play: .root)
  }

  private func failure(_ session: UserSession, _ talk: Talk = Talk("bulk")) async -> String {
    do {
      return "\(try await session.run("true", exchange: talk, deadline: .seconds(30)))"
    } catch {
      return "\(error)"
    }
  }

  @Test func theOneWhoLoggedInNeedsNothing() async throws {
    let played = Played { _, _ in .code(0) }
    let session = UserSession(played, become { $0.become = false })
    #expect(await failure(session) == "code(0)")
    #expect(played.commands == ["true"] && session.user == "me" && session.startLimit == .zero)
  }

  @Test func doasGetsNoPasswordWhereThereIsNoTerminal() async throws {
    let played = Played { _, _ in .code(0) }
    let session = UserSession(played, become { $0.becomeMethod = .doas })
    #expect(session.isTerminal)
    let text = await failure(session)
    #expect(text.hasSuffix("/etc/doas.conf: permit nopass deploy as root"), "\(text)")
    #expect(played.commands.isEmpty)
  }

  @Test func aWrongPasswordIsTriedOnceForAllCommands() async throws {
    let played = Played { marker, exchange in
      exchange.errorOutput(Array("\(marker) for deploy:".utf8))
      let answer = try await exchange.input()
      #expect(answer == Array("pässword\n".utf8))
      exchange.errorOutput(Array("\nSorry, try again.\n\(marker) for deploy:".utf8))
      let more = try await exchange.input()
      #expect(more == nil, "the end of the input, and no second try")
      return .code(1)
    }
    let talk = Talk("bulk")
    let session = UserSession(played, become())
    let first = await failure(session, talk)
    #expect(first.contains("sudo refused the password of deploy; it was tried once only"), "\(first)")
    #expect(await failure(session) == first)
    #expect(played.commands.count == 1 && talk.given.isEmpty)
    #expect(try await talk.input() == Array("bulk".utf8), "nothing of the command was sent")
  }

  @Test func whatWasInterruptedWithThePasswordOnItsWayIsNotTriedAgain() async throws {
    let asked = Mutex(false)
    let played = Played { marker, exchange in
      exchange.errorOutput(Array("\(marker) for deploy:".utf8))
      _ = try await exchange.input()
      asked.withLock { $0 = true }
      try await Task.sleep(for: .seconds(60))
      return .code(1)
    }
    let session = UserSession(played, become())
    let task = Task { await failure(session) }
    while !asked.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
    task.cancel()
    _ = await task.value
    #expect(await failure(session).contains("it was interrupted, and is not tried again"))
    #expect(played.commands.count == 1)
  }

  @Test func aSudoThatSaysNothingIsGivenUp() async throws {
    let played = Played { _, exchange in
      exchange.errorOutput(Array("Verification code: ".utf8))
      try await Task.sleep(for: .seconds(60))
      return .code(1)
    }
    let session = UserSession(played, become { $0.becomeTimeout = .milliseconds(1100) })
    let text = await failure(session)
    #expect(text.contains("did not come to an end within 1 s"), "\(text)")
    #expect(text.contains("Verification code:"), "\(text)")
  }

  @Test func aLoginShellThatEndsIsNotTakenForSudo() async throws {
    let played = Played { _, exchange in
      exchange.output(Array("bye\n".utf8))
      return .code(0)
    }
    for become in [become(), become { $0.becomePassword = nil }] {
      let text = await failure(UserSession(played, become))
      #expect(text.contains("the login shell of deploy on web1 ended (exit status 0)"), "\(text)")
      #expect(text.contains("said \"bye\""), "\(text)")
    }
  }

  @Test func aConnectionThatIsLostIsNoRefusal() async throws {
    let played = Played { _, _ in throw TransportError("gone") }
    let session = UserSession(played, become())
    #expect(await failure(session) == "gone")
    #expect(await failure(session) == "gone")
    #expect(played.commands.count == 2)
  }
}

/// A host that is played by a closure, which is given the marker of the command line.
private final class Played: TransportSession {
  typealias Part =
    @Sendable (_ marker: String, _ exchange: any ExchangeHandler) async throws ->
    MartletEngine.ExitStatus

  private let part: Part
  private let log = Mutex<[String]>([])

  init(_ part: @escaping Part) { self.part = part }

  var commands: [String] { log.withLock { $0 } }
  var user: String? { "me" }

  func run(
    _ command: String, exchange: any ExchangeHandler, deadline: Duration
  ) async throws -> MartletEngine.ExitStatus {
    log.withLock { $0.append(command) }
    let marker = command.split(separator: " ready").first?.split(separator: " ").last ?? ""
    return try await part(String(marker), exchange)
  }

  func close() async {}
}
