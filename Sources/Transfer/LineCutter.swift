/// Cuts bytes into lines; what is too long to be meant for us is dropped.
struct LineCutter {
  private var line: [UInt8] = []
  private static let limit = 64 << 10

  mutating func cut(_ bytes: [UInt8]) -> [[UInt8]] {
    var lines: [[UInt8]] = []
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 0x0a) {
      line += rest[..<end]
      lines.append(line)
      line = []
      rest = rest[(end + 1)...]
    }
    line += rest
    if line.count > Self.limit { line = [] }
    return lines
  }
}
