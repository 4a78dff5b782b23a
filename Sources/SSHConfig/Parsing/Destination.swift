/// `[user@]host[:port]`, also as `ssh://[user@]host[:port]`.
struct Destination: Sendable, Hashable {
  var user: String?
  var host: String
  var port: Int?

  /// A hop of `ProxyJump`.
  init?(hop text: String) {
    if text.hasPrefix("ssh://") {
      guard let destination = Destination(uri: text) else { return nil }
      self = destination
      return
    }
    var rest = Array(text.utf8)[...]
    if let at = rest.lastIndex(of: UInt8(ascii: "@")) {
      guard at > rest.startIndex else { return nil }
      user = String(bytes: rest[..<at])
      rest = rest[(at + 1)...]
    }
    guard let (host, after) = Self.host(in: rest, slashEnds: false), !host.isEmpty else { return nil }
    self.host = host
    if !after.isEmpty {
      guard let port = Numbers.port(String(bytes: after)), port > 0 else { return nil }
      self.port = port
    }
  }

  /// `ssh://[user@]host[:port][/]` (draft-ietf-secsh-scp-sftp-ssh-uri); the user may be percent-encoded.
  init?(uri text: String) {
    guard text.hasPrefix("ssh://") else { return nil }
    var rest = Array(text.utf8).dropFirst(6)
    if let at = rest.firstIndex(of: UInt8(ascii: "@")) {
      let name = rest[..<at].prefix { $0 != UInt8(ascii: ";") }
      guard !name.isEmpty, let user = Self.decoded(name) else { return nil }
      self.user = user
      rest = rest[(at + 1)...]
    }
    guard let (host, after) = Self.host(in: rest, slashEnds: true), !host.isEmpty else { return nil }
    self.host = host
    let end = rest.endIndex - after.count
    guard let plain = DomainName.checked(host, lowercasing: false) else { return nil }
    self.host = plain
    guard !after.isEmpty else { return }
    var path = after
    if rest[end - 1] == UInt8(ascii: ":") {
      let digits = after.prefix { $0 != UInt8(ascii: "/") }
      guard let port = Numbers.port(String(bytes: digits)), port > 0 else { return nil }
      self.port = port
      path = after.dropFirst(digits.count + 1)
    }
    // A path has no meaning for ssh.
    guard path.isEmpty else { return nil }
  }

  /// A host name up to a colon, without square brackets around it; and what follows the colon.
  private static func host(in text: ArraySlice<UInt8>, slashEnds: Bool) -> (String, ArraySlice<UInt8>)? {
    var end = text.startIndex
    if text.first == UInt8(ascii: "[") {
      guard let close = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      end = close + 1
    } else {
      end = text.firstIndex { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") } ?? text.endIndex
    }
    var name = text[..<end]
    if name.first == UInt8(ascii: "["), name.last == UInt8(ascii: "]") { name = name.dropFirst().dropLast() }
    guard end < text.endIndex else { return (String(bytes: name), []) }
    guard text[end] == UInt8(ascii: ":") || slashEnds && text[end] == UInt8(ascii: "/") else { return nil }
    return (String(bytes: name), text[(end + 1)...])
  }

  private static func decoded(_ text: ArraySlice<UInt8>) -> String? {
    var result: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): result.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard rest.count >= 2, let code = UInt8(String(bytes: rest.prefix(2)), radix: 16), code != 0,
          rest.first != UInt8(ascii: "+")
        else { return nil }
        result.append(code)
        rest = rest.dropFirst(2)
      default: result.append(byte)
      }
    }
    return String(bytes: result)
  }

  /// Whether a host name may stand where a shell may read it (OpenSSH's `ssh_valid_hostname`, CVE-2023-51385).
  static func isSafe(host: String) -> Bool {
    let forbidden = Array("'`\"$\\;&<>|(){},".utf8)
    return host.utf8.first != UInt8(ascii: "-")
      && host.utf8.allSatisfy { !forbidden.contains($0) && $0 > 0x20 && $0 != 0x7f }
  }

  /// Whether a user name may stand where a shell may read it (OpenSSH's `ssh_valid_ruser`).
  static func isSafe(user: String) -> Bool {
    let bytes = Array(user.utf8)
    let forbidden = Array("'`\";&<>|(){}".utf8)
    guard bytes.first != UInt8(ascii: "-"), bytes.last != UInt8(ascii: "\\") else { return false }
    return bytes.indices.allSatisfy { index in
      let byte = bytes[index]
      guard byte >= 0x20, byte != 0x7f, !forbidden.contains(byte) else { return false }
      return !(byte == 0x20 && index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "-"))
    }
  }
}

/// `ProxyJump`: the hops as they are written, or `none`.
struct Jump: Sendable, Hashable {
  /// Empty for `none`.
  var hops: [Destination]
  /// What `ssh -G` prints of all hops but the last: as it was written.
  var extra: String?

  static let none = Jump(hops: [], extra: nil)

  private init(hops: [Destination], extra: String?) {
    self.hops = hops
    self.extra = extra
  }

  /// - Parameters:
  ///   - text: The rest of the line.
  ///   - isCommandLine: On the command line, OpenSSH also refuses names that a shell would misread.
  init?(_ text: [UInt8], isCommandLine: Bool) {
    let comment = text.firstIndex(of: UInt8(ascii: "#")) ?? text.endIndex
    // OpenSSH cuts at the first whitespace.
    let end = text[..<comment].dropFirst().firstIndex { $0 == 0x20 || (0x09...0x0d).contains($0) }
    let list = String(bytes: text[..<(end ?? comment)])
    let parts = list.split(separator: ",", omittingEmptySubsequences: false)
    var hops: [Destination] = []
    for part in parts {
      guard let hop = Destination(hop: String(part)) else { return nil }
      if isCommandLine {
        guard Destination.isSafe(host: hop.host), hop.user.map(Destination.isSafe(user:)) ?? true else {
          return nil
        }
      }
      hops.append(hop)
    }
    self.hops = hops
    extra = parts.count > 1 ? parts.dropLast().joined(separator: ",") : nil
  }
}

/// Domain names as `CanonicalDomains` and URIs take them.
enum DomainName {
  /// The name without a final dot; nil if it can't be one (OpenSSH's `valid_domain`).
  static func checked(_ name: String, lowercasing: Bool) -> String? {
    var bytes = Array(name.utf8)
    func isAlphanumeric(_ byte: UInt8) -> Bool {
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
    guard let first = bytes.first, isAlphanumeric(first) else { return nil }
    let marks = Array(".-_".utf8)
    guard bytes.allSatisfy({ isAlphanumeric($0) || marks.contains($0) }), !name.contains("..") else {
      return nil
    }
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    return String(bytes: lowercasing ? bytes.asciiLowercased : bytes)
  }
}
