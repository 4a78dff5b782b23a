/// Patterns as in ssh_config(5), "PATTERNS".
///
/// "A pattern consists of zero or more non-whitespace characters, ‘*’ (a wildcard that matches zero or more
/// characters), or ‘?’ (a wildcard that matches exactly one character)."
enum Patterns {
  /// Whether the text matches one pattern; the case matters.
  static func matches(_ text: String, _ pattern: String) -> Bool {
    var text = text
    var pattern = pattern
    return text.withUTF8 { text in pattern.withUTF8 { matches(text[...], $0[...]) } }
  }

  /// In time that is at most the product of the lengths: OpenSSH's own recursion takes exponential time for a
  /// pattern of many asterisks.
  private static func matches(
    _ text: Slice<UnsafeBufferPointer<UInt8>>, _ pattern: Slice<UnsafeBufferPointer<UInt8>>
  ) -> Bool {
    let star = UInt8(ascii: "*"), question = UInt8(ascii: "?")
    var at = text.startIndex
    var index = pattern.startIndex
    var retry: (text: Int, pattern: Int)?
    while at < text.endIndex {
      if index < pattern.endIndex, pattern[index] == star {
        index += 1
        retry = (at, index)
      } else if index < pattern.endIndex, pattern[index] == question || pattern[index] == text[at] {
        at += 1
        index += 1
      } else if let (from, after) = retry {
        at = from + 1
        index = after
        retry = (at, after)
      } else {
        return false
      }
    }
    while index < pattern.endIndex, pattern[index] == star { index += 1 }
    return index == pattern.endIndex
  }

  enum ListResult { case none, positive, negative }

  /// A comma-separated list of patterns, of which one that begins with `!` vetoes.
  ///
  /// ssh_config(5): "A pattern-list is a comma-separated list of patterns. Patterns within pattern-lists may be
  /// negated by preceding them with an exclamation mark (‘!’). […] A negated match will never produce a positive
  /// result by itself."
  ///
  /// - Parameter lowercasing: whether the list is put into lower case; the text isn't.
  static func matchesList(_ text: String, _ list: String, lowercasing: Bool = false) -> ListResult {
    var isPositive = false
    let list = lowercasing ? list.asciiLowercased : list
    var parts = list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
    // Nothing after the last comma is no pattern; nothing between two is one that matches nothing.
    if parts.last?.isEmpty == true { parts.removeLast() }
    for part in parts {
      let isNegated = part.first == UInt8(ascii: "!")
      let pattern = String(bytes: isNegated ? part.dropFirst() : part)
      // OpenSSH's own limit.
      guard pattern.utf8.count < 1023 else { return .none }
      if matches(text, pattern) {
        if isNegated { return .negative }
        isPositive = true
      }
    }
    return isPositive ? .positive : .none
  }

  /// A host name against a list, without regard to case.
  static func matchesHost(_ host: String, _ list: String) -> Bool {
    matchesList(host.asciiLowercased, list, lowercasing: true) == .positive
  }
}
