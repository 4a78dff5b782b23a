/// A path or a name as file systems have it: bytes, which need not be UTF-8.
///
///     let path: BytePath = "pkg/café.txt"
///     path.parent        // pkg
///
/// Two paths are the same if their bytes are. Swift's `String` calls texts equal that Unicode says mean the same: `é` in
/// one code point and in two are equal for it, and two files for a host.
public struct BytePath: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The bytes, without a NUL at their end.
  public let bytes: [UInt8]

  public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

  public init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

  public init(stringLiteral value: String) { bytes = Array(value.utf8) }

  /// The path of something inside this folder; the empty path is the folder that paths are relative to.
  public static func / (folder: BytePath, name: BytePath) -> BytePath {
    folder.isEmpty ? name : name.isEmpty ? folder : BytePath(folder.bytes + [slash] + name.bytes)
  }

  public static func < (first: BytePath, second: BytePath) -> Bool {
    first.bytes.lexicographicallyPrecedes(second.bytes)
  }

  public var isEmpty: Bool { bytes.isEmpty }

  /// The names that the path is made of.
  public var components: [BytePath] { bytes.split(separator: Self.slash).map(BytePath.init) }

  /// The folder that the path is in; empty for a single name.
  public var parent: BytePath {
    bytes.lastIndex(of: Self.slash).map { BytePath(bytes[..<$0]) } ?? BytePath([])
  }

  /// The last component.
  public var name: BytePath {
    bytes.lastIndex(of: Self.slash).map { BytePath(bytes[($0 + 1)...]) } ?? self
  }

  /// The folders that the path is in, the outermost first.
  public var ancestors: [BytePath] {
    bytes.indices.filter { bytes[$0] == Self.slash && $0 > 0 }.map { BytePath(bytes[..<$0]) }
  }

  /// Whether it lies somewhere below the folder.
  public func isBelow(_ folder: BytePath) -> Bool {
    bytes.count > folder.bytes.count + 1 && bytes[folder.bytes.count] == Self.slash
      && bytes.starts(with: folder.bytes)
  }

  /// Whether a byte is one of ASCII's control characters.
  public var hasControlCharacter: Bool { bytes.contains { $0 < 0x20 || $0 == 0x7f } }

  /// The path as text; nil if it isn't UTF-8.
  public var text: String? { String(validating: bytes, as: UTF8.self) }

  /// For people: what is not UTF-8 shows as in `caf\xe9.txt`.
  public var description: String {
    if let text { return text }
    var shown = ""
    var rest = bytes[...]
    while !rest.isEmpty {
      // A character has at most four bytes.
      let length = (1...min(4, rest.count)).first {
        String(validating: rest.prefix($0), as: UTF8.self) != nil
      }
      if let length {
        shown += String(decoding: rest.prefix(length), as: UTF8.self)
      } else {
        shown += #"\x"# + (rest[rest.startIndex] < 16 ? "0" : "") + String(rest[rest.startIndex], radix: 16)
      }
      rest = rest.dropFirst(length ?? 1)
    }
    return shown
  }

  private static let slash = UInt8(ascii: "/")
}

extension ShellCommand.StringInterpolation {
  /// A path as one quoted word. One that isn't UTF-8 is written by the host's `printf`: a program for a host is text.
  public mutating func appendInterpolation(_ path: BytePath) {
    if let text = path.text { return appendInterpolation(text) }
    let isPlain = { (byte: UInt8) in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
    let escaped = path.bytes.map { byte -> String in
      if isPlain(byte) { return String(UnicodeScalar(byte)) }
      let digits = String(byte, radix: 8)
      return "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
    }
    // Letters, digits and octal escapes: nothing that the shell could take for anything else.
    appendInterpolation(raw: "\"$(printf '\(escaped.joined())')\"")
  }

  /// Every path as a quoted word of its own, with blanks between them.
  public mutating func appendInterpolation(_ paths: [BytePath]) {
    for (index, path) in paths.enumerated() {
      if index > 0 { appendInterpolation(raw: " ") }
      appendInterpolation(path)
    }
  }
}
