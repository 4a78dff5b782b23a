internal import MartletEngine
internal import MartletSSH
internal import Synchronization

/// Hands the output of a command to whoever takes it, away from the thread that serves all connections: taking
/// may mean a write to a slow disk, which must keep no other host waiting.
final class OutputPump: Sendable {
  private struct State {
    var waiting: [OutputChunk] = []
    var bytes = 0
    var delivery: Task<Void, Never>?
  }

  /// The connection isn't read from while more than this waits to be taken.
  private let limit: Int
  private let exchange: any ExchangeHandler
  private let state = Mutex(State())

  init(into exchange: any ExchangeHandler) {
    self.exchange = exchange
    limit = exchange.expectsBulk ? 4 << 20 : 512 << 10
  }

  /// Passes a chunk on; waits where the taker is slower than the network.
  func offer(_ chunk: OutputChunk) async {
    let delivery: Task<Void, Never>? = state.withLock { state in
      state.waiting.append(chunk)
      state.bytes += chunk.bytes.count
      if state.delivery == nil { state.delivery = Task { self.deliver() } }
      return state.bytes > limit ? state.delivery : nil
    }
    await delivery?.value
  }

  /// Waits until everything has been taken.
  func finish() async { await state.withLock { $0.delivery }?.value }

  private func deliver() {
    while true {
      let chunks = state.withLock { state in
        let chunks = state.waiting
        state.waiting = []
        state.bytes = 0
        if chunks.isEmpty { state.delivery = nil }
        return chunks
      }
      if chunks.isEmpty { return }
      for chunk in chunks {
        switch chunk.stream {
        case .stdout: exchange.output(chunk.bytes)
        case .stderr: exchange.errorOutput(chunk.bytes)
        }
      }
    }
  }
}
