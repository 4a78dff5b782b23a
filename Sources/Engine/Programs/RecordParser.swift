/// Cuts a program's output into the records that it frames.
///
/// A record is a line break, the program's marker, a blank and a header line. The kinds named in `bodied` have a
/// body too: all bytes up to the next record. The marker is a nonce, so neither a login shell's noise nor the
/// contents of a file can pass for one. What comes before the first record, and after a record without a body,
/// is noise and is dropped.
struct RecordParser {
  struct Record: Equatable {
    var header: String
    var body: [UInt8] = []
  }

  /// The first words of the headers that have a body.
  static let bodied: Set<Substring> = ["fact", "failed", "output", "head", "waiting"]

  private let marker: [UInt8]
  private let limit: Int
  private let total: Int
  private var taken = 0
  private var buffer: [UInt8] = []
  private var searched = 0
  /// The header of the record whose body is being read.
  private var open: String?
  /// Whether more came than the limit allows; nothing is parsed from then on.
  private(set) var overflowed = false

  /// - Parameters:
  ///   - marker: The nonce that begins every record.
  ///   - limit: How many bytes one body may have; a host is not trusted to stop.
  ///   - total: How many bytes may come altogether.
  init(marker: String, limit: Int = 64 << 20, total: Int = 128 << 20) {
    self.marker = Array("\n\(marker) ".utf8)
    self.limit = limit
    self.total = total
  }

  /// Takes more bytes; returns the records that are complete now.
  mutating func consume(_ bytes: [UInt8]) -> [Record] {
    guard !overflowed else { return [] }
    taken += bytes.count
    guard taken <= total else {
      overflowed = true
      buffer = []
      return []
    }
    buffer += bytes
    var records: [Record] = []
    while let start = nextMarker() {
      let afterMarker = start + marker.count
      guard let end = buffer[afterMarker...].firstIndex(of: UInt8(ascii: "\n")) else {
        // The header is still on its way: look again from here when more has come.
        searched = start
        break
      }
      if let header = open { records.append(Record(header: header, body: Array(buffer[..<start]))) }
      let header = String(decoding: buffer[afterMarker..<end], as: UTF8.self)
      if Self.bodied.contains(header.prefix { $0 != " " }) {
        open = header
      } else {
        open = nil
        records.append(Record(header: header))
      }
      // The line break of a header stays: it may be the one that begins the next record.
      buffer.removeFirst(open == nil ? end : end + 1)
      searched = 0
    }
    if open == nil, buffer.count > 1 << 16 {
      buffer.removeFirst(buffer.count - marker.count)
      searched = 0
    }
    overflowed = buffer.count > limit
    return records
  }

  private mutating func nextMarker() -> Int? {
    var index = searched
    let last = buffer.count - marker.count
    while index <= last {
      if buffer[index] == marker[0], buffer[index..<index + marker.count].elementsEqual(marker) {
        return index
      }
      index += 1
    }
    searched = max(0, last + 1)
    return nil
  }
}
