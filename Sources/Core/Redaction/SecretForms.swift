#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// The texts that a secret is looked for by: itself, its lines, and what encodes it as a whole.
///
/// Escapes, which a program may use for some characters and not for others, are not among them: those are taken back in
/// the text (``TextView``).
struct SecretForms {
  /// Each at least ``Redactor/shortestSecret`` bytes long.
  private(set) var texts: Set<[UInt8]> = []
  /// Those of base64, whose first and last letters also hold bits of what is beside the secret.
  private(set) var base64: Set<[UInt8]> = []

  /// From how many lines on only the lines themselves are looked for, and not the encoded forms of each.
  private static let encodedLines = 8

  init(_ secret: String) {
    let whole = Self.trimmed(Array(secret.utf8)[...])
    let lines = whole.split { $0 == 0x0a || $0 == 0x0d }.map(Self.trimmed)
    add(whole, isEncoded: true)
    if lines.count > 1 { for line in lines { add(line, isEncoded: lines.count <= Self.encodedLines) } }
    if let password = Self.passwordOfURL(secret) { add(Array(password.utf8)[...], isEncoded: true) }
  }

  private mutating func add(_ bytes: ArraySlice<UInt8>, isEncoded: Bool) {
    guard bytes.count >= Redactor.shortestSecret else { return }
    texts.insert(Array(bytes))
    guard isEncoded else { return }
    for digits in [Array("0123456789abcdef".utf8), Array("0123456789ABCDEF".utf8)] {
      texts.insert(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }
    // Behind 0, 1 or 2 bytes of something else, as `user:` in `user:secret`; letters that hold bits of those are left out.
    for before in 0..<3 {
      let padded = Data(repeating: 0, count: before) + Data(bytes)
      let letters = Array(padded.base64EncodedString().utf8)
      let first = (before * 8 + 5) / 6
      let form = Array(letters[first..<(padded.count * 8 / 6)])
      guard form.count >= Redactor.shortestSecret else { continue }
      for form in [form, form.map { $0 == UInt8(ascii: "+") ? 0x2d : $0 == UInt8(ascii: "/") ? 0x5f : $0 }] {
        texts.insert(form)
        base64.insert(form)
      }
    }
  }

  /// Without blanks and line breaks at the ends: programs drop them.
  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var bytes = bytes
    func isBlank(_ byte: UInt8?) -> Bool { byte.map { [0x20, 0x09, 0x0a, 0x0d].contains($0) } ?? false }
    while isBlank(bytes.first) { bytes.removeFirst() }
    while isBlank(bytes.last) { bytes.removeLast() }
    return bytes
  }

  /// The password in `postgres://user:password@host/name`, as a program shows it that has taken the URL apart.
  private static func passwordOfURL(_ text: String) -> String? {
    guard let scheme = text.firstRange(of: "://") else { return nil }
    let rest = text[scheme.upperBound...]
    let authority = rest.prefix { !"/?#\n".contains($0) }
    guard let at = authority.lastIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") else {
      return nil
    }
    let name = authority[..<colon]
    let password = authority[authority.index(after: colon)..<at]
    // `postgres://postgres:postgres@…` hides nothing, and would take the word out of everything.
    guard password != name, password != text[..<scheme.lowerBound] else { return nil }
    let view = TextView(Array(password.utf8))
    return String(decoding: view.decoded(by: .percent)?.bytes ?? view.bytes, as: UTF8.self)
  }
}
