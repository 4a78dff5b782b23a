/// The values that are lists of words.
enum ListParser {
  /// - Returns: nil if there is no word, which OpenSSH lets pass.
  static func assignment(_ line: ValueParser.Line) throws(SSHConfigError) -> Assignment? {
    let words = line.words
    switch line.keyword {
    case .sendEnv:
      for word in words where word.isEmpty || word.contains("=") {
        throw line.error("can't be “\(word)”: it takes names of variables, without values")
      }
      return words.isEmpty ? nil : .sendEnv(words)
    case .setEnv:
      for word in words where !word.contains("=") {
        throw line.error("can't be “\(word)”: it takes NAME=value")
      }
      return words.isEmpty ? nil : .setEnv(words)
    case .canonicalizePermittedCNAMEs:
      let rules = try permittedCNAMEs(line)
      return rules.isEmpty ? nil : .permittedCNAMEs(rules)
    case .permitRemoteOpen:
      guard !words.isEmpty else { throw line.error("has no value") }
      for word in words { try checkRemoteOpen(word, line) }
      return .words(line.keyword, words)
    case .canonicalDomains:
      try check(line)
      var domains: [String] = []
      for word in words {
        guard let domain = DomainName.checked(word, lowercasing: true) else {
          throw line.error("can't be “\(word)”: that is no domain")
        }
        domains.append(domain)
      }
      return domains.isEmpty ? nil : .words(line.keyword, domains)
    default:
      try check(line)
      return words.isEmpty ? nil : .words(line.keyword, words)
    }
  }

  private static func check(_ line: ValueParser.Line) throws(SSHConfigError) {
    for word in line.words where word.isEmpty { throw line.error("has an empty word") }
    try checkAlone("none", line)
  }

  private static func checkAlone(_ word: String, _ line: ValueParser.Line) throws(SSHConfigError) {
    if line.words.count > 1, line.words.contains(where: { $0.isWord(word) }) {
      throw line.error("has “\(word)” beside other words: it must be alone")
    }
  }

  /// ssh_config(5), "PermitRemoteOpen": `host:port`, `[address]:port`; the port may be `*`; or `any`, or `none`.
  private static func checkRemoteOpen(
    _ word: String, _ line: ValueParser.Line
  ) throws(SSHConfigError) {
    if word.isWord("any") || word.isWord("none") {
      try checkAlone(word.asciiLowercased, line)
      return
    }
    let bytes = Array(word.utf8)
    let colon = UInt8(ascii: ":")
    var end: Int? = bytes.firstIndex { $0 == colon || $0 == UInt8(ascii: "/") }
    if bytes.first == UInt8(ascii: "[") { end = bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } }
    guard let end, end < bytes.count, bytes[end] == colon else {
      throw line.error("can't be “\(word)”: it takes host:port")
    }
    let port = String(bytes: bytes[(end + 1)...])
    guard port == "*" || (Numbers.port(port) ?? 0) > 0 else {
      throw line.error("has a bad port: \(word)")
    }
  }

  /// ssh_config(5), "CanonicalizePermittedCNAMEs": "one or more arguments of source_domain_list:target_domain_list".
  private static func permittedCNAMEs(_ line: ValueParser.Line) throws(SSHConfigError) -> [PermittedCNAME] {
    try checkAlone("none", line)
    var rules: [PermittedCNAME] = []
    for word in line.words {
      if word.isWord("none") {
        rules.append(PermittedCNAME(source: word, target: ""))
      } else if word == "*" {
        rules.append(PermittedCNAME(source: "*", target: "*"))
      } else {
        let parts = word.asciiLowercased.split(
          separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[1].isEmpty else {
          throw line.error("can't be “\(word)”: it takes source:target")
        }
        rules.append(PermittedCNAME(source: String(parts[0]), target: String(parts[1])))
      }
    }
    return rules
  }
}
