/// What a text holds for a terminal and not for a reader: ECMA-48, section 5.4, and `OSC … BEL` of xterm.
package enum ControlSequence {
  /// The end of the sequence whose ESC stands at `start`.
  ///
  /// What shows a text leaves it out by this, and what looks for secrets looks past it by this: so the two agree.
  package static func end(in bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Int {
    let kind = start + 1
    guard kind < bytes.count else { return kind }
    switch bytes[kind] {
    case UInt8(ascii: "["): return parameters(in: bytes, from: kind + 1)
    case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"):
      return string(in: bytes, from: kind + 1)
    case UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "#"),
      UInt8(ascii: " "), UInt8(ascii: "%"):
      return scalarEnd(in: bytes, from: kind + 1)
    default: return scalarEnd(in: bytes, from: kind)
    }
  }

  /// The end of `CSI … letter`, whose parameters begin at `start`.
  static func parameters(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count, (0x20...0x3f).contains(bytes[index]) { index += 1 }
    if index < bytes.count, (0x40...0x7e).contains(bytes[index]) { index += 1 }
    return index
  }

  /// The end of a string that a terminal takes for itself. One that has no end would swallow the rest of the text: it
  /// ends with the line at the latest.
  private static func string(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    var index = start
    while index < bytes.count, bytes[index] != 0x0a {
      let byte = bytes[index]
      index += 1
      if byte == 0x07 { return index }
      if byte == 0xc2, index < bytes.count, bytes[index] == 0x9c { return index + 1 }
      if byte == 0x1b {
        if index < bytes.count, bytes[index] == UInt8(ascii: "\\") { index += 1 }
        return index
      }
    }
    return index
  }

  private static func scalarEnd(in bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
    guard start < bytes.count else { return start }
    var index = start + 1
    while index < bytes.count, bytes[index] & 0xc0 == 0x80 { index += 1 }
    return index
  }
}
