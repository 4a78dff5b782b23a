#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Takes secrets out of what is about to be shown, also in the forms that programs write them in.
///
/// A value is recognised as it is, in base64, percent-encoded, in hexadecimal, with JSON's and the shell's
/// escapes, and broken by line breaks into its single lines. Values shorter than four characters are left alone: they would
/// take out half of every output and hide nothing.
public struct Redactor: Sendable {
  private var needles: [String] = []

  public init(_ secrets: some Sequence<Secret> = []) {
    for secret in secrets { add(secret) }
  }

  /// Recognises one more secret from now on.
  public mutating func add(_ secret: Secret) {
    let value = secret.reveal()
    guard value.count >= 4 else { return }
    var forms: Set<String> = []
    for part in [value] + value.split(separator: "\n").map(String.init) where part.count >= 4 {
      let data = Data(part.utf8)
      forms.insert(part)
      let base64 = data.base64EncodedString()
      forms.insert(base64)
      forms.insert(String(base64.prefix { $0 != "=" }))
      forms.insert(base64.replacing("+", with: "-").replacing("/", with: "_"))
      forms.insert(part.utf8.map { percentEncoded($0, lowercase: false) }.joined())
      forms.insert(part.utf8.map { percentEncoded($0, lowercase: true) }.joined())
      forms.insert(part.utf8.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
      forms.insert(part.replacing("'", with: #"'\''"#))
      if let json = try? JSONEncoder().encode(part) {
        forms.insert(String(String(decoding: json, as: UTF8.self).dropFirst().dropLast()))
      }
    }
    // Longest first, so that a form which holds another is not left with its ends showing.
    needles = Set(needles).union(forms).filter { $0.count >= 4 }.sorted {
      ($0.utf8.count, $0) > ($1.utf8.count, $1)
    }
  }

  /// How many bytes the longest form of a secret has: where an output was cut, the rest of one can be that long.
  package var longestForm: Int { needles.first?.utf8.count ?? 0 }

  /// The text with `***` in the place of every secret.
  public func redact(_ text: String) -> String {
    var text = text
    for needle in needles where text.contains(needle) { text = text.replacing(needle, with: "***") }
    return text
  }

  private func percentEncoded(_ byte: UInt8, lowercase: Bool) -> String {
    let isUnreserved =
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
      || [0x2d, 0x2e, 0x5f, 0x7e].contains(byte)
    if isUnreserved { return String(UnicodeScalar(byte)) }
    let digits = String(byte, radix: 16, uppercase: !lowercase)
    return "%" + (byte < 16 ? "0" : "") + digits
  }
}
