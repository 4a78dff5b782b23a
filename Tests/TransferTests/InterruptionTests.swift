import Foundation
import Glibc
import MartletEngine
import Synchronization
import TestSupport
import Testing

@testable import MartletTransfer

/// Transfers that don't come to their end.
@Suite(.timeLimit(.minutes(3))) struct InterruptionTests {
  private static let size = 150_000_000

  enum Direction: CaseIterable, Sendable {
    case put, get, putTree, getTree
  }

  /// Starts a transfer that takes a while, with something old at its target.
  private func begin(
    _ direction: Direction, _ place: Place, _ meter: TransferMeter, resumes: Bool = false
  ) async throws -> Task<TransferSummary, any Error> {
    let transfer = try await place.transfer(meter) { $0.resumes = resumes }
    let (from, to) =
      direction == .put || direction == .putTree ? (place.here, place.there) : (place.there, place.here)
    if !from.names.contains("big") {
      try from.write("tree/x", "new")
      try shell("head -c \(Self.size) /dev/urandom >big; ln big tree/big", in: from.path)
    }
    try to.write("big", "old")
    try to.write("tree/x", "old")
    let (here, there) = (place.here.path, place.there.path)
    return Task {
      switch direction {
      case .put: try await transfer.put(here + "/big", to: HostPath(there + "/big"))
      case .get: try await transfer.get(HostPath(there + "/big"), to: here + "/big")
      case .putTree: try await transfer.put(here + "/tree", to: HostPath(there + "/tree"))
      case .getTree: try await transfer.get(HostPath(there + "/tree"), to: here + "/tree")
      }
    }
  }

  private func target(_ direction: Direction, _ place: Place) -> TemporaryFolder {
    direction == .put || direction == .putTree ? place.there : place.here
  }

  @Test(arguments: Direction.allCases, [Place.Way.dash, .ssh])
  func `Cancelled in the middle, the old is there and no litter`(direction: Direction, way: Place.Way)
    async throws
  {
    let place = try Place(way)
    let meter = TransferMeter()
    let task = try await begin(direction, place, meter)
    try await eventually { meter.done > 3_000_000 }
    task.cancel()
    let text = await failure { _ = try await task.value }
    #expect(text.contains("Cancel"))
    let target = target(direction, place)
    #expect(try target.read("big") == "old" && target.read("tree/x") == "old")
    #expect(target.names == ["big", "tree"])
    #expect(try shell("ls -A '\(target.path)/tree'") == "x\n")
  }

  @Test(arguments: Direction.allCases)
  func `The connection lost in the middle, the old is there and no litter`(direction: Direction) async throws
  {
    let place = try Place(.ssh)
    let meter = TransferMeter()
    let task = try await begin(direction, place, meter)
    try await eventually { meter.done > 3_000_000 }
    try place.server?.dropConnections()
    let text = await failure { _ = try await task.value }
    #expect(text.contains("broke") || text.contains("closed") || text.contains("ended"))
    let target = target(direction, place)
    // The host notices by itself.
    try await eventually {
      target.names == ["big", "tree"] && (try? shell("ls -A '\(target.path)/tree'")) == "x\n"
    }
    #expect(try target.read("big") == "old" && target.read("tree/x") == "old")
  }

  @Test(arguments: [Direction.put, .get], [Place.Way.dash, .busybox, .ssh])
  func `An interrupted transfer is resumed`(direction: Direction, way: Place.Way) async throws {
    let place = try Place(way)
    let meter = TransferMeter()
    let task = try await begin(direction, place, meter, resumes: true)
    try await eventually { meter.done > 8_000_000 }
    task.cancel()
    _ = await failure { _ = try await task.value }
    let target = target(direction, place)
    #expect(target.names == [".big.martlet-part", "big", "tree"])
    #expect(try target.read("big") == "old")
    let again = try await begin(direction, place, TransferMeter(), resumes: true).value
    #expect(again.resumedAt > 0 && again.resumedAt + again.bytes == Self.size)
    try shell("cmp '\(place.here.path)/big' '\(place.there.path)/big'")
    #expect(target.names == ["big", "tree"])
  }

  @Test(arguments: [Direction.put, .get], [Place.Way.dash, .busybox])
  func `A part of something else is not gone on with`(direction: Direction, way: Place.Way) async throws {
    let place = try Place(way)
    let target = target(direction, place)
    try target.write(".big.martlet-part", bytes: noise(5_000_000, seed: 2))
    let summary = try await begin(direction, place, TransferMeter(), resumes: true).value
    #expect(summary.resumedAt == 0)
    try shell("cmp '\(place.here.path)/big' '\(place.there.path)/big'")
    #expect(target.names == ["big", "tree"])
  }

  @Test(arguments: [Direction.put, .get])
  func `A part that leads elsewhere is refused`(direction: Direction) async throws {
    let place = try Place(.dash)
    let target = target(direction, place)
    try target.write("victim", "old")
    try shell("ln -s victim '\(target.path)/.big.martlet-part'")
    let task = try await begin(direction, place, TransferMeter(), resumes: true)
    let text = await failure { _ = try await task.value }
    #expect(text.contains("not your own file") || text.contains("on this machine"))
    #expect(try target.read("victim") == "old" && target.read("big") == "old")
  }

  @Test(.needsRoot("for users and file systems"), arguments: Direction.allCases, [Place.Way.dash, .ssh])
  func `A full disk leaves the old, and says so`(direction: Direction, way: Place.Way) async throws {
    let place = try Place(way)
    let (from, to) =
      direction == .put || direction == .putTree ? (place.here, place.there) : (place.there, place.here)
    try shell("mkdir '\(to.path)/disk'; mount -t tmpfs -o size=3m tmpfs '\(to.path)/disk'")
    defer { _ = try? shell("umount '\(to.path)/disk'") }
    try from.write("big", bytes: noise(8_000_000))
    try from.write("tree/x", "new")
    try shell("cp '\(from.path)/big' '\(from.path)/tree/big'")
    try to.write("disk/big", "old")
    try to.write("disk/tree/x", "old")
    let transfer = try await place.transfer()
    let (here, there) = (place.here.path, place.there.path)
    let text = await failure {
      switch direction {
      case .put: _ = try await transfer.put(here + "/big", to: HostPath(there + "/disk/big"))
      case .get: _ = try await transfer.get(HostPath(there + "/big"), to: here + "/disk/big")
      case .putTree: _ = try await transfer.put(here + "/tree", to: HostPath(there + "/disk/tree"))
      case .getTree: _ = try await transfer.get(HostPath(there + "/tree"), to: here + "/disk/tree")
      }
    }
    #expect(text.contains("no space is left"))
    #expect(try to.read("disk/big") == "old" && to.read("disk/tree/x") == "old")
    #expect(try shell("find '\(to.path)/disk' | sort | wc -l") == "4\n")
  }

  @Test func `A host that does nothing is given up`() async throws {
    let tools = try TemporaryFolder()
    try tools.write("ls", "#!/bin/sh\nexec sleep 5\n", mode: 0o755)
    let place = try Place(.dash, tools: tools.path)
    try place.here.write("a", bytes: [1])
    let transfer = try await place.transfer { $0.idleLimit = .seconds(1) }
    let path = try place.path("b")
    let text = await failure { _ = try await transfer.put(place.here.path + "/a", to: path) }
    #expect(text.contains("nothing has moved for 1 s"))
    // The host's script takes its stage away when it notices that nobody listens any more.
    try await eventually { place.there.names.isEmpty }
  }

  /// As where sudo asks a directory service far away: that is not the transfer standing still.
  @Test func `A user who is slow to become has time of its own`() async throws {
    let place = try Place(.dash)
    try place.here.write("a", bytes: [1])
    let path = try place.path("b")
    func put(startLimit: Duration) async throws -> String {
      let plain = try await place.transfer {
        $0.idleLimit = .seconds(6)
        $0.startLimit = startLimit
      }
      let transfer = FileTransfer(SlowStart(session: plain.session), options: plain.options)
      return await failure { _ = try await transfer.put(place.here.path + "/a", to: path) }
    }
    #expect(try await put(startLimit: .zero).contains("nothing has moved for 6 s"))
    #expect(try await put(startLimit: .seconds(30)) == "nothing")
    #expect(try place.there.bytes("b") == [1])
  }

  /// Whoever writes to a slow disk must not keep other hosts waiting.
  @Test func `A slow taker of output doesn't hold up other connections`() async throws {
    let (slow, quick) = (try Place(.ssh), try Place(.ssh))
    let bytes = noise(2_000_000)
    try slow.there.write("f", bytes: bytes)
    let taker = SlowTaker()
    let session = try await slow.transfer().session
    let path = slow.there.path + "/f"
    let reading = Task { try await session.run("cat '\(path)'", exchange: taker, deadline: .seconds(60)) }
    try await eventually { taker.isTaking }
    let other = try await quick.transfer().session
    _ = try await other.run("echo", exchange: Taker(), deadline: .seconds(60))
    #expect(taker.isTaking, "the other's end came while the first piece was being taken")
    taker.goOn()
    #expect(try await reading.value == .code(0))
    #expect(taker.count == bytes.count)
  }
}

