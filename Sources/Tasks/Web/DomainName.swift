import MartletCore

/// The rules for the names of sites (RFC 1123, section 2.1).
enum DomainName {
  /// - Throws: ``InvalidTask`` that says what is wrong with the name.
  static func check(_ name: String, allowsWildcard: Bool = false) throws {
    var labels = name.split(separator: ".", omittingEmptySubsequences: false)
    if allowsWildcard, labels.first == "*", labels.count > 1 { labels.removeFirst() }
    let isRight =
      name.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
          && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
      }
    if !isRight {
      throw InvalidTask(
        "\"\(name)\" is no domain name: letters, digits and hyphens, with dots between, and nothing else")
    }
  }
}
