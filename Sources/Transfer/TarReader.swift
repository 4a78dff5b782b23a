/// Takes a tar archive apart as it comes: ustar, pax and GNU, as every tar writes them.
///
/// It trusts nothing: each step is bounded, and what it doesn't know is an error. Where a path leads is for the
/// receiver to check.
struct TarReader {
  /// Who is given the contents.
  protocol Receiver {
    /// A new entry; what follows are its contents.
    mutating func begin(_ header: TarHeader) throws
    mutating func contents(_ bytes: UnsafeRawBufferPointer) throws
    /// The entry has all its contents.
    mutating func end() throws
  }

  private enum Expecting {
    case header
    case contents(left: Int, padding: Int)
    /// What a header of its own says about the next one.
    case about(TarHeader.Kind, left: Int, padding: Int)
    case padding(Int)
    case nothing
  }

  /// More than any path, and less than hurts.
  private static let aboutLimit = 1 << 20

  private var expecting = Expecting.header
  private var gathered: [UInt8] = []
  private var longPath: [UInt8]?
  private var longTarget: [UInt8]?
  private var longSize: Int?
  private var longModified: Int?

  /// Whether the archive has come to its end mark.
  var isOver: Bool { if case .nothing = expecting { true } else { false } }

  mutating func take(_ bytes: UnsafeRawBufferPointer, _ receiver: inout some Receiver) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      switch expecting {
      case .nothing: return
      case .header:
        let count = min(rest.count, TarHeader.size - gathered.count)
        gathered += rest.prefix(count)
        rest = rest.dropFirst(count)
        guard gathered.count == TarHeader.size else { return }
        let block = gathered
        gathered = []
        try begin(block, &receiver)
      case .contents(let left, let padding):
        let count = min(rest.count, left)
        try receiver.contents(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
        rest = rest.dropFirst(count)
        expecting = .contents(left: left - count, padding: padding)
        if left == count {
          try receiver.end()
          expecting = padding > 0 ? .padding(padding) : .header
        }
      case .about(let kind, let left, let padding):
        let count = min(rest.count, left)
        gathered += rest.prefix(count)
        rest = rest.dropFirst(count)
        expecting = .about(kind, left: left - count, padding: padding)
        if left == count {
          try learn(kind, gathered)
          gathered = []
          expecting = padding > 0 ? .padding(padding) : .header
        }
      case .padding(let left):
        let count = min(rest.count, left)
        rest = rest.dropFirst(count)
        expecting = left > count ? .padding(left - count) : .header
      }
    }
  }

  private mutating func begin(_ block: [UInt8], _ receiver: inout some Receiver) throws {
    if block.allSatisfy({ $0 == 0 }) {
      expecting = .nothing
      return
    }
    guard var header = TarHeader(block[...]) else {
      throw TransferError("the host's archive is damaged: a header's sum is wrong")
    }
    let padding = TarHeader.padding(header.count).count
    switch header.kind {
    case .longPath, .longTarget, .extended, .extendedForAll, .volume:
      guard header.count <= Self.aboutLimit else {
        throw TransferError("the host's archive has a name without end")
      }
      guard header.count > 0 else { return }
      expecting = .about(header.kind, left: header.count, padding: padding)
    case .unknown(let type):
      let letter = UnicodeScalar(type).escaped(asASCII: true)
      throw TransferError("the host's archive has an entry of type \(letter), which is not known")
    default:
      let hasContents = header.kind == .file
      if let longPath { header.path = longPath }
      if let longTarget { header.target = longTarget }
      if let longModified { header.modified = longModified }
      if let longSize, hasContents { header.count = longSize }
      if header.kind == .file, header.path.last == 0x2f { header.kind = .folder }
      (longPath, longTarget, longSize, longModified) = (nil, nil, nil, nil)
      try receiver.begin(header)
      if header.count > 0 {
        expecting = .contents(left: header.count, padding: TarHeader.padding(header.count).count)
      } else {
        try receiver.end()
        expecting = .header
      }
    }
  }

  private mutating func learn(_ kind: TarHeader.Kind, _ bytes: [UInt8]) throws {
    switch kind {
    case .longPath: longPath = Array(bytes.prefix { $0 != 0 })
    case .longTarget: longTarget = Array(bytes.prefix { $0 != 0 })
    case .extended: try learnExtended(bytes)
    default: break
    }
  }

  /// Reads `LENGTH KEY=VALUE` lines; the length counts all of the line (POSIX.1-2001, pax, "pax Extended Header").
  private mutating func learnExtended(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while let blank = rest.firstIndex(of: 0x20) {
      guard let length = Int(String(decoding: rest[..<blank], as: UTF8.self)),
        length > blank - rest.startIndex + 1,
        length <= rest.count, let equals = rest[blank...].firstIndex(of: 0x3d),
        equals < rest.startIndex + length - 1
      else { throw TransferError("the host's archive is damaged: a pax header is wrong") }
      let key = String(decoding: rest[(blank + 1)..<equals], as: UTF8.self)
      let value = Array(rest[(equals + 1)..<(rest.startIndex + length - 1)])
      let text = String(decoding: value, as: UTF8.self)
      rest = rest.dropFirst(length)
      switch key {
      case "path": longPath = value
      case "linkpath": longTarget = value
      case "size":
        guard let size = Int(text), size >= 0 else {
          throw TransferError("the host's archive is damaged: a pax header is wrong")
        }
        longSize = size
      case "mtime": longModified = Int(text.prefix { $0 != "." })
      default:
        if key.hasPrefix("GNU.sparse.") {
          throw TransferError("the host's archive has a file with holes, which is not supported")
        }
      }
    }
  }
}
