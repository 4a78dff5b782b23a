internal import MartletEngine
internal import MartletSSH
internal import Synchronization

/// A connection to the control socket of a master `ssh`, in the protocol of OpenSSH's PROTOCOL.mux, version 4.
///
/// It is what an `ssh` that shares a master's connection does, without a process for each command, and it tells
/// what that `ssh` doesn't: whether 255 is the command's status, and that a command has ended whose outputs are
/// still held open.
final class MuxConnection: Sendable {
  /// What the master says.
  enum Message: Equatable {
    case hello(version: UInt32)
    case done
    case sessionOpened
    case exit(code: UInt32)
    case alive(process: UInt32)
    /// A request was refused; the master says why.
    case refused(String)
    case other(UInt32)
  }

  private static let version: UInt32 = 4
  /// Longer messages are not the protocol's.
  private static let limit = 256 << 10

  private let socket: WatchedDescriptor
  private let received = Mutex<[UInt8]>([])

  private init(_ socket: WatchedDescriptor) { self.socket = socket }

  /// Connects to a master and says hello.
  ///
  /// - Returns: Nil if there is no master, or it doesn't speak this protocol.
  static func open(_ path: String) async -> MuxConnection? {
    guard let socket = await LocalSocket.connect(path) else { return nil }
    let connection = MuxConnection(socket)
    var hello = Packet(1)
    hello.add(version)
    guard await connection.send(hello), await connection.receive() == .hello(version: version) else {
      return nil
    }
    return connection
  }

  func close() { socket.close() }

  /// Asks for a session that runs a command.
  ///
  /// - Parameters:
  ///   - command: What the login shell is to run.
  ///   - environment: Variables of which the master sends those that `SendEnv` names.
  ///   - descriptors: What becomes the command's standard input, output and error.
  /// - Returns: What the master answers; nil if it is gone.
  func startSession(
    _ command: String, onTerminal: Bool, environment: [String], descriptors: [Int32]
  ) async -> Message? {
    var request = Packet(0x1000_0002)
    request.add(1)
    request.add("")
    // No X11; the agent, if the master may forward it; no subsystem, no escape character. A terminal has the modes of
    // standard input: of one that is none all are off, and nothing is echoed or changed.
    for flag: UInt32 in [onTerminal ? 1 : 0, 0, 1, 0, 0xFFFF_FFFF] { request.add(flag) }
    request.add(onTerminal ? "dumb" : "")
    request.add(command)
    for variable in environment { request.add(variable) }
    guard await send(request) else { return nil }
    for descriptor in descriptors {
      guard await socket.send(descriptor: descriptor) else { return nil }
    }
    return await receive()
  }

  /// Has the master listen on a socket of the file system and carry each connection on to a TCP port that the
  /// server can reach, as `ssh -O forward -L` does: PROTOCOL.mux, section 6, "Requesting establishment of port
  /// forwards". To ask twice for the same does no harm.
  ///
  /// - Returns: What the master answers; nil if it is gone.
  func forward(_ path: String, to host: String, port: Int) async -> Message? {
    var request = Packet(0x1000_0006)
    request.add(4)
    // A local forward (MUX_FWD_LOCAL), and in place of the port to listen on -2: the address is a path.
    request.add(1)
    request.add(path)
    request.add(UInt32(bitPattern: -2))
    request.add(host)
    request.add(UInt32(truncatingIfNeeded: port))
    guard await send(request) else { return nil }
    return await receive()
  }

  /// The number of the master's process; nil if it is gone.
  func process() async -> UInt32? {
    var request = Packet(0x1000_0004)
    request.add(2)
    guard await send(request), case .alive(let process) = await receive() else { return nil }
    return process
  }

  /// Ends the master with all its sessions.
  func endMaster() async {
    var request = Packet(0x1000_0005)
    request.add(3)
    guard await send(request) else { return }
    while await receive() != nil {}
  }

  private func send(_ packet: Packet) async -> Bool { await socket.write(packet.framed) }

  /// The next message; nil when the master has closed the connection or the task is cancelled.
  func receive() async -> Message? {
    while true {
      let next = received.withLock { Self.takeMessage(from: &$0) }
      switch next {
      case .message(let message): return message
      case .broken: return nil
      case .incomplete: break
      }
      guard let bytes = await socket.read() else { return nil }
      received.withLock { $0 += bytes }
    }
  }

  private enum Parsed {
    case message(Message)
    case incomplete
    case broken
  }

  private static func takeMessage(from bytes: inout [UInt8]) -> Parsed {
    var reader = PacketReader(bytes[...])
    guard let length = reader.number() else { return .incomplete }
    guard length >= 4, length <= limit else { return .broken }
    guard reader.rest.count >= length else { return .incomplete }
    reader.rest = reader.rest.prefix(Int(length))
    bytes.removeFirst(4 + Int(length))
    guard let type = reader.number() else { return .broken }
    let first = reader.number()
    switch type {
    case 1: return .message(.hello(version: first ?? 0))
    case 0x8000_0001: return .message(.done)
    case 0x8000_0004: return .message(.exit(code: reader.number() ?? 255))
    case 0x8000_0005: return .message(.alive(process: reader.number() ?? 0))
    case 0x8000_0006: return .message(.sessionOpened)
    case 0x8000_0002, 0x8000_0003: return .message(.refused(reader.text() ?? ""))
    default: return .message(.other(type))
    }
  }
}

/// A message as it is put together: numbers are 32 bits, big-endian, and texts have their length before them.
private struct Packet {
  private var bytes: [UInt8] = []

  init(_ type: UInt32) { add(type) }

  mutating func add(_ number: UInt32) { withUnsafeBytes(of: number.bigEndian) { bytes += $0 } }

  mutating func add(_ text: String) {
    add(UInt32(text.utf8.count))
    bytes += text.utf8
  }

  /// With its length before it.
  var framed: [UInt8] { withUnsafeBytes(of: UInt32(bytes.count).bigEndian) { Array($0) } + bytes }
}

private struct PacketReader {
  var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  mutating func number() -> UInt32? {
    guard rest.count >= 4 else { return nil }
    defer { rest = rest.dropFirst(4) }
    return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func text() -> String? {
    guard let count = number(), rest.count >= count else { return nil }
    return String(decoding: rest.prefix(Int(count)), as: UTF8.self)
  }
}
