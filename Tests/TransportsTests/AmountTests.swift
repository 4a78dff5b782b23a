import Foundation
import MartletCore
import MartletEngine
import MartletTransports
import Synchronization
import TestSupport
import Testing

extension TransportTests {
  @Suite struct AmountTests {
    /// How long 100 MB may take, on a machine that is busy with other tests too.
    private static let patience = Duration.seconds(60)

    @Test(arguments: Reach.Way.all)
    func `A large input arrives exact, asked for piece by piece`(way: Reach.Way) async throws {
      let reach = try Reach(way)
      let session = try await reach.connect()
      let sample = try reach.sample(100_000_000)
      let talk = Talk(sending: sample.bytes, inPiecesOf: 65_536)
      let start = ContinuousClock.now
      #expect(try await session.run("sha256sum", talk) == .code(0))
      #expect(start.duration(to: .now) < Self.patience)
      #expect(talk.inputs == 1527, "1526 pieces and the end")
      let sum = try shell("sha256sum <'\(sample.path)'")
      #expect(talk.text == sum && sum.count > 64)
      await session.close()
    }

    @Test(arguments: Reach.Way.all)
    func `A large output arrives exact`(way: Reach.Way) async throws {
      let reach = try Reach(way)
      let session = try await reach.connect()
      let sample = try reach.sample(100_000_000)
      let talk = Talk()
      let start = ContinuousClock.now
      #expect(try await session.run("cat '\(sample.path)'", talk) == .code(0))
      #expect(start.duration(to: .now) < Self.patience)
      let isExact = talk.bytes == sample.bytes
      #expect(isExact, "\(talk.bytes.count) bytes")
      await session.close()
    }

    @Test(arguments: Reach.Way.all)
    func `Input and output flow at once`(way: Reach.Way) async throws {
      let reach = try Reach(way)
      let session = try await reach.connect()
      let bytes = try reach.sample(5_000_000).bytes
      let talk = Talk(sending: bytes, inPiecesOf: 100_000)
      #expect(try await session.run("cat", talk) == .code(0))
      let isExact = talk.bytes == bytes
      #expect(isExact, "\(talk.bytes.count) bytes")
      await session.close()
    }

    /// Who takes the output slowly holds the command up; what the command says meanwhile isn't heaped up here.
    @Test(arguments: Reach.Way.all)
    func `A slow consumer doesn't fill the memory`(way: Reach.Way) async throws {
      let session = try await Reach(way).connect()
      let consumer = SlowConsumer()
      let before = try residentMegabytes()
      let status = try await session.run(
        "head -c 100000000 /dev/zero", exchange: consumer, deadline: .seconds(60))
      #expect(status == .code(0))
      #expect(consumer.count == 100_000_000)
      #expect(consumer.peak - before < 40, "\(before) MB before, \(consumer.peak) MB while it ran")
      await session.close()
    }
  }
}

/// Takes its time for the first pieces of the output.
private final class SlowConsumer: ExchangeHandler {
  private let state = Mutex((calls: 0, count: 0, peak: 0))

  func input() async throws -> [UInt8]? { nil }

  func output(_ bytes: [UInt8]) {
    let calls = state.withLock { state in
      state.calls += 1
      state.count += bytes.count
      return state.calls
    }
    guard calls <= 20 else { return }
    usleep(40_000)
    let now = (try? residentMegabytes()) ?? .max
    state.withLock { $0.peak = max($0.peak, now) }
  }

  func errorOutput(_ bytes: [UInt8]) {}

  var count: Int { state.withLock { $0.count } }
  var peak: Int { state.withLock { $0.peak } }
}

private func residentMegabytes() throws -> Int {
  let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
  return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) / 1024
}
