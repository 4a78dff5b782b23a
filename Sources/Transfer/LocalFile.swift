internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// An open file of this machine.
final class Descriptor: Sendable {
  let number: Int32

  /// - Throws: ``TransferError`` that names `path`.
  init(opening path: String, _ flags: Int32, mode: mode_t = 0o600) throws {
    number = open(path, flags | O_CLOEXEC, mode)
    if number < 0 { throw localError(path) }
  }

  /// Takes over an open descriptor.
  init(_ number: Int32) { self.number = number }

  deinit { close(number) }

  func status(_ path: String) throws -> stat {
    var status = stat()
    guard fstat(number, &status) == 0 else { throw localError(path) }
    return status
  }
}

/// What the last system call on a path of this machine failed with.
func localError(_ path: String) -> TransferError {
  TransferError("\(shown(path)) on this machine: \(reason(in: String(cString: strerror(errno))))")
}

extension stat {
  var kind: mode_t { st_mode & S_IFMT }
  var isFolder: Bool { kind == S_IFDIR }
  var isFile: Bool { kind == S_IFREG }
  var isLink: Bool { kind == S_IFLNK }
  var permissions: UInt16 { UInt16(st_mode & 0o7777) }
  var modified: Int {
    #if canImport(Darwin)
      Int(st_mtimespec.tv_sec)
    #else
      Int(st_mtim.tv_sec)
    #endif
  }
}

/// The mode that a new file gets for a mode of the other side.
func newMode(_ mode: UInt16, umask: UInt16, preserves: Bool) -> UInt16 {
  preserves ? mode & 0o777 : mode & 0o777 & ~umask
}

/// This process's umask. It can only be read by setting it, so that is done once.
let ownUmask: UInt16 = {
  let mask = umask(0o077)
  umask(mask)
  return UInt16(mask)
}()

/// Sets the time of change.
func setModified(_ descriptor: Int32, _ seconds: Int) {
  // UTIME_OMIT, a macro that Swift doesn't see: the time of access stays (utimensat(2)).
  #if canImport(Darwin)
    let omitted = -2
  #else
    let omitted = (1 << 30) - 2
  #endif
  let times = [timespec(tv_sec: 0, tv_nsec: omitted), timespec(tv_sec: seconds, tv_nsec: 0)]
  futimens(descriptor, times)
}

/// Reads a file of this machine piece by piece and sums it, one piece ahead of who sends it.
final class FileSource: Sendable {
  private struct State: ~Copyable {
    var sum: RunningSum
    var left: Int
    var ahead: Task<[UInt8]?, any Error>?
  }

  static let pieceSize = 512 << 10

  private let file: Descriptor
  private let path: String
  private let meter: TransferMeter
  private let state: Mutex<State>

  /// - Parameter count: How many bytes are read, from where the file stands; fewer are an error.
  init(_ file: Descriptor, path: String, count: Int, sum: consuming sending RunningSum, meter: TransferMeter)
  {
    self.file = file
    self.path = path
    self.meter = meter
    state = Mutex(State(sum: sum, left: count))
  }

  func next() async throws -> [UInt8]? {
    let begun = state.withLock { $0.ahead }
    let bytes = try await (begun ?? Task { try self.read() }).value
    let ahead = bytes.map { _ in Task { try self.read() } }
    state.withLock { $0.ahead = ahead }
    if let bytes { meter.add(bytes.count) }
    return bytes
  }

  /// The sum of all, once all has been read.
  var sum: String { state.withLock { $0.sum.text } }

  private func read() throws -> [UInt8]? {
    let wanted = state.withLock { min(Self.pieceSize, $0.left) }
    guard wanted > 0 else { return nil }
    let bytes = try readPiece(file, wanted, path)
    guard !bytes.isEmpty else {
      throw TransferError("\(shown(path)) on this machine: it has become shorter while it was read")
    }
    state.withLock { state in
      state.sum.add(bytes)
      state.left -= bytes.count
    }
    return bytes
  }
}

/// The next bytes of a file; none at its end.
func readPiece(_ file: Descriptor, _ wanted: Int, _ path: String) throws -> [UInt8] {
  try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
    while true {
      let got = read(file.number, buffer.baseAddress, wanted)
      if got >= 0 {
        count = got
        return
      }
      if errno != EINTR { throw localError(path) }
    }
  }
}

/// Writes all bytes to a file.
func writeAll(_ bytes: UnsafeRawBufferPointer, to file: Descriptor, _ path: String) throws {
  var rest = bytes[...]
  while !rest.isEmpty {
    let part = UnsafeRawBufferPointer(rebasing: rest)
    let count = write(file.number, part.baseAddress, part.count)
    if count >= 0 {
      rest = rest.dropFirst(count)
    } else if errno != EINTR {
      throw localError(path)
    }
  }
}
