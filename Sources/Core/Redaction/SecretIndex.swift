/// Many texts that are looked for at once, in a time that doesn't depend on how many there are.
///
/// Every text is found by its first four bytes: a bitmap says for most places of a text that nothing begins there, a
/// table what may begin at the others.
struct SecretIndex: Sendable {
  private struct Bucket {
    /// Longest first.
    var lengths: [Int] = []
    var texts: Set<ArraySlice<UInt8>> = []
  }

  private static let keyLength = 4
  private static let bits = 20
  private var bitmap: [UInt64] = []
  private var buckets: [UInt32: Bucket] = [:]
  /// How many bytes the longest has.
  private(set) var longest = 0

  var isEmpty: Bool { buckets.isEmpty }

  /// - Parameter text: At least four bytes.
  mutating func insert(_ text: [UInt8]) {
    guard text.count >= Self.keyLength else { return }
    if bitmap.isEmpty { bitmap = [UInt64](repeating: 0, count: 1 << (Self.bits - 6)) }
    let key = text.withUnsafeBufferPointer { Self.key($0, 0) }
    let bit = Self.bit(of: key)
    bitmap[bit >> 6] |= 1 << UInt64(bit & 63)
    buckets[key, default: Bucket()].texts.insert(text[...])
    if let bucket = buckets[key], !bucket.lengths.contains(text.count) {
      buckets[key]?.lengths = (bucket.lengths + [text.count]).sorted(by: >)
    }
    longest = max(longest, text.count)
  }

  /// Calls `found` with the place of the longest text that begins at each place, in order; they may overlap.
  func search(_ bytes: UnsafeBufferPointer<UInt8>, found: (Range<Int>) -> Void) {
    guard !isEmpty, bytes.count >= Self.keyLength else { return }
    bitmap.withUnsafeBufferPointer { bitmap in
      for start in 0...(bytes.count - Self.keyLength) {
        let key = Self.key(bytes, start)
        let bit = Self.bit(of: key)
        guard bitmap[bit >> 6] & (1 << UInt64(bit & 63)) != 0, let bucket = buckets[key] else { continue }
        for length in bucket.lengths where start + length <= bytes.count {
          if bucket.texts.contains(Array(bytes[start..<start + length])[...]) {
            found(start..<start + length)
            break
          }
        }
      }
    }
  }

  /// The place of what may be the beginning of a text, right before the end of `range`: at least four bytes.
  func beginning(in bytes: UnsafeBufferPointer<UInt8>, endingAt range: Range<Int>) -> Range<Int>? {
    guard !isEmpty, range.count >= Self.keyLength else { return nil }
    let earliest = max(range.lowerBound, range.upperBound - longest)
    for start in earliest...(range.upperBound - Self.keyLength) {
      guard let bucket = buckets[Self.key(bytes, start)] else { continue }
      let length = range.upperBound - start
      for text in bucket.texts where text.count >= length {
        if text.prefix(length).elementsEqual(bytes[start..<range.upperBound]) {
          return start..<range.upperBound
        }
      }
    }
    return nil
  }

  /// The place of what may be the end of a text, right at `start`: at least four bytes.
  func end(in bytes: UnsafeBufferPointer<UInt8>, startingAt start: Int) -> Range<Int>? {
    guard bytes.count - start >= Self.keyLength else { return nil }
    let key = Self.key(bytes, start)
    var best = 0
    for bucket in buckets.values {
      for text in bucket.texts {
        text.withUnsafeBufferPointer { text in
          guard text.count > Self.keyLength else { return }
          for offset in 1...(text.count - Self.keyLength) where Self.key(text, offset) == key {
            let length = min(text.count - offset, bytes.count - start)
            guard length > best, length == text.count - offset else { continue }
            if (0..<length).allSatisfy({ text[offset + $0] == bytes[start + $0] }) { best = length }
          }
        }
      }
    }
    return best > 0 ? start..<start + best : nil
  }

  private static func key(_ bytes: UnsafeBufferPointer<UInt8>, _ index: Int) -> UInt32 {
    UInt32(bytes[index]) | UInt32(bytes[index + 1]) << 8 | UInt32(bytes[index + 2]) << 16
      | UInt32(bytes[index + 3]) << 24
  }

  /// Multiplicative hashing, by D. Knuth, "The Art of Computer Programming", volume 3, section 6.4.
  private static func bit(of key: UInt32) -> Int { Int((key &* 2_654_435_761) >> UInt32(32 - bits)) }
}