/// A session whose commands begin after nine seconds: later than the test's idle limit, which must not be counted from before.
private struct SlowStart: TransportSession {
  let session: any TransportSession

  func run(
    _ command: String, exchange: any ExchangeHandler, deadline: Duration
  ) async throws -> MartletEngine.ExitStatus {
    try await Task.sleep(for: .seconds(9))
    return try await session.run(command, exchange: exchange, deadline: deadline)
  }

  func close() async { await session.close() }
}

/// Takes output.
private final class Taker: ExchangeHandler {
  func input() async throws -> [UInt8]? { nil }
  func output(_ bytes: [UInt8]) {}
  func errorOutput(_ bytes: [UInt8]) {}
}

/// Takes the first piece of output until it may go on, or for half a minute.
private final class SlowTaker: ExchangeHandler {
  private struct State {
    var isTaking = false
    var mayGoOn = false
    var count = 0
  }

  private let state = Mutex(State())

  var isTaking: Bool { state.withLock { $0.isTaking } }
  var count: Int { state.withLock { $0.count } }

  func goOn() { state.withLock { $0.mayGoOn = true } }

  func input() async throws -> [UInt8]? { nil }

  func output(_ bytes: [UInt8]) {
    let isFirst = state.withLock { state in
      state.count += bytes.count
      if state.count == bytes.count { state.isTaking = true }
      return state.count == bytes.count
    }
    guard isFirst else { return }
    for _ in 0..<3000 where !state.withLock({ $0.mayGoOn }) { usleep(10_000) }
    state.withLock { $0.isTaking = false }
  }

  func errorOutput(_ bytes: [UInt8]) {}
}
