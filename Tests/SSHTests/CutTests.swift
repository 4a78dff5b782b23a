import Foundation
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// A relay in front of a real sshd cuts or stalls the stream after so many bytes, over all of a handshake, a
  /// login and a command with some output: encrypted phases too.
  @Suite struct CutTests {
    enum Outcome: Equatable {
      case done
      case failed(SSHError.Kind)
      case wrong(String)
    }

    static let timeout = Duration.seconds(3)
    static let output = 9000

    /// Connects, runs a command and hangs up. Whatever isn't an error must be the whole truth.
    func converse(_ target: SSHTarget) async -> (Outcome, Duration) {
      let start = ContinuousClock.now
      var outcome: Outcome
      do throws(SSHError) {
        let connection = try await SSHConnection.connect(to: target)
        let heard = Collected()
        do throws(SSHError) {
          let status = try await connection.run(
            "head -c \(Self.output) /dev/zero; exit 7", limits: CommandLimits(timeout: Self.timeout)
          ) { heard.add($0) }
          outcome =
            status == .code(7) && heard.stdout.count == Self.output
            ? .done : .wrong("\(status), \(heard.stdout.count) bytes")
        } catch {
          outcome = .failed(error.kind)
        }
        await connection.close()
      } catch {
        outcome = .failed(error.kind)
      }
      return (outcome, ContinuousClock.now - start)
    }

    func target(_ server: LoopbackServer, through relay: FaultServer) -> SSHTarget {
      server.target {
        $0.port = relay.port
        $0.hostKeyAlias = "[127.0.0.1]:\(server.port)"
        $0.connectTimeout = Self.timeout
      }
    }

    /// How many bytes go in one direction when all goes well.
    func measure(_ server: LoopbackServer, _ direction: Passage.Direction) async throws -> Int {
      var passage = Passage(to: server.port)
      passage.direction = direction
      let (counts, counted) = AsyncStream.makeStream(of: Int.self)
      let relay = try FaultServer { [passage] socket, _ in counted.yield(passage.pass(socket)) }
      let (outcome, _) = await converse(target(server, through: relay))
      #expect(outcome == .done)
      return try #require(await counts.first { _ in true })
    }

    @Test(arguments: [
      (Passage.Direction.toClient, UInt32(0), 64), (.toClient, 8, 64), (.toServer, 0, 48), (.toServer, 8, 48),
    ])
    func everyPoint(direction: Passage.Direction, stall: UInt32, points: Int) async throws {
      let server = try LoopbackServer()
      let total = try await measure(server, direction)
      #expect(total > 1200, "the whole conversation")
      let limits = (0..<points).map { $0 * total / points } + [20, 21, 22, 23, total - 1]
      let results = try await withThrowingTaskGroup(of: (Int, Outcome, Duration).self) { group in
        for limit in limits {
          group.addTask {
            var passage = Passage(to: server.port)
            (passage.limit, passage.direction, passage.stall) = (limit, direction, stall)
            let relay = try FaultServer { [passage] socket, _ in passage.pass(socket) }
            let (outcome, time) = await converse(target(server, through: relay))
            return (limit, outcome, time)
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      for (limit, outcome, time) in results {
        // The last bytes that the client sends, and the server's answer to them, come after the command.
        let mayBeDone = limit > total - 200
        switch outcome {
        case .done: #expect(mayBeDone, "cut after \(limit) of \(total)")
        case .wrong(let what): Issue.record("\(what), cut after \(limit) of \(total)")
        case .failed(let kind):
          switch kind {
          case .disconnected, .timedOut, .protocolError, .authenticationFailed, .commandRefused: break
          default: Issue.record("\(kind), cut after \(limit) of \(total)")
          }
        }
        // Logging in and the command have a deadline each; the machine may be busy.
        #expect(time < Self.timeout * 2 + .seconds(4), "cut after \(limit) of \(total)")
      }
      // The machine still works.
      let connection = try await server.connect()
      #expect(try await connection.run("exit 3", limits: minute) == .code(3))
      await connection.close()
    }
  }
}
