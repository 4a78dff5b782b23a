import MartletCore

/// Writes a tar archive: ustar (POSIX.1-1988), with GNU's entries for long names.
///
/// POSIX.1-2001's own way to write long names is ignored by BusyBox, GNU's is understood by all.
struct TarWriter {
  private(set) var bytes: [UInt8] = []

  /// Adds a file.
  mutating func addFile(_ path: BytePath, contents: [UInt8], mode: UInt16, modified: Int) {
    header(path.bytes, type: "0", size: contents.count, mode: mode, modified: modified)
    append(contents)
  }

  /// Adds a folder.
  mutating func addFolder(_ path: BytePath, mode: UInt16) {
    header(path.bytes + [UInt8(ascii: "/")], type: "5", size: 0, mode: mode, modified: 0)
  }

  /// Adds a symbolic link.
  mutating func addLink(_ path: BytePath, target: BytePath) {
    header(path.bytes, type: "2", size: 0, mode: 0o777, modified: 0, target: target.bytes)
  }

  /// The archive with its end: two empty blocks.
  consuming func finished() -> [UInt8] {
    bytes += [UInt8](repeating: 0, count: 1024)
    return bytes
  }

  private mutating func header(
    _ path: [UInt8], type: Character, size: Int, mode: UInt16, modified: Int, target: [UInt8] = []
  ) {
    if path.count > 100 { longName(path, type: "L") }
    if target.count > 100 { longName(target, type: "K") }
    block(path, type: type, size: size, mode: mode, modified: modified, target: target)
  }

  private mutating func longName(_ name: [UInt8], type: Character) {
    let contents = name + [0]
    block(Array("././@LongLink".utf8), type: type, size: contents.count, mode: 0o644, modified: 0, target: [])
    append(contents)
  }

  private mutating func block(
    _ path: [UInt8], type: Character, size: Int, mode: UInt16, modified: Int, target: [UInt8]
  ) {
    var block = [UInt8](repeating: 0, count: 512)
    func put(_ bytes: some Sequence<UInt8>, at offset: Int, width: Int) {
      for (index, byte) in bytes.prefix(width).enumerated() { block[offset + index] = byte }
    }
    func put(_ text: String, at offset: Int, width: Int) { put(text.utf8, at: offset, width: width) }
    func put(_ number: Int, at offset: Int, width: Int) {
      let digits = String(max(0, number), radix: 8)
      if digits.utf8.count < width {
        put(String(repeating: "0", count: width - 1 - digits.utf8.count) + digits, at: offset, width: width)
      } else {
        // GNU's form for numbers that eleven octal digits can't hold: the first bit set, then base 256.
        for index in 0..<min(8, width) {
          block[offset + width - 1 - index] = UInt8((number >> (8 * index)) & 0xff)
        }
        block[offset] |= 0x80
      }
    }
    put(path, at: 0, width: 100)
    put(Int(mode), at: 100, width: 8)
    put(0, at: 108, width: 8)
    put(0, at: 116, width: 8)
    put(size, at: 124, width: 12)
    put(modified, at: 136, width: 12)
    put("        ", at: 148, width: 8)
    put(String(type), at: 156, width: 1)
    put(target, at: 157, width: 100)
    put("ustar\0" + "00", at: 257, width: 8)
    put("root", at: 265, width: 32)
    put("root", at: 297, width: 32)
    let sum = String(block.reduce(0) { $0 + Int($1) }, radix: 8)
    put(String(repeating: "0", count: 6 - sum.utf8.count) + sum + "\0 ", at: 148, width: 8)
    bytes += block
  }

  private mutating func append(_ contents: [UInt8]) {
    bytes += contents
    let rest = contents.count % 512
    if rest > 0 { bytes += [UInt8](repeating: 0, count: 512 - rest) }
  }
}
