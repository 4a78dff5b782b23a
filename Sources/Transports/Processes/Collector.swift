internal import MartletCore
internal import MartletEngine
internal import Synchronization

/// Keeps the first of what a program of this machine says, which has nothing to be told.
final class Collector: ExchangeHandler {
  private static let limit = 64 << 10
  private let state = Mutex<(output: [UInt8], errors: [UInt8])>(([], []))

  func input() async throws -> [UInt8]? { nil }

  func output(_ bytes: [UInt8]) {
    state.withLock { $0.output += bytes.prefix(Self.limit - $0.output.count) }
  }

  func errorOutput(_ bytes: [UInt8]) {
    state.withLock { $0.errors += bytes.prefix(Self.limit - $0.errors.count) }
  }

  var output: String { String(decoding: state.withLock { $0.output }, as: UTF8.self) }
  var errors: String { String(decoding: state.withLock { $0.errors }, as: UTF8.self) }
}
