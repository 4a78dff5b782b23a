/// A list of algorithms as a configuration states it: on its own, or as a change to the client's defaults.
///
/// ssh_config(5), "Ciphers": "If the specified list begins with a ‘+’ character, then the specified ciphers will be
/// appended to the default set instead of replacing them. If the specified list begins with a ‘-’ character, then
/// the specified ciphers (including wildcards) will be removed from the default set instead of replacing them. If
/// the specified list begins with a ‘^’ character, then the specified ciphers will be placed at the head of the
/// default set."
public struct AlgorithmList: Sendable, Hashable {
  /// What the names do to the defaults.
  public enum Change: Sendable, Hashable { case replace, append, remove, prepend }

  /// What the names do to the client's defaults.
  public let change: Change
  /// Names, which may be patterns with `*` and `?`.
  public let names: [String]

  init(_ text: String) {
    switch text.utf8.first {
    case UInt8(ascii: "+"): change = .append
    case UInt8(ascii: "-"): change = .remove
    case UInt8(ascii: "^"): change = .prepend
    default: change = .replace
    }
    let list = change == .replace ? text[...] : text.dropFirst()
    names = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }

  /// The list that a client with these defaults uses.
  ///
  /// - Parameters:
  ///   - defaults: What the client offers by itself, in its order.
  ///   - supported: All that the client can do; patterns stand for the names in here that they match.
  /// - Returns: Supported names in the order of preference; empty if nothing is left, which `ssh` refuses.
  public func applied(to defaults: [String], supported: [String]) -> [String] {
    let wanted: [String]
    switch change {
    case .remove:
      let patterns = names.joined(separator: ",")
      return defaults.filter { Patterns.matchesList($0, patterns) != .positive }
    case .append: wanted = Self.joined(defaults, names)
    case .prepend: wanted = Self.joined(names, defaults)
    case .replace: wanted = names
    }
    return wanted.reduce(into: []) { list, pattern in
      let matching = supported.filter { Patterns.matchesList($0, pattern) == .positive }
      list = list.isEmpty ? matching : Self.joined(list, matching)
    }
  }

  /// A list and what another has beside it. OpenSSH stops at an empty name.
  private static func joined(_ first: [String], _ second: [String]) -> [String] {
    if first == [""] || first.isEmpty { return second }
    return second.prefix { !$0.isEmpty }.reduce(into: first) { list, name in
      if !list.contains(name) { list.append(name) }
    }
  }
}

/// The kinds of algorithms that a configuration chooses, with what OpenSSH 9.2 knows and offers of each.
enum AlgorithmKind: Sendable, CaseIterable {
  case cipher, mac, keyExchange, key, caSignature, gssKeyExchange

  /// What `ssh -Q` lists, in its order; `key` is its `key-sig`, `caSignature` its `sig`.
  var supported: [String] {
    switch self {
    case .cipher:
      [
        "3des-cbc", "aes128-cbc", "aes192-cbc", "aes256-cbc", "aes128-ctr", "aes192-ctr", "aes256-ctr",
        "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com",
      ]
    case .mac:
      [
        "hmac-sha1", "hmac-sha1-96", "hmac-sha2-256", "hmac-sha2-512", "hmac-md5", "hmac-md5-96",
        "umac-64@openssh.com", "umac-128@openssh.com", "hmac-sha1-etm@openssh.com",
        "hmac-sha1-96-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com",
        "hmac-md5-etm@openssh.com", "hmac-md5-96-etm@openssh.com", "umac-64-etm@openssh.com",
        "umac-128-etm@openssh.com",
      ]
    case .keyExchange:
      [
        "diffie-hellman-group1-sha1", "diffie-hellman-group14-sha1", "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha1", "diffie-hellman-group-exchange-sha256", "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "curve25519-sha256", "curve25519-sha256@libssh.org",
        "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com",
      ]
    case .key:
      [
        "ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
        "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com",
        "ssh-dss", "ssh-dss-cert-v01@openssh.com", "ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "rsa-sha2-256",
        "rsa-sha2-256-cert-v01@openssh.com", "rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com",
      ]
    case .caSignature:
      [
        "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com",
        "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "ssh-dss", "ssh-rsa", "rsa-sha2-256", "rsa-sha2-512",
      ]
    case .gssKeyExchange:
      [
        "gss-gex-sha1-", "gss-group1-sha1-", "gss-group14-sha1-", "gss-group14-sha256-",
        "gss-group16-sha512-", "gss-nistp256-sha256-", "gss-curve25519-sha256-",
      ]
    }
  }

  /// What OpenSSH 9.2 offers by itself.
  var defaults: [String] {
    switch self {
    case .cipher:
      [
        "chacha20-poly1305@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
      ]
    case .mac:
      [
        "umac-64-etm@openssh.com", "umac-128-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com", "hmac-sha1-etm@openssh.com", "umac-64@openssh.com",
        "umac-128@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
      ]
    case .keyExchange:
      [
        "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
        "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
        "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha256",
      ]
    case .key:
      [
        "ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com", "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "sk-ssh-ed25519-cert-v01@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com",
      ] + AlgorithmKind.caSignature.defaults
    case .caSignature:
      [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256",
      ]
    case .gssKeyExchange:
      [
        "gss-group14-sha256-", "gss-group16-sha512-", "gss-nistp256-sha256-", "gss-curve25519-sha256-",
        "gss-group14-sha1-", "gss-gex-sha1-",
      ]
    }
  }

  /// Names of versions after 9.2, which a newer `ssh` on the same machine would accept.
  private static let later = [
    "mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384",
    "webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
  ]

  /// What names of keys may also be called.
  private static let shortKeyNames = ["ed25519", "ed25519-sk", "ecdsa", "ecdsa-sk", "dsa", "rsa", "null"]

  /// The first name of a list that OpenSSH doesn't know; nil if it takes the list.
  ///
  /// Names to remove aren't looked at, and neither is what follows an empty name.
  func unknownName(in text: String) -> String? {
    if text.hasPrefix("-"), self != .gssKeyExchange { return nil }
    let hasPrefix = self != .gssKeyExchange && (text.hasPrefix("+") || text.hasPrefix("^"))
    let list = hasPrefix ? text.dropFirst() : text[...]
    guard !list.isEmpty else { return "" }
    let names = list.split(separator: ",", omittingEmptySubsequences: false).prefix { !$0.isEmpty }
    return names.map(String.init).first { !isKnown($0) }
  }

  private func isKnown(_ name: String) -> Bool {
    let gss = AlgorithmKind.gssKeyExchange.supported
    switch self {
    case .cipher, .mac: return supported.contains(name)
    case .keyExchange:
      return supported.contains(name) || Self.later.contains(name) || gss.contains(where: name.hasPrefix)
    case .gssKeyExchange: return gss.contains(where: name.hasPrefix)
    case .key, .caSignature:
      let names = AlgorithmKind.key.supported + ["null"] + Self.later
      return names.contains(name) || Self.shortKeyNames.contains(name.asciiLowercased)
        || names.contains { Patterns.matchesList($0, name) != .none }
    }
  }

  /// The list that `ssh` would use: what the file says, applied to OpenSSH's defaults.
  ///
  /// - Returns: nil where `ssh` refuses the list: nothing is left of it, or a name is negated.
  func assembled(_ text: String?) -> String? {
    guard let text, !text.isEmpty else { return Self.defaultTexts[self] }
    let list = AlgorithmList(text)
    if list.change != .remove, list.names.contains(where: { $0.hasPrefix("!") }) { return nil }
    let kind = AlgorithmKind.later(than: self, list.names)
    let result = list.applied(to: defaults, supported: kind)
    return result.isEmpty && list.change != .remove ? nil : result.joined(separator: ",")
  }

  /// Made once: most hosts have no lists of their own.
  private static let defaultTexts = Dictionary(
    uniqueKeysWithValues: AlgorithmKind.allCases.map { ($0, $0.defaults.joined(separator: ",")) })

  private static func later(than kind: AlgorithmKind, _ names: [String]) -> [String] {
    kind.supported + later.filter { names.contains($0) && kind.isKnown($0) }
  }
}
